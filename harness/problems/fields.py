"""The fields of a problem: which values they may take, and how those are checked and completed."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ProblemError, did_you_mean

Pair = tuple[int, int]
Spatial = int | Sequence[int]
Padding = int | str | Sequence[int | Sequence[int]]

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
DIRECTIONS = ("forward", "input_gradient", "weight_gradient")
ITEM_SIZES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
DTYPES = tuple(ITEM_SIZES)
SPATIAL_FIELDS = ("input_size", "kernel_size", "stride", "padding", "dilation")

ABOUT: Mapping[str, str] = {
    "batch_size": "images in the input",
    "in_channels": "channels of the input",
    "input_size": "size of the input, per axis",
    "out_channels": "channels of the output",
    "kernel_size": "size of the kernel, per axis",
    "stride": "stride, per axis",
    "padding": "padding, per axis; where the sides differ, before and after; below 0 it crops",
    "dilation": "dilation, per axis",
    "groups": "groups of channels",
    "bias": "whether a bias is added",
    "padding_mode": "what the padding is filled with",
    "dtype": "data type of input, weight and output",
    "direction": "forward, or which gradient",
}
"""What each field of a problem means."""

_MOST = 10**18 - 1  # eighteen digits, as many as the canonical string allows


def axes_of(spatial: Mapping[str, Any]) -> int:
    """Return how many axes spatial fields have; two where all are single values.

    Raises `ProblemError` where they differ, or for another number than 1, 2 or 3.
    """
    lengths = {
        name: len(value)
        for name, value in spatial.items()
        if isinstance(value, Sequence) and not isinstance(value, str)
    }
    if not lengths:
        return 2
    first, ndim = next(iter(lengths.items()))
    for name, length in lengths.items():
        if length != ndim:
            raise ProblemError(
                f"{name}={spatial[name]} has {length} axes but {first}={spatial[first]} has {ndim}"
            )
    if ndim not in (1, 2, 3):
        raise ProblemError(f"{first}={spatial[first]} has {ndim} axes; a convolution has 1, 2 or 3")
    return ndim


def whole(name: str, value: Any, at_least: int | None = 1) -> int:
    """Return `value` as an int; True and 3.0 are refused, a NumPy integer is not."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise ProblemError(f"{name} must be a whole number, got {value!r}")
    if abs(number) > _MOST:
        raise ProblemError(f"{name} must be at most {_MOST:,}, got {value!r}")
    if at_least is not None and number < at_least:
        raise ProblemError(f"{name} must be at least {at_least}, got {value!r}")
    return number


def per_axis(name: str, value: Any, ndim: int) -> tuple[int, ...]:
    """Return a spatial field as one whole number per axis."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(whole(name, item) for item in value)
    return (whole(name, value),) * ndim


def one_padding(value: Any) -> int | Pair:
    """Return one axis's padding: an int, or a pair where the two sides differ; what is negative crops."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != 2:
            raise ProblemError(f"padding takes (before, after) pairs, got {value!r}")
        before, after = whole("padding", value[0], None), whole("padding", value[1], None)
    else:
        before = after = whole("padding", value, None)
    return before if before == after else (before, after)


def true_or_false(name: str, value: Any) -> bool:
    """Return a truth value; 0, 1 and texts are refused."""
    if not isinstance(value, bool):
        raise ProblemError(f"{name} must be true or false, got {value!r}")
    return value


def one_of(name: str, value: Any, known: tuple[str, ...]) -> str:
    """Return one of the known words; any other is refused with the closest one."""
    if value not in known:
        raise ProblemError(f"{name}={value!r} is not known{did_you_mean(str(value), known)}")
    return str(value)
