"""The implementations that come with convharness, a family per file."""
