"""The suite `smoke`, for asv."""

from ._benchmarks import benchmarks_of

globals().update(benchmarks_of("smoke"))
