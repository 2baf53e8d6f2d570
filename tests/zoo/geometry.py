"""Faults of geometry: what of a problem's shape a fault may depend on, and a kernel that is wrong just there.

Each is a condition under which some real kernel took other code. No suite is made from this list: it measures
which share of such conditions the suites and random problems meet.
"""

from collections.abc import Callable, Iterable, Mapping
from math import prod
from typing import Any

from convharness import Implementation, Problem

from .convolution import Asked, convolve, made

Condition = Callable[[Problem], bool]


def _inputs(problem: Problem) -> int:
    return problem.in_channels // problem.groups


def _outputs(problem: Problem) -> int:
    return problem.out_channels // problem.groups


def _widest(problem: Problem) -> int:
    return max(map(max, problem.pads))


def _is_pointwise(problem: Problem) -> bool:
    return set(problem.kernel_size) == {1}


def _is_depthwise(problem: Problem) -> bool:
    return problem.groups == problem.in_channels > 1


def _is_one_sided(problem: Problem) -> bool:
    return any(min(sides) == 0 < max(sides) for sides in problem.pads)


def _is_odd_under_stride_two(problem: Problem) -> bool:
    is_usual = set(problem.kernel_size) == {3} and set(problem.stride) == {2} and problem.pads[0] == (1, 1)
    return is_usual and all(size % 2 == 1 for size in problem.input_size)


def _leaves(rest_of: int, size: int) -> bool:
    """Say whether something is left of a size after whole blocks, of which there is one at least."""
    return size > rest_of and size % rest_of > 0


FAULTS: Mapping[str, Condition] = {
    # Channels and groups.
    "inputs after vectors of 8": lambda one: _leaves(8, _inputs(one)),
    "inputs after blocks of 32": lambda one: _leaves(32, _inputs(one)),
    "more than 512 inputs": lambda one: _inputs(one) > 512,
    "3 inputs and a kernel of 7": lambda one: one.in_channels == 3 and 7 in one.kernel_size,
    "outputs after blocks of 16": lambda one: _leaves(16, _outputs(one)),
    "more than 256 outputs": lambda one: one.out_channels > 256,
    "one output": lambda one: one.out_channels == 1 and one.in_channels > 1,
    "in and out multiples of 32": lambda one: one.in_channels % 32 == 0 == one.out_channels % 32,
    "shallow groups of 8 outputs": lambda one: (
        one.groups > 1 and _inputs(one) < 16 and _outputs(one) % 8 == 0
    ),
    "groups of several inputs": lambda one: one.groups > 1 and _inputs(one) > 1,
    "7 groups": lambda one: one.groups == 7,
    "more than 1,024 groups": lambda one: one.groups > 1024,
    "depthwise with a multiplier": lambda one: _is_depthwise(one) and _outputs(one) > 1,
    "depthwise with a stride": lambda one: _is_depthwise(one) and max(one.stride) > 1,
    "depthwise with a dilation": lambda one: _is_depthwise(one) and max(one.dilation) > 1,
    # Batches.
    "4 samples and a kernel of 5": lambda one: one.batch_size >= 4 and max(one.kernel_size) >= 5,
    "more than 8 samples": lambda one: one.batch_size > 8,
    "more than 32 samples": lambda one: one.batch_size > 32,
    "an odd batch": lambda one: one.batch_size > 1 and one.batch_size % 2 == 1,
    "more than 65,535 samples": lambda one: one.batch_size > 65535,
    # Kernels.
    "an even kernel": lambda one: all(size % 2 == 0 for size in one.kernel_size),
    "a kernel of 8": lambda one: 8 in one.kernel_size,
    "a kernel of 6x6": lambda one: one.kernel_size == (6, 6),
    "a kernel of 1x7": lambda one: one.kernel_size == (1, 7),
    "a kernel of 7x1": lambda one: one.kernel_size == (7, 1),
    "a kernel of more than 11": lambda one: max(one.kernel_size) > 11,
    "a kernel as large as its input": lambda one: (
        not _is_pointwise(one) and one.kernel_size == one.input_size
    ),
    # Strides and dilations.
    "a stride beyond the kernel": lambda one: any(map(int.__gt__, one.stride, one.kernel_size)),
    "a stride of 6": lambda one: 6 in one.stride,
    "a stride per axis": lambda one: len(set(one.stride)) > 1,
    "a pointwise stride": lambda one: _is_pointwise(one) and max(one.stride) > 1,
    "an odd input under a stride of 2": _is_odd_under_stride_two,
    "a dilation of 5": lambda one: 5 in one.dilation,
    "a dilation beyond the kernel": lambda one: any(map(int.__gt__, one.dilation, one.kernel_size)),
    "a stride and a dilation": lambda one: max(one.stride) > 1 < max(one.dilation),
    # Padding.
    "a padding of 8": lambda one: _widest(one) >= 8,
    "a padding of 16": lambda one: _widest(one) >= 16,
    "padding beyond the kernel": lambda one: _widest(one) >= max(one.kernel_span),
    "padding on one side": _is_one_sided,
    "padding of one axis": lambda one: {max(sides) > 0 for sides in one.pads} == {True, False},
    "a reflection of 4": lambda one: one.padding_mode == "reflect" and _widest(one) >= 4,
    "a whole turn": lambda one: one.padding_mode == "circular" and _widest(one) == min(one.input_size),
    "padding with a stride": lambda one: _widest(one) > 0 and max(one.stride) > 1,
    # Rows and counts.
    "a row of 17": lambda one: one.output_size[-1] == 17,
    "a row after blocks of 16": lambda one: _leaves(16, one.output_size[-1]),
    "one output position": lambda one: not _is_pointwise(one) and prod(one.output_size) == 1,
    "more than 65,535 positions": lambda one: prod(one.output_size) > 65535,
    "samples of more than 65,535 elements": lambda one: prod(one.input_shape[1:]) > 65535,
    "more than 65,535 weights": lambda one: prod(one.weight_shape) > 65535,
    "more than 512 products of 16 bits": lambda one: "16" in one.dtype and one.products > 512,
    "more than 4,096 products": lambda one: one.products > 4096,
    "a million multiply-adds": lambda one: one.dense_macs > 1_000_000,
    "a million, depthwise": lambda one: one.dense_macs > 1_000_000 and _is_depthwise(one),
    "a million, 16 samples": lambda one: one.dense_macs > 1_000_000 and one.batch_size >= 16,
    # Axes and types.
    "one axis and a kernel of more than 16": lambda one: one.ndim == 1 and one.kernel_size[0] > 16,
    "three axes and a depth of 1": lambda one: one.ndim == 3 and one.kernel_size[0] == 1 < one.kernel_size[1],
    "float64 and 17 inputs": lambda one: one.dtype == "float64" and _inputs(one) >= 17,
    "bfloat16 and an odd row": lambda one: one.dtype == "bfloat16" and one.output_size[-1] % 2 == 1,
}
"""The conditions by name."""


def met(problems: Iterable[Problem]) -> frozenset[str]:
    """Return the names of the conditions that some of the problems meet."""
    asked = list(problems)
    return frozenset(name for name, holds in FAULTS.items() if any(map(holds, asked)))


def kernel_with(fault: str) -> Implementation:
    """Return a kernel that is right but for the last column, which is zero where a condition holds."""
    holds = FAULTS[fault]

    def body(asked: Asked) -> Any:
        y = convolve(asked)
        if holds(asked.problem):
            y[..., -1] = 0
        return y

    body.__doc__ = f"The last column is not written with {fault}."
    return made(body, "".join(letter if letter.isalnum() else "_" for letter in fault))
