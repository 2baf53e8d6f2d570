"""The host of an implementation that runs in a worker: requests go there, arrays lie between."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import prod
from typing import Any

import msgspec
import numpy as np

from ..errors import PluginError
from ..execution.host import FirstCall, Held
from ..execution.kernel_call import MOST_KEPT, KernelError, Output
from ..numerics.arrays import Array, dtype_of
from ..numerics.operands import Operands
from ..plugins.declaration import Implementation
from ..plugins.support import Unsupported
from ..problems.problem import Problem
from .process import START_S, Limits, Process
from .rival import RemoteRival, Seconds
from .shared_memory import Region, Spec

_MOST_TIMEOUTS = 3
_GRACE_S = 1.0


class Told(msgspec.Struct):
    """What a worker tells of an output: where it is not as it should be, `shape` and `dtype`."""

    foreign: str | None = None
    alias: str | None = None
    channels_last: bool = False
    shape: list[int] | None = None
    dtype: str = ""


class Seen(msgspec.Struct):
    """What a worker tells of the first call."""

    outputs: tuple[Told, Told]
    opened: str | None
    planned: str | None
    called: str | None


class RemoteHost:
    """Runs an implementation in a worker, which `start` starts when needed, and anew where it ended."""

    def __init__(
        self, implementation: Implementation, limits: Limits, threads: int, start: Callable[[], Process]
    ) -> None:
        self.implementation = implementation
        self.threads = threads
        self._start = start
        self._is_still = False
        self._pools: Mapping[str, int] | None = None
        self._limits = limits
        self._process: Process | None = None
        self._names = count()
        self._held = 0
        self._released: list[int] = []
        self._timeouts = 0
        self._problems = 0
        self._is_renewed = False
        self._printed: str | None = None

    def refuses(self, problem: Problem) -> Unsupported | None:
        """Return why it does not support a problem; its own `when=` is asked where it is."""
        if self.implementation.when is None:
            return self.implementation.refuses(problem)
        refusal: Unsupported | None = self.ask("refuses", Unsupported | None, problem=str(problem))
        return refusal

    def bind(
        self,
        problem: Problem,
        operands: Operands,
        given: Operands | None = None,
        poison: float | None = None,
    ) -> "RemoteBound":
        """Hand operands over; `given` may be those of an earlier call, or lie in any way."""
        process = self._running()
        if isinstance(given, _Shared):
            shared = given
        else:
            shared = _shared(process, self.implementation, operands, given)
        bound = RemoteBound(self, process, problem, shared, self.hold())
        bound.plan_s = self.ask(
            "bind",
            Seconds | None,
            bound=bound.name,
            problem=str(problem),
            operands=shared.specs,
            poison=_spelt(poison),
        )
        return bound

    def tried(
        self,
        problem: Problem,
        operands: Operands,
        given: Operands | None = None,
        poison: float | None = None,
    ) -> tuple[Operands, Output]:
        """Bind and call once, in one request."""
        process = self._running()
        shared = _shared(process, self.implementation, operands, given)
        room = _Room(process, problem, 1)
        told = self.ask(
            "tried",
            Told,
            times=2,
            problem=str(problem),
            operands=shared.specs,
            into=room.ready(),
            poison=_spelt(poison),
        )
        return shared, room.output(told, 0)

    def first_call(self, problem: Problem, operands: Operands) -> FirstCall:
        """Plan and call for the first time."""
        process = self._running()
        self._problems += 1
        shared = _shared(process, self.implementation, operands, None)
        room = _Room(process, problem, 2)
        specs = shared.specs
        seen: Seen = self.ask(
            "first_call", Seen, times=2, problem=str(problem), operands=specs, into=room.ready()
        )
        output, later = (room.output(told, index) for index, told in enumerate(seen.outputs))
        return FirstCall(shared, output, later, seen.opened, seen.planned, seen.called)

    def at_once(self, held: Sequence[Held], calls: int) -> list[list[Output]]:
        """Call from several threads of the worker."""
        bound = [one for one in held if isinstance(one, RemoteBound)]
        room = _Room(self._running(), bound[0].problem, calls * len(bound))
        told: list[list[Told]] = self.ask(
            "at_once",
            list[list[Told]],
            calls=calls,
            bounds=[one.name for one in bound],
            into=room.ready(),
            times=calls * len(bound),
        )
        if [calls] * len(bound) != [len(outputs) for outputs in told]:
            raise KernelError("contract", "answered for another number of calls")
        return [
            [room.output(one, first * calls + index) for index, one in enumerate(outputs)]
            for first, outputs in enumerate(told)
        ]

    def at_the_edge(self, problem: Problem, operands: Operands, edge: str) -> str | None:
        """Call at the edge of memory: if a signal ends the worker, the next request starts another."""
        shared = _shared(self._running(), self.implementation, operands, None)
        try:
            self.ask("at_the_edge", problem=str(problem), operands=shared.specs, edge=edge)
        except KernelError as error:
            if error.signal is None:
                raise
            return error.signal
        return None

    def rival(self, name: str, chain: Sequence[Held], *, cold: bool = False) -> "RemoteRival":
        """Put a chain on the worker's stopwatch; from now on the worker only runs while it is asked."""
        bound = [one for one in chain if isinstance(one, RemoteBound)]
        self.ask("rival", name=name, bounds=[one.name for one in bound], cold=cold)
        self._is_still = True
        self._running().pause()
        return RemoteRival(self, name, bound[-1])

    def peak_memory(self, held: Any) -> int | None:
        """Return how many bytes a call takes beyond what the worker has, where the system tells."""
        size: int | None = self.ask("peak_memory", int | None, bound=held.name, times=2)
        return size

    def starts_afresh(self) -> bool:
        """End the worker, once, if it has seen more than one problem; the next request starts another."""
        if self._is_renewed or self._problems < 2 or not (self._process and self._process.is_alive):
            return False
        self._is_renewed = True
        self.close()
        return True

    def pools(self) -> Mapping[str, int]:
        """Return how many threads the pools of the worker have: asked once, after it has worked."""
        if self._pools is None:
            self._pools = dict(self.ask("pools", list[tuple[str, int]]))
        return self._pools

    def printed(self) -> str | None:
        """Return the end of what the implementation has printed."""
        return self._process.printed() if self._process else self._printed

    def ask(self, word: str, kind: Any = None, *, times: int = 1, **details: Any) -> Any:
        """Return the answer of the worker, of that kind; it has the time for so many calls.

        Raises `KernelError`.
        """
        process = self._running()
        released, self._released = self._released, []
        if self._is_still:
            process.resume()
        try:
            limit = self._limits.call_s * times
            return process.ask(word, kind, within_s=limit, released=released, **details)
        except PluginError as error:
            if word == "refuses":
                raise
            raise KernelError("contract", f"answered what nobody had asked: {error}") from None
        except KernelError as error:
            if error.status == "timeout":
                self._timeouts += 1
            raise
        finally:
            if self._is_still and process.is_alive:
                process.pause()

    @property
    def is_idle(self) -> bool:
        """Say whether nobody holds anything in the worker."""
        return self._held == 0

    def hold(self) -> int:
        """Return a new name for something that the worker is to hold."""
        self._held += 1
        return next(self._names)

    def release(self, name: int) -> None:
        """Let the worker forget what nobody holds any more; it is told with the next request."""
        self._held -= 1
        self._released.append(name)

    def cpu_s(self) -> float:
        """Return the processor time of the worker."""
        return self._process.cpu_s() if self._process else 0.0

    def waited_s(self) -> float:
        """Return for how long the worker had to wait for a processor."""
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
        one = self.implementation
        self._problems = 0
        process = self._process = self._start()
        self._is_still = False
        self._released = []
        self._pools = None
        process.ask(
            "load",
            within_s=START_S + self._limits.call_s,
            source=str(one.source),
            origin=one.origin,
            family=one.family,
            name=one.own_name,
            running=self.threads,
            memory_bytes=self._limits.memory_bytes,
        )
        return process


class RemoteBound:
    """An implementation that holds operands in its worker."""

    plan_s: float | None = None

    def __init__(
        self, host: RemoteHost, process: Process, problem: Problem, given: "_Shared", name: int
    ) -> None:
        self.implementation = host.implementation
        self.problem = problem
        self.given = given
        self.name = name
        self._host = host
        self._process = process
        self._room = _Room(process, problem, 1)

    def __del__(self) -> None:
        self._host.release(self.name)

    def output(self, poison: float | None = None) -> Output:
        """Call once."""
        told = self._ask("call", Told, into=self._room.ready(), poison=_spelt(poison))
        return self._room.output(told, 0)

    def kept(self, wait_s: float = 0.0) -> list[Output]:
        """Return the latest outputs as they are now."""
        room = _Room(self._process, self.problem, MOST_KEPT)
        told = self._ask("kept", list[Told], into=room.ready(), wait_s=wait_s)
        return [room.output(one, index) for index, one in enumerate(told[:MOST_KEPT])]

    def overwrite(self) -> None:
        """Put NaN into the latest output."""
        self._ask("overwrite")

    def refill(self, name: str, content: Array) -> None:
        """Put other numbers into an input."""
        _, spec, region = self._process.arena.share(np.ascontiguousarray(content))
        self._ask("refill", name=name, content=spec)
        del region

    def whole(self, name: str) -> bytes:
        """Return all of the memory of which an input is a part."""
        return self.given.regions[list(self.given.items()).index(name)].bytes.tobytes()

    def uses_threads(self) -> bool:
        """Say whether other threads work during a call."""
        return bool(self._ask("uses_threads", bool, times=5))

    def seen(self, rival: str) -> Output:
        """Return what one of the timed calls returned."""
        told = self._host.ask("seen", Told, name=rival, bound=self.name, into=self._room.ready())
        return self._room.output(told, 0)

    def once(self, rival: str, x: Array) -> float:
        """Return the seconds of one call on another x."""
        _, spec, region = self._process.arena.share(np.ascontiguousarray(x))
        seconds: float = self._ask("once", Seconds, name=rival, content=spec)
        del region
        return seconds

    def _ask(self, word: str, kind: Any = None, **details: Any) -> Any:
        if not self._process.is_alive:
            raise KernelError("crashed", "its process has ended")
        return self._host.ask(word, kind, bound=self.name, **details)


@dataclass(frozen=True)
class _Shared(Operands):
    """Operands that lie in a worker's arena, with the words for where, and the regions that they hold."""

    specs: tuple[Spec, ...] = ()
    regions: tuple[Region, ...] = field(default=(), repr=False)


def _shared(
    process: Process, implementation: Implementation, operands: Operands, given: Operands | None
) -> _Shared:
    """Return operands in a worker's arena: plain copies, or, if `given`, as those lie."""
    if given is None:
        layouts = {"x": implementation.layout}
        items = operands.items().items()
        parts = [process.arena.place(array, layouts.get(name, "contiguous")) for name, array in items]
    else:
        parts = [process.arena.share(array) for array in given.items().values()]
    arrays = [array for array, _, _ in parts]
    return _Shared(
        arrays[0],
        arrays[1],
        arrays[2] if len(arrays) > 2 else None,
        tuple(spec for _, spec, _ in parts),
        tuple(region for _, _, region in parts),
    )


class _Room:
    """Where a worker puts outputs of one problem, one behind the other."""

    def __init__(self, process: Process, problem: Problem, outputs: int) -> None:
        self._problem = problem
        self._dtype = dtype_of(problem.dtype)
        self._size = prod(problem.output_shape) * self._dtype.itemsize
        self.region = process.arena.take(outputs * self._size)

    def ready(self) -> int:
        """Fill it with what is no number, so that nothing old is taken for new; return where it is."""
        self.region.bytes.fill(0xFF)
        return self.region.start

    def output(self, told: "Told", index: int) -> Output:
        """Return an output of which the worker told, with a copy of its numbers."""
        if told.foreign is not None:
            return Output(None, foreign=told.foreign)
        if told.shape is not None:
            return _misfit(told.shape, told.dtype)
        start = index * self._size
        numbers = self.region.bytes[start : start + self._size].copy()
        y = numbers.view(self._dtype).reshape(self._problem.output_shape)
        return Output(y, alias=told.alias, channels_last=told.channels_last)


def _misfit(shape: Sequence[int], dtype: str) -> Output:
    """Return an output of another shape or type, whose numbers nobody will read."""
    try:
        return Output(np.broadcast_to(np.zeros((), dtype_of(dtype)), shape))
    except (TypeError, ValueError):
        return Output(None, foreign=f"an array of shape {tuple(shape)} and type {dtype}")


def _spelt(poison: float | None) -> str | None:
    return None if poison is None else repr(float(poison))
