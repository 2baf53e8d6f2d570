"""The suite `smoke`, for asv."""

from convharness import asv_benchmarks

globals().update(asv_benchmarks(__file__))
