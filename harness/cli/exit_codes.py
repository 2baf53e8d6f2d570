"""The exit codes of the command line."""

PASSED, FAILED, MISTAKE, BUG, INTERRUPTED = 0, 1, 2, 3, 130
