"""The marks that make a function an implementation: `@implementation` and `@plan`.

A mark only attaches facts to a function, which stays callable as itself; nothing is registered here
and nothing is run.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from ..errors import PluginError

Function = Callable[..., Any]
F = TypeVar("F", bound=Function)

_MARK = "__convharness_mark__"


@dataclass(frozen=True)
class Mark:
    """The arguments of a decorator: whether it is `@plan`, and its keywords."""

    is_plan: bool
    keywords: Mapping[str, Any]


@overload
def implementation(function: F, /) -> F: ...
@overload
def implementation(**keywords: Any) -> Callable[[F], F]: ...
def implementation(function: Function | None = None, /, **keywords: Any) -> Any:
    """Mark a function from `x`, `weight` (and further arguments that it names) to the output.

    Its signature declares what it can do: any of `bias, stride, padding, pads, dilation, groups,
    padding_mode` that it leaves out must have its default, unless it asks for the whole `problem`.
    `padding` is one int per axis, `pads` one (before, after) pair per axis; meanings and shapes are
    those of `torch.nn.functional.conv2d`.

    Keywords narrow it further: any field of `Problem` (one value, or a list of allowed ones),
    `ndim=` (default 2), `dtype=` (default float32 and float64), `direction=`,
    `when=problem -> reason or None`; and describe it: `name=`, `arrays='numpy' | 'torch'`,
    `layout='channels_last'`, `library=` (whose arithmetic it is, if not `arrays`).

    The standard that the oracle holds it to is declared by `accuracy=` ('direct', 'winograd(m,r)', 'fft',
    'strassen(l)', 'low(p)'), `locality=` (how far a NaN spreads: 'window', 'hull', 'tile', 'group',
    'sample', 'batch'; by default that of the class), `flushes_subnormals=True` and
    `deterministic=False`.

    Raises `PluginError` for a second mark; everything else is checked on discovery.
    """
    return _marker(function, keywords, is_plan=False)


@overload
def plan(function: F, /) -> F: ...
@overload
def plan(**keywords: Any) -> Callable[[F], F]: ...
def plan(function: Function | None = None, /, **keywords: Any) -> Any:
    """Mark a function that takes everything but `x` and returns the callable `x -> y`.

    For code that compiles, packs weights or builds a module: only `x -> y` is timed, and the planning
    time is recorded beside it. Keywords are those of `implementation`.
    """
    return _marker(function, keywords, is_plan=True)


def _marker(function: Function | None, keywords: Mapping[str, Any], *, is_plan: bool) -> Any:
    def attach(function: Function) -> Function:
        if hasattr(function, _MARK):
            raise PluginError(
                f"{getattr(function, '__name__', function)} is marked twice; one mark per function"
            )
        try:
            setattr(function, _MARK, Mark(is_plan, keywords))
        except (AttributeError, TypeError):
            advice = "wrap it in a function of your own"
            raise PluginError(f"{name_of(function)} cannot be marked; {advice}") from None
        return function

    return attach if function is None else attach(function)


def name_of(function: Any) -> str:
    """Return a function's name, or that of its type where it has none."""
    return getattr(function, "__name__", type(function).__name__)


def mark_of(candidate: object) -> Mark | None:
    """Return the mark of a function, or None; any object may be asked, also one of `lazy_import`."""
    mark = getattr(candidate, "__dict__", {}).get(_MARK)
    return mark if isinstance(mark, Mark) else None
