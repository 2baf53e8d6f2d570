"""One implementation bound to one problem's data: hand over, plan, call, take back.

The only place that runs code of a plugin. It judges nothing and times nothing but the plan.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from time import perf_counter
from typing import Any

from .arrays import Array, adapter, aligned_copy
from .plugin import Implementation
from .problem import Problem
from .tensors import Operands

Call = Callable[[], Any]
Apply = Callable[[Any], Any]


class KernelError(Exception):
    """What a plugin's code raised, in one line; `is_memory` where it ran out of memory."""

    def __init__(self, error: BaseException) -> None:
        try:
            text = str(error).strip().split("\n", 1)[0]
        except Exception:  # noqa: BLE001 an error of a plugin may fail even to say what it is
            text = ""
        super().__init__(f"{type(error).__name__}: {text}" if text else type(error).__name__)
        self.is_memory = isinstance(error, MemoryError) or "can't allocate memory" in text


@dataclass(frozen=True)
class Bound:
    """An implementation that holds its operands.

    `given` are the very buffers it was handed, so that a change in them shows, and `own` the same as
    arrays of its library. `apply` takes such an input, `x` is the one that was bound.
    """

    implementation: Implementation
    problem: Problem
    given: Operands
    own: Mapping[str, Any]
    x: Any
    apply: Apply
    call: Call
    plan_s: float | None

    def output(self) -> Any:
        """Return what one call returns; raises `KernelError` for whatever it raises."""
        with guarded(self.implementation):
            return self.call()

    def refill(self, name: str, content: Array) -> None:
        """Put other numbers into a buffer that it was handed, as its caller may between two calls."""
        adapter(self.implementation.arrays).fill(self.own[name], self.given.items()[name], content)


@contextmanager
def guarded(implementation: Implementation) -> Iterator[None]:
    """Run a plugin's code in its library's context; whatever it raises leaves as `KernelError`."""
    with adapter(implementation.arrays).running():
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin may raise anything, SystemExit included
            raise KernelError(error) from error


def bind(
    implementation: Implementation, problem: Problem, operands: Operands, given: Operands | None = None
) -> Bound:
    """Hand operands over, each in a buffer of its own that starts on a cache line, and plan.

    With `given` it is those very buffers that are handed over, wherever and however they lie.

    Raises `KernelError` for whatever the plan raises.
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
    own = {name: library.hand_over(array) for name, array in given.items().items()}
    values |= own
    x = values["x"]
    function, plan_s = implementation.function, None
    if implementation.is_plan:
        with guarded(implementation):
            start = perf_counter()
            function = _named(function, values)()
            plan_s = perf_counter() - start
            if not callable(function):
                raise TypeError(f"the plan returned {type(function).__name__}, not a function of x")
        return Bound(implementation, problem, given, own, x, function, partial(function, x), plan_s)
    call, apply = _named(function, values), _of_x(function, values)
    return Bound(implementation, problem, given, own, x, apply, call, plan_s)


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
    """Return what a function's signature asks for: names and values by position, the rest by keyword."""
    names, keyword_only = _signature(function)
    return names, [values[name] for name in names], {name: values[name] for name in keyword_only}


@lru_cache(maxsize=4096)
def _signature(function: Callable[..., Any]) -> tuple[list[str], list[str]]:
    """Return the parameters that may go by position, and those that are keywords only."""
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
