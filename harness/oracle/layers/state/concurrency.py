"""Calls from several threads at once, long enough to meet.

Two calls that share a buffer show it only where one of them is at work while the other one is. On several
processors they are, as soon as a call takes longer than a thread needs to start. On a single processor
threads take turns, of a time slice T of the scheduler: some 3 ms on Linux, 4 ms where its clock ticks 250
times a second. A turn that ends while a call holds the buffer lets another thread write to it. If a call
holds it for a share f of its time, k turns all miss it with probability (1 − f)ᵏ. Work of W seconds has
k = W/T turns: W = 0.06 s has 15 of 4 ms, which miss f = 0.27 once in a hundred times, and f = 0.5, as of a
scratch buffer in the inner loop, three times in 10⁵. Times are those of processors, so that other programs
change nothing. Calls follow one another without a pause, since threads that wait for each other after every
call would end their turns of their own accord, between two calls.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil, prod
from time import perf_counter
from typing import Any

import numpy as np

from ....errors import ProblemError
from ....execution.host import ConcurrentCalls, Held
from ....numerics.arrays import Array, dtype_of
from ....numerics.blocks import same_bits
from ....numerics.operands import Operands
from ....numerics.reference import truth
from ....problems.problem import Problem
from ...probe_data import ProbeData
from ...trial import Trial
from ...verdict import Verdict
from .session import content_of

_THREADS = 4
_CALLS = 6

_LONG_S = 1e-3
"""How long a call should take, beside which the start of a thread and the work of Python are short."""

_WORK_S = 0.06
"""How long all threads together should work in such calls."""

_MOST_S = 3.0
"""After this no further calls are made, whatever processor time they have had."""

_MOST_ELEMENTS = 2**18
_MOST_MACS = 2**27
_MOST_GROWTH = 16.0
"""How much larger the next problem is at most: a call's time says little about one that is far larger."""

_MOST_OUTPUT_BYTES = 2**22


def at_once(trial: Trial) -> Iterator[Verdict]:
    """Call from several threads at once, each with content of its own; then the same in longer calls."""
    end = perf_counter() + _MOST_S
    operands = [*_contents(trial)]
    contents = [content_of(trial, one, f"at once {index}") for index, one in enumerate(operands)]
    held = [trial.bound(one, protected=True) for one in operands]
    seen = trial.host.at_once(held, _CALLS)
    for bound, (one, true), outputs in zip(held, contents, seen.at_once, strict=True):
        for output in outputs:
            y = trial.checked(bound, output, one)
            yield trial.compared(y, true, exact=True, given=_words(trial))
    yield from _in_longer_calls(trial, seen.call_s, end)


def _in_longer_calls(trial: Trial, call_s: float, end: float) -> Iterator[Verdict]:
    """Enlarge the problem until a call is long, on problems that are new to the process, then go on there.

    How long a call takes is asked each time anew: one measurement alone may be far too long.
    """
    left, calls = _WORK_S, 1
    operands, held = _bound(trial)
    while left > 0 and perf_counter() < end:
        if call_s < _LONG_S and (larger := _enlarged(trial, min(_LONG_S / call_s, _MOST_GROWTH))):
            trial, calls = larger, 1
            operands, held = _bound(trial)
        seen = trial.host.at_once(held, calls)
        yield from _compared(trial, held, operands, seen)
        call_s = seen.call_s
        left -= _THREADS * calls * call_s
        calls = _calls(trial.problem, call_s, left)


def _bound(trial: Trial) -> tuple[list[Operands], list[Held]]:
    """Return operands for each thread, and the implementation bound to each of them."""
    operands = [*_contents(trial)]
    return operands, [trial.bound(one, protected=True) for one in operands]


def _calls(problem: Problem, call_s: float, left: float) -> int:
    """Return how many calls of each thread do the work that is left, as far as there is room for outputs."""
    size = prod(problem.output_shape) * dtype_of(problem.dtype).itemsize
    room = _MOST_OUTPUT_BYTES // (_THREADS * max(size, 1))
    return max(1, min(ceil(left / _THREADS / call_s), room))


def _contents(trial: Trial) -> Iterator[Operands]:
    """Yield operands for each thread: x of its own, and a weight and a bias for each two of them.

    Where sums are exact in any order they are those of one drawing, turned round.
    """
    make, problem, seed = trial.sharp.make, trial.problem, trial.data.seed
    if not trial.accuracy.exact:
        draws = [make(problem, seed + draw) for draw in range(_THREADS)]
        for thread, one in enumerate(draws):
            shared = draws[thread // 2]
            yield Operands(one.x, shared.weight, shared.bias)
        return
    bits = trial.accuracy.bits
    drawn = make(problem, seed) if bits is None else make(problem, seed, bits)
    for thread in range(_THREADS):
        pair = thread // 2
        bias = None if drawn.bias is None else _turned(drawn.bias, pair)
        yield Operands(_turned(drawn.x, thread), _turned(drawn.weight, pair), bias)


def _turned(array: Array, number: int) -> Array:
    """Return an array with its elements moved on, and every second time with their signs changed."""
    turned = np.roll(array, number * (array.size // _THREADS + 1))
    return -turned if number % 2 else turned


def _compared(
    trial: Trial, held: Sequence[Held], operands: Sequence[Operands], seen: ConcurrentCalls
) -> Iterator[Verdict]:
    """Compare with calls alone, bit for bit; where that differs, with the true output, which takes longer."""
    for bound, one, outputs, alone in zip(held, operands, seen.at_once, seen.alone, strict=True):
        expected = trial.checked(bound, alone, one)
        others = [y for output in outputs if not same_bits(y := trial.checked(bound, output, one), expected)]
        if others:
            true = truth(trial.problem, one, exact=True)
            for y in others:
                yield trial.compared(y, true, exact=True, given=_words(trial))
    yield Verdict("passed", seed=trial.data.seed)


def _words(trial: Trial) -> str:
    return f"{_THREADS} threads at once on {trial.problem}"


def _enlarged(trial: Trial, times: float) -> Trial | None:
    """Return the trial on a problem with some times as many multiply-adds, as far as it is supported."""
    problem = trial.problem
    enough = problem.dense_macs * times
    grew = True
    while grew and problem.dense_macs < enough:
        grew = False
        for grow in (_longer, _with_channels, _with_samples):
            larger = grow(problem)
            if problem.dense_macs < enough and larger and not trial.refuses(larger):
                problem, grew = larger, True
    if problem == trial.problem:
        return None
    return replace(trial, data=ProbeData(problem, trial.data.seed), first={})


def _longer(problem: Problem) -> Problem | None:
    return _if_it_fits(problem, input_size=tuple(2 * size for size in problem.input_size))


def _with_channels(problem: Problem) -> Problem | None:
    changes = {"in_channels": 2 * problem.in_channels, "out_channels": 2 * problem.out_channels}
    if problem.groups == problem.in_channels:  # one group per channel stays so
        changes["groups"] = 2 * problem.groups
    return _if_it_fits(problem, **changes)


def _with_samples(problem: Problem) -> Problem | None:
    return _if_it_fits(problem, batch_size=2 * problem.batch_size)


def _if_it_fits(problem: Problem, **changes: Any) -> Problem | None:
    """Return the problem with some fields changed, or None where it is too large for quick calls."""
    try:
        larger = problem.replace(**changes)
    except ProblemError:
        return None
    elements = prod(larger.input_shape) + larger.parameters + prod(larger.output_shape)
    return larger if elements <= _MOST_ELEMENTS and larger.dense_macs <= _MOST_MACS else None
