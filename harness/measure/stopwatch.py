"""The stopwatch: times the calls of one rival, sample by sample; independent of convolutions."""

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
"""A shorter call is slower right after another rival's turn, so a turn times it several times."""

PARTS = 6
"""The least number of parts of a sample of quick calls; their median is insensitive to the first part, in
which the caches refill."""

_WITH_STARTS = 1.15
"""The time of a whole pass over the time of measuring in it."""

Clock = Callable[[], float]


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    `budget_s` is the time that one rival may take in all, with its processes and warming up; it
    ends before that when the interval of its ratio, at 95 %, is within `precision` to either side.
    With `cache` "cold" every call finds its data and code in main memory. `sample_s` is the length of
    one sample: little is lost when a short one is disturbed.
    """

    budget_s: float = 0.3
    precision: float = 0.01
    cache: str = "warm"
    sample_s: float = 5e-3
    warmup_s: float = 0.005

    least_passes = 3
    """Fewer do not make an interval; a slow rival has no more."""

    @property
    def generations(self) -> int:
        """Return how many independent processes a rival has: five, or up to ten if the budget has room."""
        return min(10, max(5, round(self.budget_s / 0.2)))

    @property
    def pass_s(self) -> float:
        """Return how long a rival is timed in one process, warming up included."""
        return min(0.5, self.budget_s / (_WITH_STARTS * self.generations))


class Turn(NamedTuple):
    """One sample: seconds per call, and how long its turn waited for a processor."""

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
        """Time `number` calls.

        The output of call number `seen` of them, counted from 1, is kept for inspection.
        """

    def seen(self) -> Any:
        """Return the output that was kept of the latest sample."""


class Stopwatch:
    """Times a call without arguments in this process.

    Calls run inside `context`; `look` is applied to the output that was kept. With `evict`, which
    empties the caches, every call is timed on its own after it.
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
        """The seconds that the latest sample took in all."""

    def warm_up(self, effort: Effort) -> tuple[float, float]:
        """Call until caches, code and clocks are warm.

        Short calls need about ten repetitions, a long one needs none.
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
        """Time `number` calls in a few parts, of which the median counts.

        So a disturbance of one part has no effect, such as refilling caches after another rival's turn.
        """
        self._seen = None  # frees its memory for reuse
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
        """Return the seconds of `calls` calls; keep the output of number `seen`, if it is among them."""
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
        """Time each call on its own, with neither its data nor its code in a cache."""
        timed = 0.0
        before = self._clock()
        for count in range(1, number + 1):
            evict()
            timed += self._one_call(keep=count == seen)
        self.lasted_s = self._clock() - before
        return Turn(timed / number)

    def one_call(self) -> float:
        """Time one call, and keep its output."""
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
        """Return what `look` makes of the output that was kept."""
        return self._look(self._seen)


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Keep the garbage collector off inside the context, and leave it as it was."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
