"""The host of an implementation that runs in a worker: requests go there, arrays lie between."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

from ..execution.host import ConcurrentCalls, FirstCall, Growth, Held, Series
from ..execution.kernel_call import KernelError, Output
from ..numerics.operands import Operands
from ..plugins.declaration import Implementation
from ..plugins.support import Unsupported
from ..problems.problem import Problem
from .array_transfer import HandedOperands, OutputBuffer, handed
from .process import START_S, Limits, Process
from .protocol import requests
from .protocol.requests import ReplyType, Request
from .remote_bound import RemoteBound, written
from .rival import RemoteRival

_MOST_TIMEOUTS = 3
_GRACE_S = 1.0
_FAULTS = ("SIGSEGV", "SIGBUS")
_SEVERAL = 4


class RemoteHost:
    """Runs an implementation in a worker, which `start` starts when needed, and anew where it ended."""

    def __init__(
        self, implementation: Implementation, limits: Limits, threads: int, start: Callable[[], Process]
    ) -> None:
        self.implementation = implementation
        self.threads = threads
        self._start = start
        self._limits = limits
        self._process: Process | None = None
        self._is_still = False
        self._pools: Mapping[str, int] | None = None
        self._names = count()
        self._held = 0
        self._released: list[int] = []
        self._timeouts = 0
        self._problems = 0
        self._is_renewed = False
        self._printed: str | None = None

    def refuses(self, problem: Problem) -> Unsupported | None:
        """Return why it does not support a problem; its own `when=` is asked in the worker."""
        if self.implementation.when is None:
            return self.implementation.refuses(problem)
        return self.ask(requests.CheckSupport(str(problem))).refusal

    def bind(
        self,
        problem: Problem,
        operands: Operands,
        given: Operands | None = None,
        poison: float | None = None,
        *,
        protected: bool = False,
    ) -> RemoteBound:
        """Hand operands over; `given` may be those of an earlier call, or lie in any way."""
        process = self._running()
        shared = self._handed(process, operands, given)
        bound = RemoteBound(self, process, problem, shared, self.hold())
        where = shared.where(protected=protected)
        bound.plan_s = self.ask(requests.Bind(bound.name, str(problem), where, written(poison))).plan_s
        return bound

    def tried(
        self,
        problem: Problem,
        operands: Operands,
        given: Operands | None = None,
        poison: float | None = None,
    ) -> tuple[Operands, Output]:
        """Bind and call once, in one request, on inputs that can only be read."""
        try:
            return self._tried(problem, operands, given, poison, protected=True)
        except KernelError as error:
            if error.signal not in _FAULTS:
                raise
            ended = error
        old = isinstance(given, HandedOperands)  # they went with the worker that has ended
        try:
            self._tried(problem, operands, None if old else given, poison, protected=False)
        except KernelError:
            raise ended from None
        reason = f"wrote to an input: it {ended} where its inputs can only be read, and not elsewhere"
        raise KernelError("contract", reason)

    def _tried(
        self,
        problem: Problem,
        operands: Operands,
        given: Operands | None,
        poison: float | None,
        *,
        protected: bool,
    ) -> tuple[Operands, Output]:
        process = self._running()
        shared = self._handed(process, operands, given)
        buffer = OutputBuffer(process.memory, problem)
        where = shared.where(protected=protected)
        request = requests.BindAndCall(str(problem), where, buffer.cleared(), written(poison))
        return shared, buffer.output(self.ask(request).output)

    def first_call(self, problem: Problem, operands: Operands) -> FirstCall:
        """Plan and call for the first time."""
        process = self._running()
        self._problems += 1
        shared = self._handed(process, operands)
        buffer = OutputBuffer(process.memory, problem, 2)
        seen = self.ask(requests.CallFirst(str(problem), shared.where(), buffer.cleared()))
        output, later = buffer.output(seen.output, 0), buffer.output(seen.later, 1)
        return FirstCall(shared, output, later, seen.opened, seen.planned, seen.called)

    def at_once(self, held: Sequence[Held], calls: int) -> ConcurrentCalls:
        """Call from several threads of the worker."""
        bounds = [one for one in held if isinstance(one, RemoteBound)]
        each = calls + 1
        buffer = OutputBuffer(self._running().memory, bounds[0].problem, each * len(bounds))
        names = tuple(one.name for one in bounds)
        try:
            seen = self.ask(requests.CallConcurrently(names, calls, buffer.cleared()))
        except KernelError as error:
            if error.signal not in _FAULTS:
                raise
            reason = f"{error}, called from several threads on inputs that can only be read"
            raise KernelError(error.status, reason, signal=error.signal) from None
        if [each] * len(bounds) != [len(outputs) for outputs in seen.outputs]:
            raise KernelError("contract", "answered for another number of calls")
        found = [
            [buffer.output(one, first * each + index) for index, one in enumerate(outputs)]
            for first, outputs in enumerate(seen.outputs)
        ]
        return ConcurrentCalls(
            [outputs[:calls] for outputs in found], [outputs[calls] for outputs in found], seen.call_s
        )

    def at_the_edge(self, problem: Problem, operands: Operands, edge: str) -> str | None:
        """Call at the edge of memory: if a signal ends the worker, the next request starts another."""
        shared = self._handed(self._running(), operands)
        try:
            self.ask(requests.CallAtEdge(str(problem), shared.where(), edge))
        except KernelError as error:
            if error.signal is None:
                raise
            return error.signal
        return None

    def rival(self, name: str, chain: Sequence[Held], *, cold: bool = False) -> RemoteRival:
        """Put a chain on the worker's stopwatch; from now on the worker only runs while it is asked."""
        bounds = [one for one in chain if isinstance(one, RemoteBound)]
        self.ask(requests.PrepareTiming(name, tuple(one.name for one in bounds), cold))
        self._is_still = True
        self._running().pause()
        return RemoteRival(self, name, bounds[-1])

    def peak_memory(self, held: Any) -> int | None:
        """Return how many bytes a call takes beyond what the worker has, where the system tells."""
        return self.ask(requests.MeasurePeakMemory(held.name)).size

    def in_series(self, held: Any, calls: int, within_s: float) -> Series:
        """Call again and again in the worker."""
        most = calls.bit_length()
        buffer = OutputBuffer(self._running().memory, held.problem, most)
        seen = self.ask(requests.CallInSeries(held.name, calls, within_s, buffer.cleared()))
        outputs = [buffer.output(one, index) for index, one in enumerate(seen.outputs[:most])]
        return Series(outputs, seen.calls, seen.overlap, seen.other)

    def grown_by_calls(self, held: Any, rounds: int, each: int, within_s: float) -> Growth | None:
        """Return how the worker's memory grows with calls."""
        seen = self.ask(requests.MeasureGrowthByCalls(held.name, rounds, each, within_s))
        return Growth(seen.sizes, seen.each)

    def grown_by_shapes(self, problems: Sequence[Problem], each: int, within_s: float) -> Growth | None:
        """Return how the worker's memory grows with calls on problems of new shapes."""
        texts = tuple(map(str, problems))
        seen = self.ask(requests.MeasureGrowthByShapes(texts, each, within_s))
        return Growth(seen.sizes, seen.each, seen.first_s, seen.again_s)

    def synchronize(self) -> None:
        """Ask for nothing: what the worker has sent before comes before the reply, and is a breach."""
        if self._process is not None and self._process.is_alive:
            self.ask(requests.Ping())

    def starts_afresh(self, *, always: bool = False) -> bool:
        """End the worker, if it has seen more than one problem and only once, or always."""
        is_alive = self._process is not None and self._process.is_alive
        if not always and (self._is_renewed or self._problems < 2 or not is_alive):
            return False
        self._is_renewed = True
        self.close()
        return True

    @contextmanager
    def other_threads(self) -> Iterator[bool]:
        """Let the worker have one thread if it has several, several if it has one, and then as many again."""
        self.ask(requests.LimitThreads(_SEVERAL if self.threads == 1 else 1))
        try:
            yield True
        finally:
            self.ask(requests.LimitThreads(self.threads))

    def pools(self) -> Mapping[str, int]:
        """Return how many threads the pools of the worker have: asked once, after it has worked."""
        if self._pools is None:
            self._pools = self.ask(requests.CountPools()).threads
        return self._pools

    def printed(self) -> str | None:
        """Return the end of what the implementation has printed."""
        return self._process.printed() if self._process else self._printed

    def ask(self, request: Request[ReplyType]) -> ReplyType:
        """Return the worker's reply to a request; a worker that is timed runs only meanwhile.

        Raises `KernelError`, and `PluginError` for a mistake in the plugin.
        """
        process = self._running()
        released, self._released = self._released, []
        if self._is_still:
            process.resume()
        try:
            return process.ask(request, released=released)
        except KernelError as error:
            if error.status == "timeout":
                self._timeouts += 1
            raise
        finally:
            if self._is_still and process.is_alive:
                process.pause()

    @property
    def is_idle(self) -> bool:
        """Say whether the worker holds nothing that is still in use."""
        return self._held == 0

    def hold(self) -> int:
        """Return a new name for something that the worker is to hold."""
        self._held += 1
        return next(self._names)

    def release(self, name: int) -> None:
        """Let the worker forget what is no longer in use, with the next request."""
        self._held -= 1
        self._released.append(name)

    def cpu_s(self) -> float:
        """Return the processor time of the worker."""
        return self._process.cpu_s() if self._process else 0.0

    def waited_s(self) -> float:
        """Return how long the worker had to wait for a CPU."""
        return self._process.waited_s() if self._process else 0.0

    def pin(self, processors: Collection[int]) -> None:
        """Let the worker have some processors and no others."""
        self._running().pin(processors)

    def say_goodbye(self) -> None:
        """Tell the worker that it may end."""
        if self._process is not None:
            self._process.say_goodbye()

    def close(self) -> None:
        """End the worker; it has a moment to tidy up."""
        if self._process is not None:
            self._process.say_goodbye()
            self._process.end(_GRACE_S)
            self._printed = self._process.printed()
            self._process = None

    def dismiss(self) -> None:
        """End the worker at once."""
        if self._process is not None:
            self._process.end()

    def _handed(self, process: Process, operands: Operands, given: Operands | None = None) -> HandedOperands:
        return handed(process.memory, self.implementation.layout, operands, given)

    def _running(self) -> Process:
        """Return the worker, started if need be."""
        if self._process is not None and self._process.is_alive:
            return self._process
        self.close()
        if self._timeouts >= _MOST_TIMEOUTS:
            reason = (
                f"was too slow {_MOST_TIMEOUTS} times, and is not tried again; --timeout gives it more time"
            )
            raise KernelError("timeout", reason)
        self._problems = 0
        process = self._process = self._start()
        self._is_still = False
        self._released = []
        self._pools = None
        process.ask(self._load(), within_s=START_S + self._limits.call_s)
        return process

    def _load(self) -> requests.Load:
        one = self.implementation
        return requests.Load(
            source=str(one.source),
            origin=one.origin,
            family=one.family,
            name=one.own_name,
            threads=self.threads,
            memory_bytes=self._limits.memory_bytes,
        )
