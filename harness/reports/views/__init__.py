"""What the records say, as tables: pure functions that format nothing.

`rows` is always the prepared frame of a `Report`, or some rows of it: nothing here prepares a frame again.
"""
