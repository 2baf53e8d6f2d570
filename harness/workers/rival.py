"""A rival in a worker: timed by the worker's stopwatch, and checked by the parent's own clock."""

import os
from collections.abc import Callable
from math import inf
from statistics import median
from time import perf_counter
from typing import NamedTuple, Protocol

from ..execution.kernel_call import Output
from ..machine.run_delay import RunDelay
from ..measure.stopwatch import Effort, Turn
from ..numerics.arrays import Array
from .protocol.requests import ReplyType, Request, Sample, WarmUp

CLOCKS_RATIO = 1.4
"""How far apart the clocks of worker and parent may be, over most samples of a pass."""

_PROOF_S = 0.05
_PROOFS = 9
"""Samples that prove or clear a doubtful clock, and how long each is at least by the parent's clock.

A request costs 0.2 to 1 ms beside the calls: waking a stopped process, two messages, entering the
library's context. In an ordinary sample that may be more than the calls take; here an honest worker
would have to lose `_PROOF_S * (1 - 1 / CLOCKS_RATIO)`, 14 ms, that neither it nor the system has
counted, in five samples of nine. If one sample does with probability p, the nine do with at most
C(9, 5) p^5, and a refusal needs two passes: below 1e-6 for p = 1/25, below 1e-15 for p = 1/200.
"""

_MORE_PROCESSORS = 0.25
"""How many more CPUs than threads may seem to be used: the system also works for a worker."""

_LOOK_S = 2e-3
_LOOK_BYTES_S = 2.5e8
"""What handing an output over costs the worker's CPU at most: the first touch of a page is slow."""


class Asked(Protocol):
    """The host of a worker, as a rival needs it."""

    threads: int

    def ask(self, request: Request[ReplyType]) -> ReplyType:
        """Return the worker's reply; raises `KernelError`."""

    def cpu_s(self) -> float:
        """Return the processor time of the worker."""

    def waited_s(self) -> float:
        """Return how long the worker had to wait for a CPU."""


class Looked(Protocol):
    """The last layer of a rival, whose output is looked at."""

    def seen(self, rival: str) -> Output:
        """Return what one of the timed calls returned."""

    def once(self, rival: str, x: Array) -> float:
        """Return the seconds of one call on another x."""


class _Sampled(NamedTuple):
    """One sample by both clocks: what the worker replied, what passed here, and how long either waited."""

    number: int
    told_s: float
    passed_s: float
    waited_s: float

    @property
    def worked_s(self) -> float:
        """Return what passed while neither the worker nor this process waited for a CPU."""
        return self.passed_s - self.waited_s


class RemoteRival:
    """A chain of layers on the worker's stopwatch, checked by the parent's own clock.

    `clock` is that clock, and `delayed` returns how long this process has waited for a CPU.
    """

    def __init__(
        self,
        host: Asked,
        name: str,
        last: Looked,
        *,
        clock: Callable[[], float] = perf_counter,
        delayed: Callable[[], float] | None = None,
    ) -> None:
        self.name = name
        self._host = host
        self._last = last
        self._clock = clock
        self._delayed = delayed or RunDelay(os.getpid()).seconds
        self._samples: list[_Sampled] = []
        self._lasted_s = 0.0
        self._cpu_s = 0.0
        self._late_s = inf
        self._are_clocks_compared = False
        self._doubt_of_clock: str | None = None

    @property
    def processors(self) -> float:
        """Return how many processors it has used at a time while it was timed."""
        return self._cpu_s / self._lasted_s if self._lasted_s else 0.0

    def warm_up(self, effort: Effort) -> tuple[float, float]:
        """Call until it is warm."""
        warm = self._host.ask(WarmUp(self.name, effort))
        return warm.first_s, warm.fastest_s

    def sample(self, number: int, seen: int) -> Turn:
        """Time some calls."""
        turn, both = self._sampled(number, seen)
        self._samples.append(both)
        return turn

    def _sampled(self, number: int, seen: int) -> tuple[Turn, _Sampled]:
        """Time some calls by both clocks."""
        host, request, began = self._host, Sample(self.name, number, seen), self._clock()
        # The readings are nested: an honest worker can neither work nor tell longer than what is around it.
        worked, waited, ours = host.cpu_s(), host.waited_s(), self._delayed()
        start = self._clock()
        reply = host.ask(request)
        passed = self._clock() - start
        waited, ours = host.waited_s() - waited, self._delayed() - ours
        self._cpu_s += host.cpu_s() - worked
        self._lasted_s += self._clock() - began
        return Turn(reply.call_s, waited), _Sampled(number, reply.lasted_s, passed, waited + ours)

    def once(self, x: Array) -> float:
        """Put other numbers into the input and call once."""
        return self._last.once(self.name, x)

    def seen(self) -> Output:
        """Return what one call of the latest sample returned, or the call on other numbers."""
        worked = self._host.cpu_s()
        output = self._last.seen(self.name)
        late_s = self._host.cpu_s() - worked
        size = 0 if output.y is None else output.y.nbytes
        self._late_s = min(self._late_s, late_s if late_s > _LOOK_S + size / _LOOK_BYTES_S else 0.0)
        return output

    def suspicion(self) -> str | None:
        """Return what makes its times doubtful, or None.

        Either much more time has passed than the worker's clock showed: then the clock is wrong, or work
        was left for later; time in which the worker waited for a CPU does not count. Or it used CPUs that
        it was not given. Or it worked whenever its output was asked for: a virtual CPU that is taken away
        looks like work, but not every time.

        The first look at the clocks may cost samples, and holds for later ones.
        """
        if 0 < self._late_s < inf:
            return f"worked for {self._late_s:.3g} s when its output was asked for"
        if self._samples and not self._are_clocks_compared:
            self._are_clocks_compared, self._doubt_of_clock = True, self._compare_clocks()
        if self._doubt_of_clock is not None:
            return self._doubt_of_clock
        if self.processors > self._host.threads + _MORE_PROCESSORS:
            given = "1 thread" if self._host.threads == 1 else f"{self._host.threads} threads"
            return f"used {self.processors:.1f} processors at a time, though it was given {given}"
        return None

    def _compare_clocks(self) -> str | None:
        """Return how the two clocks contradict each other, or None; may take further samples.

        The worker's clock cannot show more than has passed. It may show less by chance: in some samples
        where the machine has stopped for a moment, in all where they are short. So most samples must be
        doubtful first, and then longer and longer samples prove it, of which only the parent's clock
        counts: they must take what the worker's clock showed of such calls before.
        """
        told_s = sum(one.told_s for one in self._samples)
        passed_s = sum(one.passed_s for one in self._samples)
        if told_s > CLOCKS_RATIO * passed_s:
            return f"took {passed_s:.3g} s while its clock told {told_s:.3g} s"
        if median(one.worked_s / one.told_s for one in self._samples) <= CLOCKS_RATIO:
            return None
        return self._prove_slow_clock()

    def _prove_slow_clock(self) -> str | None:
        """Return that calls take longer than the worker's clock showed, None where longer samples do not."""
        told_s = median(one.told_s / one.number for one in self._samples)
        number = self._samples[-1].number
        while True:
            worked_s = median(self._sampled(number, 1)[1].worked_s for _ in range(_PROOFS))
            if worked_s <= CLOCKS_RATIO * number * told_s:
                return None
            if worked_s >= _PROOF_S:
                return f"took {worked_s:.3g} s while its clock told {number * told_s:.3g} s"
            number *= 2
