"""The tests of convharness; read in order, a file is the specification of its module."""
