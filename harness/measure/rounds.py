"""The rounds of a pass: rivals take turns, in random order; independent of convolutions.

Rivals are timed side by side because the machine itself drifts by some percent within a second:
what two of them have in common in one round cancels in their ratio. This module measures one pass;
where a process's memory lies affects its speed, so there are several passes, each in new processes.
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
"""No call takes less: a claim that one does must not lead to endless samples."""

_SLOW_S = 0.05
"""A longer call has one sample in a pass, which is not repeated."""

_LEAST_ROUNDS = 3

_DISTURBED_RATIO = 0.05
_DISTURBED_S = 1e-4
"""A sample that waited for a larger share of its time, and longer, is repeated; waking up takes 10 µs."""

_MOST_REPEATS = 8


@dataclass
class Samples:
    """What was measured of a rival in one pass: seconds per call in the order of the rounds.

    Sample i of every rival was taken in round i. `number` calls make a sample, and the fastest took
    `call_s` when warming up; `seen` is the output of one call, drawn at random, of the last sample,
    and `error` what a call raised, which ends the rival's part. `repeated` samples were taken again
    because other processes had the processor meanwhile, and `disturbed` ones were kept all the same.
    `spent_s` is all the time that the rival took.
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

    First each is called until it is warm, which also shows how many calls fill a sample. Then in
    every round each rival that has time left has its turn, in an order drawn anew: one sample, which
    is repeated if other processes had the processor meanwhile. Garbage collection is off. `known` has
    the seconds of a call in earlier passes, so that samples of all passes have one length; `clock`
    measures the time spent.
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
        """Call until the rival is warm, and find how many calls fill a sample."""
        effort, samples = self._effort, self.samples
        with self._accounted():
            samples.first_call_s, fastest = self.rival.warm_up(effort)
            samples.call_s = call_s = min(samples.call_s, fastest)
            number = max(1, round(effort.sample_s / max(call_s, _SHORTEST_S))) if call_s else 1
            if effort.cache == "cold":
                number = 1
            elif 0 < call_s < QUICK_S:
                number = max(PARTS, number)
            samples.number = number

    def take(self) -> None:
        """Take a sample; after the last one fetch the output of a call."""
        samples = self.samples
        with self._accounted():
            samples.seconds.append(self._long_enough())
        least = 1 if samples.call_s > _SLOW_S else _LEAST_ROUNDS
        if len(samples.seconds) >= least and samples.spent_s + self._turn_s() > self._effort.pass_s:
            self.is_active = False
        if samples.error is None and not self.is_active:
            with self._accounted():
                samples.seen = self.rival.seen()  # at once: an output that is written later counts as missing

    def _turn_s(self) -> float:
        return self.samples.number * self.samples.call_s

    def _long_enough(self) -> float:
        """Return a sample that fills its turn, by the clock of this process.

        Where the warm-up was all one slow first call, `number` is too small: that sample is of a call
        that was not warm yet, and is left out.
        """
        samples, wanted_s = self.samples, self._effort.sample_s
        while True:
            turn, lasted_s = self._undisturbed()
            if self._effort.cache == "cold" or lasted_s <= 0:
                return turn.seconds
            # By this process's own clock: a rival that reports less time would get endless samples.
            samples.call_s = min(samples.call_s, lasted_s / samples.number)
            if lasted_s >= wanted_s / 2:
                return turn.seconds
            samples.number = ceil(samples.number * wanted_s / lasted_s)

    def _undisturbed(self) -> tuple[Turn, float]:
        """Return a sample that no other process disturbed, if there is one, and the seconds it lasted."""
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
        """Keep what a call raises as the rival's result, so that the others go on, and the time spent."""
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
