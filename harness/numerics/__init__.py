"""Numerics: arrays of every library, operands, the reference and the bounds of its error."""
