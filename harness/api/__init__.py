"""What the command line does, as functions for Python: they take and return values, and print nothing."""
