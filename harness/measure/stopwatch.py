"""The stopwatch: times the calls of one rival, sample by sample; knows nothing of convolutions."""

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import repeat
from math import inf
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple, Protocol

QUICK_S = 5e-3
"""A shorter call is slower right after another rival's turn, and so is timed several times in its own."""

PARTS = 6
"""A sample of a quick call has so many parts at the least; the median of them does not mind the first one,
in which caches come back."""

_WITH_STARTS = 1.15
"""What a pass takes in all over what it takes to measure."""

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
        with self._context(), no_garbage_collection():
            start = clock()
            for count in range(1, 1_000_000):
                before = clock()
                self._call()
                after = clock()
                first = after - before if count == 1 else first
                fastest = min(fastest, after - before)
                least = 1 if fastest > QUICK_S else 2 if fastest > 1e-3 else 10
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
        size = -(-number // PARTS)
        parts = []
        with self._context(), no_garbage_collection():
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
        with self._context(), no_garbage_collection():
            start = self._clock()
            y = self._call()
            end = self._clock()
        if keep:
            self._seen = y
        return end - start

    def seen(self) -> Any:
        """Return what became of the output that was kept."""
        return self._look(self._seen)


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Keep the garbage collector off meanwhile."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
