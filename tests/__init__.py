"""The tests of convharness; in their order, those of a file specify its module."""
