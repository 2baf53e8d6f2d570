"""The stopwatch: times rivals in rounds, in random order; knows nothing of convolutions.

Rivals are timed side by side because the machine itself drifts by some percent within a second:
what two of them have in common in one round cancels in their ratio. Raw samples are kept in order;
every summary is made of them later.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import repeat
from random import Random
from time import perf_counter
from typing import Any

Clock = Callable[[], float]


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    `sample_s` is the length of one sample: short ones lose little to a disturbance. `budget_s` is
    the time that one rival may take, untimed calls included; what is slower gets fewer rounds, but
    never fewer than `least_rounds`.
    """

    rounds: int = 20
    least_rounds: int = 3
    sample_s: float = 1.5e-3
    budget_s: float = 0.25
    warmup_s: float = 0.02


@dataclass(frozen=True)
class Rival:
    """Something to be timed: a name, a call without arguments, and the context that it runs in."""

    name: str
    call: Callable[[], Any]
    context: Callable[[], AbstractContextManager[Any]] = nullcontext


@dataclass
class Samples:
    """What was measured of a rival: seconds per call in the order of the rounds.

    Sample i of every rival was taken in round i. `number` calls make a sample; `last` is what the
    last timed call returned, `error` what a call raised, which ends a rival's part.
    """

    number: int = 0
    first_call_s: float | None = None
    seconds: list[float] = field(default_factory=list)
    last: Any = None
    error: BaseException | None = None


def measure(
    rivals: Sequence[Rival],
    effort: Effort,
    *,
    random: Random,
    clock: Clock = perf_counter,
) -> dict[str, Samples]:
    """Time rivals in rounds and return the samples of each by name.

    First each is called until it is warm, which also tells how many calls fill a sample. Then in
    every round each active rival has its turn, in an order drawn anew: one untimed call, so that
    the turn before leaves no trace in caches, and one sample. Garbage collection is off.
    """
    samples = {rival.name: Samples() for rival in rivals}
    rounds: dict[str, int] = {}
    with _no_garbage_collection():
        for rival in random.sample(rivals, len(rivals)):
            with _caught(samples[rival.name]), rival.context():
                call_s = _warm_up(rival, samples[rival.name], effort, clock)
                samples[rival.name].number = max(1, round(effort.sample_s / call_s)) if call_s else 1
                rounds[rival.name] = _rounds(call_s, samples[rival.name].number, effort)
        for turn in range(max(rounds.values(), default=0)):
            active = [rival for rival in rivals if rounds.get(rival.name, 0) > turn]
            for rival in random.sample(active, len(active)):
                taken = samples[rival.name]
                if taken.error is None:
                    with _caught(taken), rival.context():
                        _take_sample(rival, taken, clock)
    return samples


def _warm_up(rival: Rival, samples: Samples, effort: Effort, clock: Clock) -> float:
    """Call until caches, code and clocks are warm; return the seconds of the fastest call.

    Short calls need some ten of them; a call of over a second is as warm as it gets.
    """
    start = clock()
    fastest = float("inf")
    for count in range(1, 1_000_000):
        before = clock()
        rival.call()
        after = clock()
        samples.first_call_s = after - before if samples.first_call_s is None else samples.first_call_s
        fastest = min(fastest, after - before)
        least = 1 if fastest > 1.0 else 2 if fastest > 1e-3 else 10
        if count >= least and after - start >= effort.warmup_s:
            break
    return fastest


def _rounds(call_s: float, number: int, effort: Effort) -> int:
    """Return how many rounds a rival's budget pays for."""
    turn_s = (number + 1) * call_s
    affordable = int(effort.budget_s / turn_s) if turn_s else effort.rounds
    return max(effort.least_rounds, min(effort.rounds, affordable))


def _take_sample(rival: Rival, samples: Samples, clock: Clock) -> None:
    call, number = rival.call, samples.number
    samples.last = None  # so that its memory can be used again
    call()
    start = clock()
    for _ in repeat(None, number):
        y = call()
    end = clock()
    samples.seconds.append((end - start) / number)
    samples.last = y


@contextmanager
def _caught(samples: Samples) -> Iterator[None]:
    """Keep what a call raises as its rival's result; the others go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 a call may raise anything, SystemExit included
        samples.error = error


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
