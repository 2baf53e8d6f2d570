"""The exit codes of the command line."""

PASSED, FAILED, MISTAKE, BUG, NOTHING_JUDGED, INTERRUPTED = 0, 1, 2, 3, 4, 130
