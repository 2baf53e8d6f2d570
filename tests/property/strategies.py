"""Strategies that draw problems: valid ones, and ones with one or two invalid fields."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from convharness import Problem
from convharness.problems.fields import DIRECTIONS, DTYPES, PADDING_MODES

Arguments = dict[str, Any]

NONSENSE: tuple[Any, ...] = (
    *(0, -1, 5, 10**30, 1.0, 1.5, None, True, "", "3", "sam", "float3", "zero", b"3"),
    *(
        (),
        (1,),
        (0, 1),
        (1, 2, 3, 4),
        (1.5, 2),
        (None, None),
        ("same", "same"),
        [[1, 2], [3, 4]],
        ((1,), (2,)),
    ),
    *(((-1, 1), (0, 0)), ((1, 2, 3), (1, 2, 3)), ((1, -40), (0, 0)), {}, {1}, object),
)


@st.composite
def padding_of_axis(draw: st.DrawFn) -> int | tuple[int, int]:
    """Draw the padding of one axis: as much on both sides, one-sided, or cropped at either end."""
    before = draw(st.integers(-3, 3))
    return draw(st.just(before) | st.tuples(st.just(before), st.integers(-3, 3)))


@st.composite
def arguments(draw: st.DrawFn, *, ndim: int | None = None, least_batch: int = 0, **fixed: Any) -> Arguments:
    """Draw the arguments of a valid problem, with `fixed` fields as given."""
    ndim = ndim or draw(st.integers(1, 3))

    def axes(values: st.SearchStrategy[Any]) -> tuple[Any, ...]:
        return tuple(draw(st.lists(values, min_size=ndim, max_size=ndim)))

    def chosen(name: str, strategy: Callable[[], Any]) -> Any:
        return fixed[name] if name in fixed else strategy()

    kernel_size, dilation = axes(st.integers(1, 3)), axes(st.integers(1, 3))
    stride = chosen("stride", lambda: axes(st.integers(1, 3)))
    words = ("same", "valid") if stride == (1,) * ndim or stride == 1 else ("valid",)
    padding = chosen(
        "padding", lambda: draw(st.sampled_from(words)) if draw(st.booleans()) else axes(padding_of_axis())
    )
    groups = draw(st.integers(1, 3))
    spare = axes(st.integers(0, 3))
    return {
        "batch_size": draw(st.integers(least_batch, 3)),
        "in_channels": groups * draw(st.integers(1, 2)),
        "input_size": _fitting(kernel_size, dilation, padding, spare),
        "out_channels": groups * draw(st.integers(1, 2)),
        "kernel_size": kernel_size,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
        "bias": chosen("bias", lambda: draw(st.booleans())),
        "padding_mode": chosen("padding_mode", lambda: draw(st.sampled_from(PADDING_MODES))),
        "dtype": chosen("dtype", lambda: draw(st.sampled_from(DTYPES))),
        "direction": chosen("direction", lambda: draw(st.sampled_from(DIRECTIONS))),
    }


def _fitting(
    kernel_size: tuple[int, ...], dilation: tuple[int, ...], padding: Any, spare: tuple[int, ...]
) -> tuple[int, ...]:
    """Return input sizes that the kernel fits and that every padding mode can pad."""
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel_size, strict=True)]
    if isinstance(padding, str):
        return tuple(span + more for span, more in zip(spans, spare, strict=True))
    per_axis = (padding,) * len(spans) if isinstance(padding, int) else padding
    pads = [(side, side) if isinstance(side, int) else side for side in per_axis]
    axes = zip(spans, pads, spare, strict=True)
    return tuple(max(span - sum(sides), max(sides) + 1, 1) + more for span, sides, more in axes)


def problems(**fixed: Any) -> st.SearchStrategy[Problem]:
    """Draw a problem."""
    return arguments(**fixed).map(lambda drawn: Problem(**drawn))


@st.composite
def nearly_valid(draw: st.DrawFn) -> Arguments:
    """Draw the arguments of a problem with one or two fields replaced by nonsense."""
    drawn = draw(arguments())
    for name in draw(st.lists(st.sampled_from(sorted(drawn)), min_size=1, max_size=2)):
        drawn[name] = draw(st.sampled_from(NONSENSE))
    return drawn


@st.composite
def nearly_canonical(draw: st.DrawFn) -> str:
    """Draw a canonical string with a part replaced."""
    text = str(draw(problems()))
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 4)))
    return text[:start] + draw(st.text("0129nchwoksdpgbx:- é٣", max_size=5)) + text[end:]
