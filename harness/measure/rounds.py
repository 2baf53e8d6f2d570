"""The rounds of a pass: rivals take turns, in random order; knows nothing of convolutions.

Rivals are timed side by side because the machine itself drifts by some percent within a second:
what two of them have in common in one round cancels in their ratio. What is measured here is one
pass; a process has its own luck with memory, so there are several, each in processes of its own.
Raw samples are kept in order; every summary is made of them later.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil, inf
from random import Random
from time import perf_counter
from typing import Any

from .stopwatch import PARTS, QUICK_S, Clock, Effort, Rival, Turn, no_garbage_collection

_SHORTEST_S = 2e-8

_SLOW_S = 0.05
"""Of a longer call one sample in a pass has to do, and none is repeated."""

_LEAST_ROUNDS = 3

_DISTURBED_RATIO = 0.05
_DISTURBED_S = 1e-4
"""A sample that waited for so much of its time, and so long, is taken again; to wake up takes 10 µs."""

_MOST_REPEATS = 8


@dataclass
class Samples:
    """What was measured of a rival in one pass: seconds per call in the order of the rounds.

    Sample i of every rival was taken in round i. `number` calls make a sample, and the fastest took
    `call_s` when warming up; `seen` is what one call
    of the last sample returned, any of them, and `error` what a call raised, which ends a rival's part.
    `repeated` samples were taken again because others had the processor meanwhile, and `disturbed`
    ones are kept although they were. `spent_s` is all the time that the rival took.
    """

    number: int = 0
    call_s: float = inf
    first_call_s: float | None = None
    seconds: list[float] = field(default_factory=list)
    repeated: int = 0
    disturbed: int = 0
    spent_s: float = 0.0
    seen: Any = None
    error: BaseException | None = None


def measure(
    rivals: Sequence[Rival],
    effort: Effort,
    *,
    random: Random,
    known: Mapping[str, float] | None = None,
    clock: Clock = perf_counter,
) -> dict[str, Samples]:
    """Time rivals in rounds, for one pass, and return the samples of each by name.

    First each is called until it is warm, which also tells how many calls fill a sample. Then in
    every round each rival that has time left has its turn, in an order drawn anew: one sample, which
    is taken again if others had the processor meanwhile. Garbage collection is off. `known` has how
    long calls took in earlier passes, so that all make samples of one length; `clock` tells what is
    spent.
    """
    known = known or {}
    turns = [_Turns(rival, effort, random, clock, known.get(rival.name, inf)) for rival in rivals]
    with no_garbage_collection():
        for one in random.sample(turns, len(turns)):
            one.warm_up()
        while active := [one for one in turns if one.is_active]:
            for one in random.sample(active, len(active)):
                one.take()
    return {one.rival.name: one.samples for one in turns}


class _Turns:
    """The turns of one rival in a pass."""

    def __init__(self, rival: Rival, effort: Effort, random: Random, clock: Clock, call_s: float) -> None:
        self.rival = rival
        self.samples = Samples(call_s=call_s)
        self._effort = effort
        self._random = random
        self._clock = clock
        self.is_active = True

    def warm_up(self) -> None:
        """Call until it is warm, and find out how many calls fill a sample."""
        effort, samples = self._effort, self.samples
        with self._accounted():
            samples.first_call_s, fastest = self.rival.warm_up(effort)
            samples.call_s = call_s = min(samples.call_s, fastest)
            # Nothing is called in less: a claim that it is must not make for endless samples.
            number = max(1, round(effort.sample_s / max(call_s, _SHORTEST_S))) if call_s else 1
            if effort.cache == "cold":
                number = 1
            elif 0 < call_s < QUICK_S:
                number = max(PARTS, number)
            samples.number = number

    def take(self) -> None:
        """Take a sample; after the last one look at what a call returned."""
        samples = self.samples
        with self._accounted():
            samples.seconds.append(self._long_enough())
        least = 1 if samples.call_s > _SLOW_S else _LEAST_ROUNDS
        if len(samples.seconds) >= least and samples.spent_s + self._turn_s() > self._effort.pass_s:
            self.is_active = False
        if samples.error is None and not self.is_active:
            with self._accounted():
                samples.seen = self.rival.seen()  # at once: what is not there yet will be missing

    def _turn_s(self) -> float:
        return self.samples.number * self.samples.call_s

    def _long_enough(self) -> float:
        """Return a sample that fills its turn, by the clock of this process.

        Too few calls are made where the warm-up has only seen a slow first one. They make a sample of a
        call that is not warm yet, which is left out.
        """
        samples, wanted_s = self.samples, self._effort.sample_s
        while True:
            turn, lasted_s = self._undisturbed()
            if self._effort.cache == "cold" or not 0 < lasted_s < wanted_s / 2:
                return turn.seconds
            samples.call_s = min(samples.call_s, turn.seconds)
            samples.number = ceil(samples.number * wanted_s / lasted_s)

    def _undisturbed(self) -> tuple[Turn, float]:
        """Return a sample in which no other process had the processor, if there is one, and its length."""
        samples = self.samples
        for count in range(_MOST_REPEATS + 1):
            seen = self._random.randint(1, samples.number)
            start = self._clock()
            turn = self.rival.sample(samples.number, seen)
            lasted_s = self._clock() - start - turn.waited_s
            if turn.waited_s <= max(_DISTURBED_RATIO * turn.seconds * samples.number, _DISTURBED_S):
                return turn, lasted_s
            if samples.call_s > _SLOW_S or count == _MOST_REPEATS:
                break
            samples.repeated += 1
        samples.disturbed += 1
        return turn, lasted_s

    @contextmanager
    def _accounted(self) -> Iterator[None]:
        """Keep what a call raises as the rival's result, so that the others go on, and what it spends."""
        start = self._clock()
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 a call may raise anything, SystemExit included
            self.samples.error = error
            self.is_active = False
        finally:
            self.samples.spent_s += self._clock() - start
