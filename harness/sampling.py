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
from typing import Any, Protocol

_SHORTEST_S = 2e-8

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


class Rival(Protocol):
    """Something to be timed, wherever it runs."""

    @property
    def name(self) -> str:
        """Return its name."""

    def warm_up(self, effort: Effort) -> tuple[float, float]:
        """Call until it is warm; return the seconds of the first call and of the fastest."""

    def sample(self, number: int, seen: int) -> float:
        """Return the seconds per call of so many calls, after an untimed one.

        What call number `seen` of them returns, from 1, is kept to be looked at.
        """

    def seen(self) -> Any:
        """Return what was kept of the latest sample."""


class Stopwatch:
    """Times a call without arguments in this process.

    `context` is what it runs in; `look` is applied to what is looked at.
    """

    def __init__(
        self,
        name: str,
        call: Callable[[], Any],
        context: Callable[[], AbstractContextManager[Any]] = nullcontext,
        *,
        look: Callable[[Any], Any] = lambda y: y,
        clock: Clock = perf_counter,
    ) -> None:
        self.name = name
        self._call = call
        self._context = context
        self._look = look
        self._clock = clock
        self._seen: Any = None
        self.untimed_s = 0.0
        """What the untimed call before the latest sample took."""

    def warm_up(self, effort: Effort) -> tuple[float, float]:
        """Call until caches, code and clocks are warm.

        Short calls need some ten of them; a call of over a second is as warm as it gets.
        """
        clock = self._clock
        first = fastest = float("inf")
        with self._context(), _no_garbage_collection():
            start = clock()
            for count in range(1, 1_000_000):
                before = clock()
                self._call()
                after = clock()
                first = after - before if count == 1 else first
                fastest = min(fastest, after - before)
                least = 1 if fastest > 1.0 else 2 if fastest > 1e-3 else 10
                if count >= least and after - start >= effort.warmup_s:
                    break
        return first, fastest

    def sample(self, number: int, seen: int) -> float:
        """Time so many calls; the untimed one before takes back the caches from whoever ran last."""
        call, clock = self._call, self._clock
        self._seen = None  # so that its memory can be used again
        with self._context(), _no_garbage_collection():
            before = clock()
            call()
            start = clock()
            for _ in repeat(None, seen):
                y = call()
            kept = y
            for _ in repeat(None, number - seen):
                y = call()
            end = clock()
        self._seen = kept
        self.untimed_s = start - before
        return (end - start) / number

    def one_call(self) -> float:
        """Time one call, and keep what it returns."""
        self._seen = None
        with self._context(), _no_garbage_collection():
            start = self._clock()
            self._seen = self._call()
            return self._clock() - start

    def seen(self) -> Any:
        """Return what became of the output that was kept."""
        return self._look(self._seen)


@dataclass
class Samples:
    """What was measured of a rival: seconds per call in the order of the rounds.

    Sample i of every rival was taken in round i. `number` calls make a sample; `seen` is what one call
    of the last sample returned, any of them, and `error` what a call raised, which ends a rival's part.
    """

    number: int = 0
    first_call_s: float | None = None
    seconds: list[float] = field(default_factory=list)
    seen: Any = None
    error: BaseException | None = None


def measure(rivals: Sequence[Rival], effort: Effort, *, random: Random) -> dict[str, Samples]:
    """Time rivals in rounds and return the samples of each by name.

    First each is called until it is warm, which also tells how many calls fill a sample. Then in
    every round each active rival has its turn, in an order drawn anew: one untimed call, so that
    the turn before leaves no trace in caches, and one sample. Garbage collection is off.
    """
    samples = {rival.name: Samples() for rival in rivals}
    rounds: dict[str, int] = {}
    gc.collect()
    with _no_garbage_collection():
        for rival in random.sample(rivals, len(rivals)):
            taken = samples[rival.name]
            with _caught(taken):
                taken.first_call_s, call_s = rival.warm_up(effort)
                # Nothing is called in less: a claim that it is must not make for endless samples.
                taken.number = max(1, round(effort.sample_s / max(call_s, _SHORTEST_S))) if call_s else 1
                rounds[rival.name] = _rounds(call_s, taken.number, effort)
        for turn in range(max(rounds.values(), default=0)):
            active = [rival for rival in rivals if rounds.get(rival.name, 0) > turn]
            for rival in random.sample(active, len(active)):
                taken = samples[rival.name]
                if taken.error is not None:
                    continue
                with _caught(taken):
                    taken.seconds.append(rival.sample(taken.number, random.randint(1, taken.number)))
                    if turn == rounds[rival.name] - 1:
                        taken.seen = rival.seen()  # at once: what is not there yet will be missing
    return samples


def _rounds(call_s: float, number: int, effort: Effort) -> int:
    """Return how many rounds a rival's budget pays for."""
    turn_s = (number + 1) * call_s
    affordable = int(effort.budget_s / turn_s) if turn_s else effort.rounds
    return max(effort.least_rounds, min(effort.rounds, affordable))


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
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
