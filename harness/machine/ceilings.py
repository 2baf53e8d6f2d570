"""Ceilings: the best rates this machine reaches, of arithmetic per data type and of memory.

A ceiling is the best that any installed library reaches on what machines are best at: a large matrix
product, and a plain copy. The best of many tries counts, as disturbances only make a machine slower.
"""

from collections.abc import Callable, Mapping
from math import gcd, prod
from time import perf_counter

import msgspec

from ..measure.stopwatch import Clock
from ..numerics.accuracy import Accuracy
from ..numerics.arrays import LIBRARIES, Adapter, adapter
from ..plugins.libraries import is_installed
from ..problems.fields import DTYPES, ITEM_SIZES
from ..problems.problem import Problem
from ..problems.suite import Case
from . import caches

_PRODUCT_S = 0.1
_COPY_S = 0.05
_SLOW_S = 0.05

_SMALL, _LARGE = 128, 768
"""Rows and columns of the products; where the large one would take long, only the small one is timed."""

_LEAST_COPIED, _MOST_COPIED = 2**13, 2**28

_FASTER = 2.0
"""A kernel cannot be more than this many times faster than the best product or copy seen here: a busy
machine may have hidden that much of its speed when it was measured."""

_READ_ONLY = 2.0
"""A copy reads and writes; a kernel that mostly reads may be faster by this factor."""


class Ceilings(msgspec.Struct, frozen=True):
    """The best rates seen: 10⁹ operations per second by data type, and 10⁹ bytes per second.

    `gbytes_s` is that of main memory, `cached_gbytes_s` of the fastest cache.
    """

    threads: int
    gflops: Mapping[str, float]
    gbytes_s: float
    cached_gbytes_s: float

    def at_least(self, other: "Ceilings") -> "Ceilings":
        """Return the better rates of both, for these threads: more threads need not be slower."""
        gflops = {
            dtype: max(self.gflops.get(dtype, 0.0), other.gflops.get(dtype, 0.0))
            for dtype in {**self.gflops, **other.gflops}
        }
        return Ceilings(
            self.threads,
            gflops,
            max(self.gbytes_s, other.gbytes_s),
            max(self.cached_gbytes_s, other.cached_gbytes_s),
        )

    def peak_fraction(self, case: Case, seconds: float) -> float | None:
        """Return the share of the peak flop rate that a case done in a time reaches, None if unknown."""
        peak = self.gflops.get(case.problems[0].dtype)
        return case.total("flops") / seconds / 1e9 / peak if peak else None

    def implausible(self, case: Case, accuracy: Accuracy, seconds: float) -> str | None:
        """Return why a case cannot be done in a time, or None if it can.

        Fast algorithms need fewer operations; all have to touch their data.
        """
        touching = sum(_touched_bytes(one) for one in case.problems) / (self.cached_gbytes_s * 1e9)
        limits = [(touching, _FASTER * _READ_ONLY, f"{self.cached_gbytes_s:.3g} GB/s in cache")]
        rates = (
            self.gflops.values() if accuracy.bits is not None else [self.gflops.get(case.problems[0].dtype)]
        )
        peak = max((rate for rate in rates if rate), default=0.0)
        if accuracy.exact and peak:
            limits.append((case.total("flops") / (peak * 1e9), _FASTER, f"{peak:.3g} Gflop/s"))
        takes, times, why = max(limits, key=lambda limit: limit[0] / limit[1])
        if seconds >= takes / times:
            return None
        return (
            f"took {seconds:.3g} s a call, which is implausible: at the {why} that this machine was seen to"
            f" reach it takes {takes:.3g} s"
        )


def _touched_bytes(problem: Problem) -> int:
    """Return the bytes that every algorithm has to touch; a large stride or a crop skips inputs."""
    inputs = problem.batch_size * problem.in_channels
    for axis, size in enumerate(problem.input_size):
        outputs, taps = problem.output_size[axis], problem.kernel_size[axis]
        stride, dilation = problem.stride[axis], problem.dilation[axis]
        span = (outputs - 1) * stride + (taps - 1) * dilation
        left = max(0, size + sum(min(side, 0) for side in problem.pads[axis]))
        inputs *= min(left, outputs * taps, span // gcd(stride, dilation) + 1)
    read = min(inputs, problem.macs) + min(problem.parameters, problem.macs)
    return (read + prod(problem.output_shape)) * ITEM_SIZES[problem.dtype]


def measure_here(threads: int) -> Ceilings:
    """Measure the libraries of this process, with a number of threads that they were already limited to."""
    installed = [adapter(name) for name in LIBRARIES if is_installed(name)]
    for library in installed:
        library.limit_threads(threads)
    gflops = {dtype: max(_product_rate(library, dtype) for library in installed) / 1e9 for dtype in DTYPES}
    for dtype in ("float16", "bfloat16"):  # computing in float32 and rounding once is correct, too
        gflops[dtype] = max(gflops[dtype], gflops["float32"])
    largest = min(_MOST_COPIED, max(2**26, 2 * max(caches.sizes(), default=2**25)))
    sizes = [_LEAST_COPIED * 4**power for power in range(5)]
    return Ceilings(
        threads=threads,
        gflops=gflops,
        gbytes_s=max(_copy_rate(library.copying(largest), largest) for library in installed) / 1e9,
        cached_gbytes_s=max(
            _copy_rate(library.copying(size), size) for library in installed for size in sizes
        )
        / 1e9,
    )


def _product_rate(library: Adapter, dtype: str) -> float:
    """Return the operations per second of a library's best product of two square matrices."""
    best = 0.0
    for size in (_SMALL, _LARGE):
        operations = 2.0 * size**3
        if best and operations / best > _SLOW_S:
            break
        if (call := library.product(dtype, size)) is not None:
            best = max(best, operations / _fastest(call, _PRODUCT_S))
    return best


def _copy_rate(call: Callable[[], object], size: int) -> float:
    """Return the bytes per second, read and written, of a copy."""
    return 2.0 * size / _fastest(call, _COPY_S)


def _fastest(call: Callable[[], object], budget_s: float, clock: Clock = perf_counter) -> float:
    """Return the seconds of the fastest call; short ones are timed together."""
    call()
    begin = clock()
    call()
    number = max(1, int(1e-4 / max(clock() - begin, 1e-7)))
    fastest = float("inf")
    end = clock() + budget_s
    while clock() < end:
        start = clock()
        for _ in range(number):
            call()
        fastest = min(fastest, (clock() - start) / number)
    return fastest
