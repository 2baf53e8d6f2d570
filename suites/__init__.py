"""The suites that come with convharness, and what asv runs of them."""
