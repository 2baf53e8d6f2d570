"""The order of cases where time is limited: those first that promise to show most per second.

What a case may show is what it has that no case before it had: a feature, a pair of features, a size at,
below or above a power of two. That is a count without any measuring, so that it holds for random cases and
for those of a user's own suite, too; `benchmarks/kills.py` measures what it is worth on faulty kernels.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import combinations
from typing import TypeVar

from ..problems.problem import Problem
from ..problems.suite import Case
from .coverage import features_of

_FIXED_S = 0.1
_SECONDS_PER_MAC = 1e-7
"""What a thorough verdict costs: about this, the reference's share included."""

_LARGEST_EXACT = 4
_RESTS = (2, 4, 8)

T = TypeVar("T")


def by_promise(cases: Iterable[tuple[T, Case]]) -> list[tuple[T, Case]]:
    """Return cases, each with what it comes with, in the order of what they promise to show per second.

    Greedy: the next case is the one that has most that is new, divided by its cost. A promise only falls
    while others are chosen, so one that is still the largest when it is looked at again is the largest.
    """
    listed = list(cases)
    shows = [frozenset(_shown(case.problems)) for _, case in listed]
    costs = [_cost(case.problems) for _, case in listed]
    heap = [(-len(shown) / cost, index) for index, (shown, cost) in enumerate(zip(shows, costs, strict=True))]
    heapify(heap)
    seen: set[Hashable] = set()
    found = []
    while heap:
        _, index = heappop(heap)
        promise = -len(shows[index] - seen) / costs[index]
        if heap and promise > heap[0][0]:
            heappush(heap, (promise, index))
            continue
        seen |= shows[index]
        found.append(listed[index])
    return found


def _cost(problems: Sequence[Problem]) -> float:
    """Return about how many seconds a thorough verdict on some problems takes."""
    return sum(_FIXED_S + _SECONDS_PER_MAC * problem.dense_macs for problem in problems)


def _shown(problems: Sequence[Problem]) -> Iterator[Hashable]:
    """Yield what a fault may depend on in some problems."""
    for problem in problems:
        features = sorted(features_of(problem))
        yield from features
        yield from combinations(features, 2)
        yield from ((name, kind) for name, size in _sizes(problem) for kind in _kinds(size))


def _sizes(problem: Problem) -> Iterator[tuple[str, int]]:
    """Yield the sizes by which kernels choose their way."""
    yield "batch", problem.batch_size
    yield "channels", problem.in_channels
    yield "channels of a group", problem.in_channels // problem.groups
    yield "output channels", problem.out_channels
    yield "output channels of a group", problem.out_channels // problem.groups
    yield "groups", problem.groups
    yield "products", problem.products
    yield "row", problem.output_size[-1]
    for name in ("kernel_size", "stride", "dilation", "input_size"):
        yield from ((name, value) for value in getattr(problem, name))
    yield from (("padding", value) for pair in problem.pads for value in pair)


def _kinds(size: int) -> Iterator[Hashable]:
    """Yield what is particular about a size: its power of two, where it lies to that, and its remainders."""
    if size <= _LARGEST_EXACT:
        yield size
        return
    power = 1 << (size.bit_length() - 1)
    yield power
    if size - power in (0, 1):
        yield power, size - power
    if size + 1 == 2 * power:
        yield 2 * power, -1
    for rest in _RESTS:
        yield rest, size % rest == 0
