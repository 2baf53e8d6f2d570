"""The host of an implementation that runs in this process."""

import faulthandler
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from threading import Barrier
from typing import Any

from ..machine import threads
from ..machine.caches import Evictor
from ..machine.environment import limit_threads
from ..measure.stopwatch import Stopwatch
from ..numerics.arrays import Array, adapter
from ..numerics.operands import Operands
from ..plugins.declaration import Implementation
from ..plugins.support import Unsupported
from ..problems.problem import Problem
from .guard_pages import at_an_edge
from .host import ConcurrentCalls, FirstCall, Growth, Series
from .kernel_call import Bound, KernelError, Output, bind, chained, guarded
from .poison import poisoned_heap
from .process_state import ProcessState
from .series import called_in_series

_LATE_S = 0.02
"""How long a thread that a call leaves behind is given to show itself."""

_SHORTEST_S = 1e-9
"""The resolution of clocks, and less than any call takes."""

_CHILD_S = 0.5
"""How long a forked child may take beyond the time of twenty calls; longer means that it hangs."""


class LocalHost:
    """Runs an implementation in this process: quick, and at its mercy."""

    def __init__(
        self,
        implementation: Implementation,
        clock: Callable[[], float] = time.perf_counter,
        processor_clock: Callable[[], float] = time.process_time,
    ) -> None:
        self.implementation = implementation
        self._clock = clock
        self._processor_clock = processor_clock

    def refuses(self, problem: Problem) -> Unsupported | None:
        return self.implementation.refuses(problem)

    def bind(
        self,
        problem: Problem,
        operands: Operands,
        given: Operands | None = None,
        poison: float | None = None,
        *,
        protected: bool = False,  # noqa: ARG002 a fault would end this process
    ) -> Bound:
        with poisoned_heap(self.implementation.arrays, poison):
            return bind(self.implementation, problem, operands, given, clock=self._clock)

    def tried(
        self,
        problem: Problem,
        operands: Operands,
        given: Operands | None = None,
        poison: float | None = None,
    ) -> tuple[Operands, Output]:
        bound = self.bind(problem, operands, given, poison)
        return bound.given, bound.output(poison)

    def first_call(self, problem: Problem, operands: Operands, given: Operands | None = None) -> FirstCall:
        """Call with arrays that forbid writing; where that raises, with those that a caller usually has.

        Code that only reads may ask for arrays that allow writing: declared without `const`, say.
        """
        try:
            return self._first_call(problem, operands, given, read_only=True)
        except KernelError as error:
            if error.status != "error":
                raise
        return self._first_call(problem, operands, given, read_only=False)

    def _first_call(
        self, problem: Problem, operands: Operands, given: Operands | None, *, read_only: bool
    ) -> FirstCall:
        running = threads.count()
        with ProcessState() as state:
            bound = bind(self.implementation, problem, operands, given, read_only=read_only)
            # Building a module draws random weights, as every library does.
            planned = state.changed(but_random=self.implementation.is_plan)
        with ProcessState() as state:
            output = bound.output()
            if threads.count() > running:
                time.sleep(_LATE_S)
            later = bound.kept()[-1]
            called = state.changed()
        return FirstCall(bound.given, output, later, bound.opened(), planned, called)

    def at_once(self, held: Sequence[Bound], calls: int) -> ConcurrentCalls:
        start = Barrier(len(held))
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            with ThreadPoolExecutor(len(held)) as pool:
                raws = list(pool.map(partial(_calls, calls, start), held))
        finally:
            sys.setswitchinterval(interval)
        at_once = [[one.look(raw) for raw in found] for one, found in zip(held, raws, strict=True)]
        alone, seconds = [], []
        for one in held:
            begin = self._processor_clock()
            raw = one.run()
            seconds.append(self._processor_clock() - begin)
            alone.append(one.look(raw))
        return ConcurrentCalls(at_once, alone, max(min(seconds), _SHORTEST_S))

    def at_the_edge(self, problem: Problem, operands: Operands, edge: str) -> str | None:
        """Call in a forked child, which may crash; nothing is tried on systems without `fork`."""
        if not hasattr(os, "fork") or not sys.platform.startswith("linux"):
            return None
        begin = time.monotonic()
        self.bind(problem, operands).output()  # what is made once is made before the fork
        limit = _CHILD_S + 20 * (time.monotonic() - begin)
        ended = _in_a_child(partial(self.call_at_the_edge, problem, operands, edge), limit)
        name = signal.Signals(os.WTERMSIG(ended)).name if os.WIFSIGNALED(ended) else None
        return None if name == "SIGKILL" else name  # it hung, as libraries with threads do in a forked child

    def call_at_the_edge(self, problem: Problem, operands: Operands, edge: str) -> None:
        """Call at the edge right here."""
        given = Operands(
            at_an_edge(operands.x, edge, self.implementation.layout),
            at_an_edge(operands.weight, edge),
            None if operands.bias is None else at_an_edge(operands.bias, edge),
        )
        bind(self.implementation, problem, operands, given).run()

    def rival(self, name: str, chain: Sequence[Bound], *, cold: bool = False) -> "LocalRival":
        context = partial(guarded, self.implementation)
        evict = Evictor() if cold else None
        return LocalRival(name, chained(chain), context, look=chain[-1].look, evict=evict, first=chain[0])

    def peak_memory(self, held: Bound) -> int | None:  # noqa: ARG002 others' memory is in this process, too
        return None

    def in_series(self, held: Bound, calls: int, within_s: float) -> Series:
        return called_in_series(held, calls, within_s)

    def grown_by_calls(self, held: Bound, rounds: int, each: int, within_s: float) -> Growth | None:  # noqa: ARG002
        return None

    def grown_by_shapes(self, problems: Sequence[Problem], each: int, within_s: float) -> Growth | None:  # noqa: ARG002
        return None

    def synchronize(self) -> None:
        pass

    def starts_afresh(self, *, always: bool = False) -> bool:  # noqa: ARG002 this process stays
        return False

    def limit_threads(self, threads: int) -> None:
        """Let the libraries of this process use so many threads."""
        adapter(self.implementation.arrays).limit_threads(threads)
        limit_threads(threads)

    def other_threads(self) -> AbstractContextManager[bool]:
        return nullcontext(enter_result=False)

    def pools(self) -> Mapping[str, int]:
        return {}

    def printed(self) -> str | None:
        return None

    def cpu_s(self) -> float:
        return 0.0

    def pin(self, processors: Collection[int]) -> None:
        pass


class LocalRival(Stopwatch):
    """A chain of layers on the stopwatch of this process."""

    processors = 0.0

    def __init__(self, *words: Any, first: Bound, **how: Any) -> None:
        super().__init__(*words, **how)
        self._first = first

    def once(self, x: Array) -> float:
        """Put other numbers into the input, call once, and return the seconds."""
        self.one_call()  # on what is there, so that no code is cold
        self._first.refill("x", x)
        return self.one_call()

    def suspicion(self) -> str | None:
        return None


def _calls(count: int, start: Barrier, bound: Bound) -> list[Any]:
    """Return what some calls give, the first of them made when all threads are at the start."""
    start.wait()
    return [bound.run() for _ in range(count)]


def _in_a_child(work: Callable[[], object], limit: float) -> int:
    """Run something in a forked child and return its wait status; after the limit it is killed."""
    child = os.fork()
    if child == 0:  # pragma: no cover: another process
        try:
            faulthandler.disable()
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            work()
        finally:
            os._exit(0)
    end = time.monotonic() + limit
    pause = 0.0005
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(pause)
        pause = min(2 * pause, 0.02)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]
