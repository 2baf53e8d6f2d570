"""Which outputs a single element of x reaches: those that read it, and those to which it may spread.

Whether an output of an axis reads a position does not depend on the other axes, so that the outputs that
read an element are a grid: some indices of each axis. Nothing here is as large as an output.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...problems.problem import Problem
from ..accuracy import Mask
from ..arrays import Array
from ..operands import generator
from ..reference import Indices
from .single_elements import positions_of

_TILE = 8
"""Outputs of a tile along an axis where the accuracy class does not say."""

_TRIES = 100


@dataclass(frozen=True)
class Reach:
    """The outputs of a grid, as an index into the output, and which of them read an element."""

    index: tuple[Any, ...]
    reads: Mask

    def first(self, bad: Mask) -> tuple[int, ...]:
        """Return the index in the output of the first of some outputs of the grid."""
        place = np.unravel_index(int(bad.argmax()), bad.shape)
        return tuple(int(axis.reshape(-1)[at]) for axis, at in zip(self.index, place, strict=True))


def drawn_place(problem: Problem, seed: int) -> tuple[int, ...] | None:
    """Return the index of an element of x that an output drawn at random reads, or None if none is found."""
    random = generator(problem, "place", seed)
    if 0 in problem.output_shape:
        return None
    for _ in range(_TRIES):
        place = [int(random.integers(size)) for size in problem.input_shape[:2]]
        for axis, size in enumerate(problem.output_size):
            positions, inside = positions_of(problem, axis, random.integers(size, size=1))
            tap = int(random.integers(problem.kernel_size[axis]))
            place.append(int(positions[0, tap]) if inside[0, tap] else -1)
        if min(place) >= 0:
            return tuple(place)
    return None


def reached(problem: Problem, weight: Array, place: tuple[int, ...]) -> Reach:
    """Return the outputs that multiply an element of x by a weight that is not zero."""
    sample, channel, *positions = place
    group, inner = divmod(channel, problem.in_channels // problem.groups)
    per_group = problem.out_channels // problem.groups
    channels = np.arange(group * per_group, (group + 1) * per_group)
    reads: Array = (weight[channels, inner] != 0).astype(np.float64)
    axes = []
    for axis, position in enumerate(positions):
        outputs, taps = _reading(problem, axis, position)
        axes.append(outputs)
        reads = np.tensordot(reads, taps.astype(np.float64), axes=(1, 1))  # the axis goes last
    return Reach(np.ix_(np.array([sample]), channels, *axes), reads[None] > 0)


def may_reach(problem: Problem, place: tuple[int, ...], locality: str, tile: int) -> tuple[Any, ...] | None:
    """Return the index of the outputs to which an element of x may spread, or None if that is all of them."""
    if locality == "batch":
        return None
    sample, channel, *positions = place
    samples = slice(sample, sample + 1)
    if locality == "sample":
        return (samples,)
    per_group = problem.out_channels // problem.groups
    first = channel // (problem.in_channels // problem.groups) * per_group
    channels = slice(first, first + per_group)
    if locality == "group":
        return samples, channels
    if locality != "window":
        problem = problem.replace(kernel_size=problem.kernel_span, dilation=1)
    grid = [_reading(problem, axis, position)[0] for axis, position in enumerate(positions)]
    if locality == "tile":
        reach = tile if tile > 1 else _TILE
        grid = [
            np.unique(np.clip(outputs[:, None] + np.arange(-reach, reach + 1), 0, size - 1))
            for outputs, size in zip(grid, problem.output_size, strict=True)
        ]
    return np.ix_(np.array([sample]), np.arange(first, first + per_group), *grid)


def _reading(problem: Problem, axis: int, position: int) -> tuple[Indices, Mask]:
    """Return the outputs of an axis that read a position, and with which taps each does, (outputs, taps)."""
    size, outputs, stride = problem.input_size[axis], problem.output_size[axis], problem.stride[axis]
    before, span = problem.pads[axis][0], problem.kernel_span[axis]
    ranges = [(-((span - 1 - position - before) // stride), (position + before) // stride + 1)]
    if problem.padding_mode != "zeros":  # outputs whose window reaches beyond x read it once more
        ranges += [(0, -(-before // stride)), ((size + before - span) // stride + 1, outputs)]
    near = np.unique(np.concatenate([np.arange(max(0, first), min(last, outputs)) for first, last in ranges]))
    positions, inside = positions_of(problem, axis, near)
    taps = (positions == position) & inside
    reads = taps.any(axis=1)
    return near[reads], taps[reads]
