"""The stopwatch: times rivals in rounds, in random order; knows nothing of convolutions.

Rivals are timed side by side because the machine itself drifts by some percent within a second:
what two of them have in common in one round cancels in their ratio. What is measured here is one
pass; a process has its own luck with memory, so there are several, each in processes of its own.
Raw samples are kept in order; every summary is made of them later.
"""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import repeat
from math import ceil, inf
from random import Random
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple, Protocol

_SHORTEST_S = 2e-8

_QUICK_S = 5e-3
"""A shorter call is slower right after another rival's turn, and so is timed several times in its own."""

_SLOW_S = 0.05
"""Of a longer call one sample in a pass has to do, and none is repeated."""

_PARTS = 6
"""A sample of a quick call has so many parts at the least; the median of them does not mind the first one,
in which caches come back."""

_WITH_STARTS = 1.15
"""What a pass takes in all over what it takes to measure."""

_LEAST_ROUNDS = 3

_DISTURBED_RATIO = 0.05
_DISTURBED_S = 1e-4
"""A sample that waited for so much of its time, and so long, is taken again; to wake up takes 10 µs."""

_MOST_REPEATS = 8

Clock = Callable[[], float]


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    `budget_s` is the time that one rival may take in all, with its processes and warming up; it
    is done before that when the interval of its ratio, at 95 %, is no wider than `precision` to
    either side. With `cache` "cold" every call finds its data and code in main memory. `sample_s` is
    the length of one sample: short ones lose little to a disturbance.
    """

    budget_s: float = 0.3
    precision: float = 0.01
    cache: str = "warm"
    sample_s: float = 5e-3
    warmup_s: float = 0.005

    least_passes = 3
    """Fewer do not make an interval; a rival that is slow has no more."""

    @property
    def generations(self) -> int:
        """Return how many independent processes a rival has: five, or up to ten if the budget has room."""
        return min(10, max(5, round(self.budget_s / 0.2)))

    @property
    def pass_s(self) -> float:
        """Return how long a rival is timed in one process, warming up included."""
        return min(0.5, self.budget_s / (_WITH_STARTS * self.generations))


class Turn(NamedTuple):
    """One sample: seconds per call, and for how long its turn had to wait for a processor."""

    seconds: float
    waited_s: float = 0.0


class Rival(Protocol):
    """Something to be timed, wherever it runs."""

    @property
    def name(self) -> str:
        """Return its name."""

    def warm_up(self, effort: Effort) -> tuple[float, float]:
        """Call until it is warm; return the seconds of the first call and of the fastest."""

    def sample(self, number: int, seen: int) -> Turn:
        """Time so many calls.

        What call number `seen` of them returns, from 1, is kept to be looked at.
        """

    def seen(self) -> Any:
        """Return what was kept of the latest sample."""


class Stopwatch:
    """Times a call without arguments in this process.

    `context` is what it runs in; `look` is applied to what is looked at. With `evict`, which empties
    the caches, every call is timed on its own after that.
    """

    def __init__(
        self,
        name: str,
        call: Callable[[], Any],
        context: Callable[[], AbstractContextManager[Any]] = nullcontext,
        *,
        look: Callable[[Any], Any] = lambda y: y,
        evict: Callable[[], object] | None = None,
        clock: Clock = perf_counter,
    ) -> None:
        self.name = name
        self._call = call
        self._context = context
        self._look = look
        self._evict = evict
        self._clock = clock
        self._seen: Any = None
        self.lasted_s = 0.0
        """What the latest sample took in all."""

    def warm_up(self, effort: Effort) -> tuple[float, float]:
        """Call until caches, code and clocks are warm.

        Short calls need some ten of them; a long one is as warm as it gets.
        """
        clock = self._clock
        first = fastest = inf
        with self._context(), _no_garbage_collection():
            start = clock()
            for count in range(1, 1_000_000):
                before = clock()
                self._call()
                after = clock()
                first = after - before if count == 1 else first
                fastest = min(fastest, after - before)
                least = 1 if fastest > _QUICK_S else 2 if fastest > 1e-3 else 10
                if count >= least and after - start >= effort.warmup_s:
                    break
        return first, fastest

    def sample(self, number: int, seen: int) -> Turn:
        """Time so many calls in a few parts, of which the median counts.

        What disturbs one of them is no matter, be it that caches have to be taken back from whoever ran last.
        """
        self._seen = None  # so that its memory can be used again
        if self._evict is not None:
            return self._cold_sample(number, seen, self._evict)
        size = -(-number // _PARTS)
        parts = []
        with self._context(), _no_garbage_collection():
            before = self._clock()
            for start in range(0, number, size):
                calls = min(size, number - start)
                parts.append(self._part(calls, seen - start) / calls)
            self.lasted_s = self._clock() - before
        return Turn(median(parts))

    def _part(self, calls: int, seen: int) -> float:
        """Return the seconds of so many calls; keep what number `seen` returns, if it is among them."""
        call, clock = self._call, self._clock
        until = seen if 0 < seen <= calls else calls
        start = clock()
        for _ in repeat(None, until):
            y = call()
        kept = y
        for _ in repeat(None, calls - until):
            y = call()
        end = clock()
        if until == seen:
            self._seen = kept
        return end - start

    def _cold_sample(self, number: int, seen: int, evict: Callable[[], object]) -> Turn:
        """Time each call on its own, when neither its data nor its code is in a cache."""
        timed = 0.0
        before = self._clock()
        for count in range(1, number + 1):
            evict()
            timed += self._one_call(keep=count == seen)
        self.lasted_s = self._clock() - before
        return Turn(timed / number)

    def one_call(self) -> float:
        """Time one call, and keep what it returns."""
        self._seen = None
        return self._one_call(keep=True)

    def _one_call(self, *, keep: bool) -> float:
        with self._context(), _no_garbage_collection():
            start = self._clock()
            y = self._call()
            end = self._clock()
        if keep:
            self._seen = y
        return end - start

    def seen(self) -> Any:
        """Return what became of the output that was kept."""
        return self._look(self._seen)


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
    with _no_garbage_collection():
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
            elif 0 < call_s < _QUICK_S:
                number = max(_PARTS, number)
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
            if self._effort.cache == "cold" or lasted_s <= 0:
                return turn.seconds
            # Also by this process's clock: a rival that tells of less would get endless samples.
            samples.call_s = min(samples.call_s, lasted_s / samples.number)
            if lasted_s >= wanted_s / 2:
                return turn.seconds
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


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
