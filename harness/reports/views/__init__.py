"""What the records say, as tables: pure functions of a report's frame that format nothing."""
