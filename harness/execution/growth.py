"""How the memory of this process grows with calls of an implementation, which it must hold alone."""

from collections.abc import Sequence
from statistics import median
from time import perf_counter

import numpy as np

from ..machine.memory_growth import sizes_after
from ..numerics.arrays import dtype_of
from ..numerics.operands import Operands
from ..plugins.declaration import Implementation
from ..problems.problem import Problem
from .host import Growth
from .kernel_call import Bound, bind

_ENOUGH_BYTES = 2**29
"""Memory that has grown by so much need not grow further to show that it grows."""


def grown_by_calls(bound: Bound, rounds: int, each: int, within_s: float) -> Growth:
    """Return how memory grows with calls on the same operands; raises `KernelError`."""
    sizes = sizes_after(lambda _: bound.run(), rounds, each, enough_bytes=_ENOUGH_BYTES, within_s=within_s)
    return Growth(sizes, each)


def grown_by_shapes(
    implementation: Implementation, problems: Sequence[Problem], each: int, within_s: float
) -> Growth:
    """Return how memory grows with calls on one problem after the other; raises `KernelError`."""
    first_s: list[float] = []
    again_s: list[float] = []

    def call_on(number: int) -> None:
        problem = problems[number]
        bound = bind(implementation, problem, _ones(problem))
        for seconds in (first_s, again_s):
            begin = perf_counter()
            bound.run()
            seconds.append(perf_counter() - begin)

    sizes = sizes_after(call_on, len(problems) // each, each, enough_bytes=_ENOUGH_BYTES, within_s=within_s)
    return Growth(sizes, each, median(first_s), median(again_s)) if first_s else Growth(sizes, each)


def _ones(problem: Problem) -> Operands:
    dtype = dtype_of(problem.dtype)
    x, weight = np.ones(problem.input_shape, dtype), np.ones(problem.weight_shape, dtype)
    return Operands(x, weight, np.ones(problem.out_channels, dtype) if problem.bias else None)
