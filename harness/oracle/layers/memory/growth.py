"""Memory that grows with every call, or with every new shape.

What a process allocates for good with its first calls (caches, code, arenas) grows for a while and then
stays. So the series is watched in rounds, and what counts is its later half: memory grows where it has
grown in every round of it, by more than the error of the system's counters. Linux counts the pages of a
process for each processor apart and adds up what exceeds 32 pages, so that one reading is off by up to 32
pages for each processor on which the process has run meanwhile; 64 pages are asked for.

A bounded cache looks like growth until it is full. Where growth would end a long run, the series is
continued before it is held against the kernel: over more shapes than the 128 that Python's `lru_cache` keeps,
over thousands of calls, or until it has reached half a GiB.
"""

from collections.abc import Iterator
from itertools import islice
from statistics import median

from ....execution.host import Growth, Held
from ....problems.problem import Problem
from ...trial import Trial
from ...verdict import Verdict

_LONG_RUN = 10**5
"""So many calls, or shapes, are an ordinary run of a service or a training."""

_MACHINE_BYTES = 2**34
"""The memory of an ordinary machine. A verdict should not depend on where it was given."""

_MOST_BYTES = _MACHINE_BYTES / _LONG_RUN

_COUNTER_BYTES = 64 * 4096

_ROUNDS = 8
_CALLS = 16
_SHAPES = 2
_SECONDS = 0.1

_LONGER_CALLS = 250
_LONGER_SHAPES = 40
_LONGER_S = 5.0
_LEAST_CALLS = 64
"""With fewer calls than this a cache that is being filled is not told from growth without end."""

_COMPILING_S = 5e-3
_COMPILING_S_PER_BYTE = 2e-9
"""A first call on a shape that takes longer than a second one by both of these compiles for the shape, and
keeps the code: the time of touching new memory is far less."""


def by_calls(trial: Trial, held: Held) -> Iterator[Verdict]:
    """Say how memory grows with calls on the same operands."""
    seen = trial.host.grown_by_calls(held, _ROUNDS, _CALLS, _SECONDS)
    if seen is None or (growth := growth_of(seen)) is None:
        return
    if growth > _MOST_BYTES:
        seen = trial.host.grown_by_calls(held, _ROUNDS, _LONGER_CALLS, _LONGER_S) or seen
        if (growth := growth_of(seen)) is None:
            return
    _note(trial, "call", growth)
    if growth > _MOST_BYTES and _number(seen) >= _LEAST_CALLS:
        yield _failure(trial, "call", growth, _number(seen))


def by_shapes(trial: Trial) -> Iterator[Verdict]:
    """Say how memory grows with inputs of new shapes."""
    shapes = (problem for problem in shapes_near(trial.problem) if not trial.refuses(problem))
    problems = [*islice(shapes, _ROUNDS * _SHAPES)]
    if len(problems) < _ROUNDS * _SHAPES:
        return
    seen = trial.host.grown_by_shapes(problems[::-1], _SHAPES, _SECONDS)
    if seen is None or (growth := growth_of(seen)) is None:
        return
    if growth > _MOST_BYTES and not _compiles(seen, growth):
        problems = [*islice(shapes, _ROUNDS * _LONGER_SHAPES)]
        if len(problems) < _ROUNDS * _LONGER_SHAPES:  # it supports so few shapes that its memory is bounded
            return
        seen = trial.host.grown_by_shapes(problems[::-1], _LONGER_SHAPES, _LONGER_S) or seen
        if (growth := growth_of(seen)) is None:
            return
        if growth > _MOST_BYTES and _number(seen) >= _LEAST_CALLS and not _compiles(seen, growth):
            yield _failure(trial, "shape", growth, _number(seen))
    _note(trial, "shape", growth)


def growth_of(seen: Growth) -> int | None:
    """Return the bytes by which memory grows with each call, or shape; None if it does not go on growing."""
    steps = [after - before for before, after in zip(seen.sizes, seen.sizes[1:], strict=False)]
    later = steps[len(steps) // 2 :]
    if len(later) < 2 or min(later) < _COUNTER_BYTES:
        return None
    return round(median(later) / seen.each)


def shapes_near(problem: Problem) -> Iterator[Problem]:
    """Yield problems of other input sizes, the smallest first.

    They are asked from the largest to the smallest, so that what is freed fits what comes next.
    """
    for longer in range(1, 1000):
        for shift in range(longer + 1):
            sizes = list(problem.input_size)
            sizes[-1] += longer - shift
            sizes[0] += shift
            yield problem.replace(input_size=tuple(sizes))
            if problem.ndim == 1:
                break


def _number(seen: Growth) -> int:
    """Return how many calls, or shapes, there were."""
    return (len(seen.sizes) - 1) * seen.each


def _compiles(seen: Growth, growth: int) -> bool:
    return seen.first_s - seen.again_s > _COMPILING_S + _COMPILING_S_PER_BYTE * growth


def _note(trial: Trial, word: str, growth: int) -> None:
    trial.found["grows_by_bytes"] = {**trial.found.get("grows_by_bytes", {}), word: growth}


def _failure(trial: Trial, word: str, growth: int, number: int) -> Verdict:
    every = "call" if word == "call" else "new shape"
    needed = growth * _LONG_RUN / 2**30
    reason = (
        f"its process grows by {growth:,} bytes with every {every}, in all of {number:,}; "
        f"{_LONG_RUN:,} would take {needed:,.0f} GiB"
    )
    return trial.failure("memory", reason)
