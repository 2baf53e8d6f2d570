"""The command line: words to settings, records to text, statuses to an exit code."""
