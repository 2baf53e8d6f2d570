"""Shrinking: from a problem on which an implementation fails to a smaller one on which it still fails."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from ..errors import ProblemError
from ..plugins.declaration import Implementation
from ..problems.problem import Problem
from ..problems.suite import Case
from . import Oracle
from .verdict import Verdict

_NUMBERS = {"wrong", "imprecise"}

_MOST_STEPS = 400
"""The most verdicts that one reduction takes; the problem reached by then is small enough."""


def shrink(problem: Problem, fails: Callable[[Problem], bool]) -> Problem:
    """Return a problem that fails and none of whose simpler neighbours does.

    Greedy: each step takes the first simpler neighbour for which `fails` is true, the largest change
    first. After `_MOST_STEPS` calls of `fails` the problem reached so far is returned.
    """
    steps = 0
    while True:
        for candidate in _simpler(problem):
            steps += 1
            if steps > _MOST_STEPS:
                return problem
            if fails(candidate):
                problem = candidate
                break
        else:
            return problem


def shrunk(oracle: Oracle, implementation: Implementation, problem: Problem, verdict: Verdict) -> Verdict:
    """Return the verdict on a smaller problem that fails alike: with wrong numbers, or the same status.

    Its reason names that problem, and its reproducer runs it.
    """
    alike = _NUMBERS if verdict.status in _NUMBERS else {verdict.status}
    problem = problem if verdict.problem is None else Problem.parse(verdict.problem)
    verdicts: dict[Problem, Verdict] = {}

    def fails(candidate: Problem) -> bool:
        verdicts[candidate] = oracle.judge(implementation, Case(str(candidate), (candidate,)))
        return verdicts[candidate].status in alike and verdicts[candidate].problem is None

    smallest = shrink(problem, fails)
    if smallest == problem:
        return verdict
    found = verdicts[smallest]
    return replace(found, reason=f"shrunk to {smallest}: {found.reason}")


def _simpler(problem: Problem) -> Iterator[Problem]:
    """Yield every problem that is simpler in one respect, the largest changes first."""
    for changes in _changes(problem):
        try:
            candidate = problem.replace(**changes)
        except ProblemError:
            continue
        if candidate != problem:
            yield candidate


def _changes(problem: Problem) -> Iterator[dict[str, Any]]:
    if problem.ndim > 1:
        for axis in range(problem.ndim):
            yield _without_axis(problem, axis)
    yield {"bias": False}
    yield {"padding_mode": "zeros"}
    yield {"padding": 0}
    yield {"stride": 1}
    yield {"dilation": 1}
    groups = problem.groups
    inputs, outputs = problem.in_channels // groups, problem.out_channels // groups
    yield {"groups": 1, "in_channels": inputs, "out_channels": outputs}
    yield {"groups": 1}
    yield from ({"batch_size": size} for size in _less(problem.batch_size))
    yield from ({"in_channels": size * groups} for size in _less(inputs))
    yield from ({"out_channels": size * groups} for size in _less(outputs))
    yield from (
        {"groups": size, "in_channels": size * inputs, "out_channels": size * outputs}
        for size in _less(groups)
    )
    for name in ("stride", "dilation", "kernel_size", "input_size"):
        values = getattr(problem, name)
        for axis, value in enumerate(values):
            for less in _less(value):
                yield {name: (*values[:axis], less, *values[axis + 1 :])}
    pads = problem.pads
    for axis, (before, after) in enumerate(pads):
        simpler = [(0, 0), (0, after), (before, 0), (before // 2, after // 2)]
        simpler += [(before, before)] if before < after else []
        simpler += [(max(0, before - 1), after), (before, after - 1 if after > 0 else after + (after < 0))]
        for pair in simpler:
            yield {"padding": (*pads[:axis], pair, *pads[axis + 1 :])}


def _less(value: int) -> Iterator[int]:
    """Yield smaller numbers of at least 1: the least, half, one less."""
    yield from dict.fromkeys(number for number in (1, value // 2, value - 1) if 1 <= number < value)


def _without_axis(problem: Problem, axis: int) -> dict[str, Any]:
    names = ("input_size", "kernel_size", "stride", "dilation")
    changes = {name: _without(getattr(problem, name), axis) for name in names}
    return {**changes, "padding": _without(problem.pads, axis)}


def _without(values: tuple[Any, ...], axis: int) -> tuple[Any, ...]:
    return values[:axis] + values[axis + 1 :]
