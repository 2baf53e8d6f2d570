"""One convolution as a value: its parameters, sizes and cost; no data and no arithmetic on it.

"Convolution" means cross-correlation, as everywhere in deep learning: the kernel is not flipped.
Spatial values are tuples in the order (depth, height, width), of which a 2-D problem has the last
two and a 1-D problem the last one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import repeat
from math import prod
from typing import Any, Self

from ..errors import ProblemError, did_you_mean
from .fields import (
    DIRECTIONS,
    DTYPES,
    ITEM_SIZES,
    PADDING_MODES,
    Padding,
    Pair,
    Spatial,
    axes_of,
    one_of,
    one_padding,
    per_axis,
    true_or_false,
    whole,
)
from .notation import AXES, read, spatial_text


@dataclass(frozen=True, init=False)
class Problem:
    """One convolution.

    `input_size`, `kernel_size`, `stride`, `padding` and `dilation` take one int for all axes or one
    per axis; the problem has as many axes as those that are given per axis, and two if none is.
    `padding` also takes `'same'`, `'valid'`, or one `(before, after)` pair per axis. Where it is
    negative the input is cropped, after the other side has been padded.

    Raises `ProblemError` for a convolution that is impossible.

    >>> problem = Problem(in_channels=3, input_size=224, out_channels=64, kernel_size=7, stride=2, padding=3)
    >>> str(problem)
    'n1c3h224w224-o64k7s2p3-float32'
    >>> problem.output_shape
    (1, 64, 112, 112)
    >>> Problem.parse(str(problem)) == problem
    True
    """

    batch_size: int
    in_channels: int
    input_size: tuple[int, ...]
    out_channels: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int | Pair, ...]
    dilation: tuple[int, ...]
    groups: int
    bias: bool
    padding_mode: str
    dtype: str
    direction: str

    def __init__(  # noqa: PLR0913 a convolution has that many parameters
        self,
        *,
        batch_size: int = 1,
        in_channels: int,
        input_size: Spatial,
        out_channels: int,
        kernel_size: Spatial,
        stride: Spatial = 1,
        padding: Padding = 0,
        dilation: Spatial = 1,
        groups: int = 1,
        bias: bool = False,
        padding_mode: str = "zeros",
        dtype: str = "float32",
        direction: str = "forward",
    ) -> None:
        spatial = {
            "input_size": input_size,
            "kernel_size": kernel_size,
            "stride": stride,
            "dilation": dilation,
            "padding": padding,
        }
        ndim = axes_of(spatial)
        values = {
            "batch_size": whole("batch_size", batch_size, at_least=0),
            "in_channels": whole("in_channels", in_channels),
            "out_channels": whole("out_channels", out_channels),
            "groups": whole("groups", groups),
            "input_size": per_axis("input_size", input_size, ndim),
            "kernel_size": per_axis("kernel_size", kernel_size, ndim),
            "stride": per_axis("stride", stride, ndim),
            "dilation": per_axis("dilation", dilation, ndim),
            "bias": true_or_false("bias", bias),
            "padding_mode": one_of("padding_mode", padding_mode, PADDING_MODES),
            "dtype": one_of("dtype", dtype, DTYPES),
            "direction": one_of("direction", direction, DIRECTIONS),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "padding", self._resolve(padding))
        self._refuse_the_impossible()

    def _resolve(self, padding: Padding) -> tuple[int | Pair, ...]:
        """Return one int per axis, or a (before, after) pair where the two sides differ."""
        if padding == "valid":
            return (0,) * self.ndim
        if padding == "same":
            if set(self.stride) != {1}:
                raise ProblemError(f"padding='same' needs stride 1, got stride={self.stride}")
            spans = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            return tuple(one_padding((span // 2, span - span // 2)) for span in spans)
        if isinstance(padding, str):
            raise ProblemError(f"padding={padding!r} is not known{did_you_mean(padding, ('same', 'valid'))}")
        per_axis = padding if isinstance(padding, Sequence) else repeat(padding, self.ndim)
        return tuple(one_padding(value) for value in per_axis)

    def _refuse_the_impossible(self) -> None:
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ProblemError(
                f"groups={self.groups} must divide in_channels={self.in_channels}"
                f" and out_channels={self.out_channels}"
            )
        padded = [size + sum(pads) for size, pads in zip(self.input_size, self.pads, strict=True)]
        if any(space < span for space, span in zip(padded, self.kernel_span, strict=True)):
            raise ProblemError(
                f"kernel_size={self.kernel_size} with dilation={self.dilation} does not fit"
                f" input_size={self.input_size} padded by {self.padding}"
            )
        # Each reflected element lies beyond the border; each element of circular padding lies in the input.
        limits = {"reflect": 1, "circular": 0}
        if self.padding_mode in limits:
            spare = limits[self.padding_mode]
            if any(max(pads) > size - spare for size, pads in zip(self.input_size, self.pads, strict=True)):
                raise ProblemError(
                    f"padding_mode='{self.padding_mode}' needs padding of at most input_size"
                    f"{' - 1' if spare else ''}, got padding={self.padding} for input_size={self.input_size}"
                )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a canonical string; parts may be left out where they have a default.

        >>> Problem.parse("c3h8w8-o4k3").kernel_size
        (3, 3)
        """
        return cls(**read(text))

    def __str__(self) -> str:
        sizes = "".join(
            f"{axis}{size}" for axis, size in zip(AXES[-self.ndim :], self.input_size, strict=True)
        )
        parts = [f"o{self.out_channels}k{spatial_text(self.kernel_size)}"]
        parts += [
            f"{letter}{spatial_text(values)}"
            for letter, values, default in (
                ("s", self.stride, 1),
                ("p", self.padding, 0),
                ("d", self.dilation, 1),
            )
            if set(values) != {default}
        ]
        if self.groups != 1:
            parts.append(f"g{self.groups}")
        if self.bias:
            parts.append("b")
        words = [f"n{self.batch_size}c{self.in_channels}{sizes}", "".join(parts)]
        words += [self.padding_mode] * (self.padding_mode != "zeros")
        words += [self.dtype]
        words += [self.direction] * (self.direction != "forward")
        return "-".join(words)

    def replace(self, **changes: Any) -> Self:
        """Return the same problem with some fields changed."""
        return replace(self, **changes)

    @property
    def ndim(self) -> int:
        """Return the number of spatial axes: 1, 2 or 3."""
        return len(self.input_size)

    @property
    def pads(self) -> tuple[Pair, ...]:
        """Return the padding as one (before, after) pair per axis."""
        return tuple((value, value) if isinstance(value, int) else value for value in self.padding)

    @property
    def is_padded(self) -> bool:
        """Say whether anything is padded, so that the padding mode has an effect; cropping is not padding."""
        return any(max(pair) > 0 for pair in self.pads)

    @property
    def kernel_span(self) -> tuple[int, ...]:
        """Return how far the dilated kernel reaches on each axis: dilation·(kernel_size − 1) + 1."""
        return tuple(d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel_size, strict=True))

    @cached_property
    def output_size(self) -> tuple[int, ...]:
        """Return floor((input + before + after − span) / stride) + 1 on each axis."""
        return tuple(
            (size + before + after - span) // stride + 1
            for size, (before, after), span, stride in zip(
                self.input_size, self.pads, self.kernel_span, self.stride, strict=True
            )
        )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Return (N, C, *input_size)."""
        return (self.batch_size, self.in_channels, *self.input_size)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Return (O, C/groups, *kernel_size)."""
        return (self.out_channels, self.in_channels // self.groups, *self.kernel_size)

    @property
    def bias_shape(self) -> tuple[int, ...] | None:
        """Return (O,), or None where the problem has no bias."""
        return (self.out_channels,) if self.bias else None

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Return (N, O, *output_size)."""
        return (self.batch_size, self.out_channels, *self.output_size)

    @property
    def products(self) -> int:
        """Return how many products one output element sums: C/groups·Πkernel_size."""
        return prod(self.weight_shape[1:])

    @property
    def parameters(self) -> int:
        """Return the number of weights and biases."""
        return prod(self.weight_shape) + (self.out_channels if self.bias else 0)

    @property
    def elements(self) -> int:
        """Return the number of elements of input, weight, bias and output."""
        return prod(self.input_shape) + self.parameters + prod(self.output_shape)

    @property
    def dense_macs(self) -> int:
        """Return the multiply-adds, those with the padding's zeros included."""
        return prod(self.output_shape) * self.products

    @cached_property
    def macs(self) -> int:
        """Return the multiply-adds whose tap lies inside the input.

        Only zeros can be skipped: any other padding mode reads real elements, so all taps count.
        """
        if self.padding_mode != "zeros":
            return self.dense_macs
        taps = prod(self._taps_inside(axis) for axis in range(self.ndim))
        return self.batch_size * prod(self.weight_shape[:2]) * taps

    def _taps_inside(self, axis: int) -> int:
        """Return how many pairs (output position, tap) of an axis read the input and not its padding."""
        size, before = self.input_size[axis], self.pads[axis][0]
        # Taps lie `dilation` apart and outputs `stride` apart; the loop runs over the fewer of them.
        taps = (self.kernel_size[axis], self.dilation[axis])
        outputs = (self.output_size[axis], self.stride[axis])
        (few, few_apart), (many, many_apart) = sorted((taps, outputs))
        count = 0
        for index in range(few):
            offset = index * few_apart - before
            first = max(0, -(offset // many_apart))
            last = min(many - 1, (size - 1 - offset) // many_apart)
            count += max(0, last - first + 1)
        return count

    @property
    def flops(self) -> int:
        """Return 2·macs: one multiplication and one addition each."""
        return 2 * self.macs

    @property
    def min_bytes(self) -> int:
        """Return the bytes of input, weight, bias and output, each touched once."""
        return self.elements * ITEM_SIZES[self.dtype]

    @property
    def output_bytes(self) -> int:
        """Return the bytes of the output, the least memory that a convolution allocates."""
        return prod(self.output_shape) * ITEM_SIZES[self.dtype]

    @property
    def im2col_bytes(self) -> int:
        """Return the bytes of the matrix of all windows: (C·Πkernel_size) × (N·Πoutput_size)."""
        columns = self.batch_size * prod(self.output_size)
        return self.in_channels * prod(self.kernel_size) * columns * ITEM_SIZES[self.dtype]

    @property
    def intensity(self) -> float:
        """Return the arithmetic intensity: flops per byte of `min_bytes`."""
        return self.flops / self.min_bytes


FIELDS = tuple(field.name for field in fields(Problem))
REQUIRED_FIELDS = ("in_channels", "input_size", "out_channels", "kernel_size")
