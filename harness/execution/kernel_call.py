"""One implementation bound to one problem's data: hand over, plan, call, take back.

The only module that calls a plugin's kernels. It does not judge: it reports facts.
"""

import inspect
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from time import perf_counter, sleep
from typing import Any

import numpy as np

from ..machine.threads import are_used_by
from ..numerics.arrays import (
    Adapter,
    Array,
    ForeignOutputError,
    adapter,
    aligned_copy,
    is_channels_last,
    root_of,
)
from ..numerics.operands import Operands
from ..plugins.declaration import Implementation
from ..problems.problem import Problem
from .poison import poisoned_heap

Call = Callable[[], Any]
Apply = Callable[[Any], Any]

MOST_KEPT = 24
"""How many of the latest outputs are kept."""


class KernelError(Exception):
    """Why there is no output, in one line; `status` is that of the record.

    `signal` is the name of the signal that ended the process, such as SIGSEGV, if one did.
    """

    def __init__(self, status: str, reason: str, *, signal: str | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.signal = signal

    @classmethod
    def of(cls, error: BaseException) -> "KernelError":
        """Return the error that a plugin's code raised, as its type and the first line of its message.

        A `KernelError` is returned unchanged.
        """
        if isinstance(error, cls):
            return error
        try:
            text = str(error).strip().split("\n", 1)[0]
        except Exception:  # noqa: BLE001 the message of a plugin's error may raise, too
            text = ""
        is_memory = isinstance(error, MemoryError) or "can't allocate memory" in text
        name = type(error).__name__
        return cls("memory" if is_memory else "error", f"{name}: {text}" if text else name)


@dataclass(frozen=True)
class Output:
    """What a call returned: a copy of its numbers, and facts about the original.

    `y` is None where the call did not return an array of the library; `foreign` then says what it
    returned. `alias` names an input whose memory the output shares.
    """

    y: Array | None
    foreign: str | None = None
    alias: str | None = None
    channels_last: bool = False


@dataclass
class Bound:
    """An implementation that holds its operands, in this process.

    `given` are the buffers that it was handed, so that changes to them are seen, and `own` the same
    memory as arrays of its library. `apply` takes an input as such an array; `x` is the bound one.
    """

    implementation: Implementation
    problem: Problem
    given: Operands
    own: Mapping[str, Any]
    x: Any
    apply: Apply
    call: Call
    plan_s: float | None
    is_read_only: bool = False
    """Whether the flags of what it was handed forbid writing."""
    _raw: deque[Any] = field(default_factory=lambda: deque(maxlen=MOST_KEPT), repr=False)
    _threads: frozenset[threading.Thread] = field(default_factory=lambda: frozenset(threading.enumerate()))

    def run(self) -> Any:
        """Return what one call returns; raises `KernelError` for anything it raises."""
        with guarded(self.implementation):
            return self.call()

    def output(self, poison: float | None = None) -> Output:
        """Call once and return the output; with `poison` fresh memory is filled with that number.

        Raises `KernelError`.
        """
        with poisoned_heap(self.implementation.arrays, poison):
            raw = self.run()
        seen = self.look(raw)
        # The copy comes first, so that nothing that happens later can improve it. An output of another
        # shape, which may be large, is not copied.
        fits = seen.y is not None and seen.y.shape == self.problem.output_shape
        kept = replace(seen, y=seen.y.copy()) if seen.y is not None and fits else seen
        self._raw.append(raw)
        return kept

    def look(self, raw: Any) -> Output:
        """Return the facts of what a call returned, its numbers not copied."""
        try:
            y = adapter(self.implementation.arrays).take_back(raw)
        except ForeignOutputError as error:
            return Output(None, foreign=str(error))
        alias = next(
            (name for name, array in self.given.items().items() if np.may_share_memory(y, array)), None
        )
        return Output(y, alias=alias, channels_last=is_channels_last(y))

    def kept(self, wait_s: float = 0.0) -> list[Output]:
        """Return the latest outputs as they are now, the newest last.

        Threads started since the implementation was bound that still run are waited for up to `wait_s`.
        """
        end = perf_counter() + wait_s
        while set(threading.enumerate()) - self._threads and perf_counter() < end:
            sleep(0.01)
        return [self.look(raw) for raw in self._raw]

    def overwrite(self) -> None:
        """Write NaN into the latest output, as its owner may."""
        y = self.look(self._raw.pop()).y
        if y is not None and y.flags.writeable and y.size:
            y[...] = np.nan

    def refill(self, name: str, content: Array) -> None:
        """Write other numbers into a buffer that was handed over, as a caller may between two calls."""
        adapter(self.implementation.arrays).fill(self.own[name], self.given.items()[name], content)

    def whole(self, name: str) -> bytes:
        """Return all the memory of which a buffer that was handed over is a part."""
        return root_of(self.given.items()[name]).tobytes()

    def opened(self) -> str | None:
        """Return which input was made writable, or made to record gradients, or None."""
        for name, own in self.own.items():
            flags = getattr(own, "flags", None)
            if self.is_read_only and flags is not None and flags.writeable:
                return f"made its input {name} writable"
            if getattr(own, "requires_grad", False):
                return f"made its input {name} require gradients"
        return None

    def uses_threads(self) -> bool:
        """Say whether threads other than the calling one work during a call."""
        return are_used_by(self.run)


@contextmanager
def guarded(implementation: Implementation) -> Iterator[None]:
    """Run a plugin's code in its library's context; anything it raises becomes a `KernelError`."""
    with adapter(implementation.arrays).running():
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin may raise anything, SystemExit included
            raise KernelError.of(error) from error


def bind(
    implementation: Implementation,
    problem: Problem,
    operands: Operands,
    given: Operands | None = None,
    *,
    read_only: bool = False,
    clock: Callable[[], float] = perf_counter,
) -> Bound:
    """Hand operands over, each in a buffer of its own that starts on a cache line, and plan.

    With `given` those buffers themselves are handed over, whatever their layout in memory; with `read_only`
    as arrays whose flags forbid writing, where the library has such. `clock` returns seconds, and times the
    plan.

    Raises `KernelError` for anything the plan raises.
    """
    library = adapter(implementation.arrays)
    given = given or Operands(
        aligned_copy(operands.x, implementation.layout),
        aligned_copy(operands.weight),
        None if operands.bias is None else aligned_copy(operands.bias),
    )
    values: dict[str, Any] = {
        name: getattr(problem, name)
        for name in ("stride", "padding", "pads", "dilation", "groups", "padding_mode")
    }
    values |= {"problem": problem, "bias": None}
    own = _own(library, given, read_only=read_only)
    values |= own
    x = values["x"]
    function, plan_s = implementation.function, None
    if implementation.is_plan:
        with guarded(implementation):
            start = clock()
            function = _named(function, values)()
            plan_s = clock() - start
            if not callable(function):
                raise TypeError(f"the plan returned {type(function).__name__}, not a function of x")
        return Bound(
            implementation, problem, given, own, x, function, partial(function, x), plan_s, read_only
        )
    call, apply = _named(function, values), _of_x(function, values)
    return Bound(implementation, problem, given, own, x, apply, call, plan_s, read_only)


def _own(library: Adapter, given: Operands, *, read_only: bool) -> dict[str, Any]:
    """Return buffers as arrays of the library."""
    own = {name: library.hand_over(array) for name, array in given.items().items()}
    return {name: library.read_only(array) for name, array in own.items()} if read_only else own


def chained(bounds: Sequence[Bound]) -> Call:
    """Return the call that runs layers one after the other, each on the output of the one before."""
    if len(bounds) == 1:
        return bounds[0].call
    layers = [bound.apply for bound in bounds]

    def chain() -> Any:
        y = bounds[0].x
        for layer in layers:
            y = layer(y)
        return y

    return chain


def _arguments(
    function: Callable[..., Any], values: Mapping[str, Any]
) -> tuple[list[str], list[Any], dict[str, Any]]:
    """Return the arguments that a signature asks for: names and values by position, and keywords."""
    names, keyword_only = _signature(function)
    return names, [values[name] for name in names], {name: values[name] for name in keyword_only}


@lru_cache(maxsize=4096)
def _signature(function: Callable[..., Any]) -> tuple[list[str], list[str]]:
    """Return the parameters that may be passed by position, and those that are keyword-only."""
    parameters = inspect.signature(function).parameters.values()
    return (
        [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY],
        [p.name for p in parameters if p.kind is p.KEYWORD_ONLY],
    )


def _named(function: Callable[..., Any], values: Mapping[str, Any]) -> Call:
    """Return a call without arguments; a partial adds some 30 ns to each, less than a lambda."""
    _, positions, keywords = _arguments(function, values)
    return partial(function, *positions, **keywords)


def _of_x(function: Callable[..., Any], values: Mapping[str, Any]) -> Apply:
    """Return the function of x alone."""
    names, positions, keywords = _arguments(function, values)
    if "x" in keywords:
        del keywords["x"]
        return lambda x: function(*positions, x=x, **keywords)
    place = names.index("x")
    before, after = positions[:place], positions[place + 1 :]
    return lambda x: function(*before, x, *after, **keywords)
