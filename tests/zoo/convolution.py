"""The correct convolution of which all mutants and unusual kernels are variations, and their lists."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

import numpy as np

from convharness import Implementation, Problem, implementation, plan
from convharness.plugins.declaration import declare
from convharness.plugins.marks import mark_of

ALL_FLOATS = ("float16", "bfloat16", "float32", "float64")
NUMPY_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@dataclass(frozen=True)
class Asked:
    """The arguments of one call of an implementation."""

    x: Any
    weight: Any
    bias: Any
    stride: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int
    padding_mode: str

    def but(self, **changes: Any) -> "Asked":
        """Return the same arguments with some changed."""
        return replace(self, **changes)

    @property
    def problem(self) -> Problem:
        """Return the problem that is asked."""
        (out_channels, _, *kernel_size), (batch_size, in_channels, *input_size) = (
            self.weight.shape,
            self.x.shape,
        )
        return Problem(
            batch_size=batch_size,
            in_channels=in_channels,
            input_size=tuple(input_size),
            out_channels=out_channels,
            kernel_size=tuple(kernel_size),
            stride=self.stride,
            padding=self.pads,
            dilation=self.dilation,
            groups=self.groups,
            bias=self.bias is not None,
            padding_mode=self.padding_mode,
            dtype=self.x.dtype.name,
        )


Body = Callable[[Asked], Any]


@dataclass(frozen=True)
class Mutant:
    """A wrong implementation, the problem that shows its mistake, and the expected status and layer.

    The status or layer is None where more than one is right.
    """

    implementation: Implementation
    problem: Problem
    status: str | None
    layer: str | None

    def __str__(self) -> str:
        return self.implementation.name.removeprefix("zoo.")


@dataclass(frozen=True)
class Oddity:
    """A right implementation and a problem on which it does what is unusual about it."""

    implementation: Implementation
    problem: Problem

    def __str__(self) -> str:
        return self.implementation.name.removeprefix("zoo.")


WRONG: list[Mutant] = []
RIGHT: list[Implementation] = []
RIGHT_ON: list[Oddity] = []
"""Right implementations that are unusual on some problems alone, each with one of those."""


def wrong(
    problem: str, status: str | None = "wrong", layer: str | None = "exact", **keywords: Any
) -> Callable[[Body], Body]:
    """Return a decorator that adds a body to the mutants, with the problem that shows its mistake."""

    def put(body: Body) -> Body:
        WRONG.append(Mutant(made(body, **keywords), Problem.parse(problem), status, layer))
        return body

    return put


def wrong_plan(
    problem: str, status: str | None = "wrong", layer: str | None = "exact", **keywords: Any
) -> Callable[[Body], Body]:
    """Return a decorator that adds a plan to the mutants: a body without `x` returns a function of `x`."""

    def put(body: Body) -> Body:
        WRONG.append(Mutant(planned(body, **keywords), Problem.parse(problem), status, layer))
        return body

    return put


def right(**keywords: Any) -> Callable[[Body], Body]:
    """Return a decorator that adds a body to the unusual kernels, with what it declares."""

    def put(body: Body) -> Body:
        RIGHT.append(made(body, **keywords))
        return body

    return put


def right_on(problem: str, **keywords: Any) -> Callable[[Body], Body]:
    """Return a decorator that adds a body to the unusual kernels, with a problem on which it is unusual."""

    def put(body: Body) -> Body:
        RIGHT_ON.append(Oddity(made(body, **keywords), Problem.parse(problem)))
        return body

    return put


def only(holds: Callable[[Problem], bool]) -> Callable[[Body], Body]:
    """Return a decorator that asks a body only where `holds` is true of a problem, and convolves others."""

    def limit(body: Body) -> Body:
        @wraps(body)
        def limited(asked: Asked) -> Any:
            return body(asked) if holds(asked.problem) else convolve(asked)

        return limited

    return limit


def planned(body: Body, name: str | None = None, **keywords: Any) -> Implementation:
    """Return the plan that `body` makes."""
    keywords = {"ndim": (1, 2, 3), "dtype": ALL_FLOATS, **keywords}

    @plan(name=f"zoo.{name or body.__name__}", **keywords)
    def make(weight, bias, stride, pads, dilation, groups, padding_mode):
        return body(Asked(None, weight, bias, stride, pads, dilation, groups, padding_mode))

    make.__doc__ = body.__doc__
    return _declared(make)


def made(body: Body, name: str | None = None, **keywords: Any) -> Implementation:
    """Return the implementation that calls `body`."""
    keywords = {"ndim": (1, 2, 3), "dtype": ALL_FLOATS, **keywords}

    @implementation(name=f"zoo.{name or body.__name__}", **keywords)
    def run(x, weight, bias, stride, pads, dilation, groups, padding_mode):
        return body(Asked(x, weight, bias, stride, pads, dilation, groups, padding_mode))

    run.__doc__ = body.__doc__
    return _declared(run)


def _declared(function: Callable[..., Any]) -> Implementation:
    mark = mark_of(function)
    assert mark is not None
    return declare(function, mark, "zoo", origin="built-in")


def padded(asked: Asked, **how: Any) -> Any:
    """Return the input, padded and then cropped."""
    sizes = asked.x.shape[2:]
    grown = [(0, 0), (0, 0), *((max(before, 0), max(after, 0)) for before, after in asked.pads)]
    x = np.pad(asked.x, grown, **(how or {"mode": NUMPY_MODES[asked.padding_mode]}))
    cropped = (
        slice(max(-before, 0), max(-before, 0) + size + before + after)
        for size, (before, after) in zip(sizes, asked.pads, strict=True)
    )
    return x[(..., *cropped)]


def convolve(asked: Asked, *, x: Any = None, work: type | None = None) -> Any:
    """Return the output as a sum over the taps, in float32 or wider; `x`, if given, is the padded input."""
    dtype = asked.x.dtype
    work = work or (np.float64 if dtype == np.float64 else np.float32)
    x = (padded(asked) if x is None else x).astype(work)
    weight = asked.weight.astype(work)
    (o, channels, *kernel), groups = weight.shape, asked.groups
    axes = list(zip(x.shape[2:], kernel, asked.stride, asked.dilation, strict=True))
    out = [(size - d * (k - 1) - 1) // s + 1 for size, k, s, d in axes]
    x = x.reshape(len(x), groups, channels, *x.shape[2:])
    weight = weight.reshape(groups, o // groups, channels, *kernel)
    y = np.zeros((len(x), groups, o // groups, *out), work)
    for tap in np.ndindex(*kernel):
        reach = zip(tap, out, asked.stride, asked.dilation, strict=True)
        window = x[(..., *(slice(k * d, k * d + (n - 1) * s + 1, s) for k, n, s, d in reach))]
        y += np.einsum("ngc...,goc->ngo...", window, weight[(..., *tap)])
    return with_bias(y.reshape(len(x), o, *out), asked.bias).astype(dtype)


def cut_to_size(asked: Asked, y: Any) -> Any:
    """Return what other geometry gave in the size that was asked for: cut off, or filled up with zeros."""
    sizes = asked.problem.output_size
    missing = [(0, max(0, size - found)) for size, found in zip(sizes, y.shape[2:], strict=True)]
    y = np.pad(y, [(0, 0), (0, 0), *missing])
    return np.ascontiguousarray(y[(..., *map(slice, sizes))])


def with_bias(y: Any, bias: Any) -> Any:
    """Return the output with the bias of each channel added."""
    if bias is None:
        return y
    return y + bias.astype(y.dtype).reshape(-1, *(1,) * (y.ndim - 2))


def rounded(array: Any, bits: int) -> Any:
    """Return float32 or float64 values rounded to `bits` significant bits, with their exponents."""
    word, significand = (np.uint32, 24) if array.dtype == np.float32 else (np.uint64, 53)
    dropped = significand - bits
    raw = np.ascontiguousarray(array).view(word)
    even = (raw >> word(dropped)) & word(1)
    raw = raw + word((1 << (dropped - 1)) - 1) + even
    return (raw >> word(dropped) << word(dropped)).view(array.dtype)
