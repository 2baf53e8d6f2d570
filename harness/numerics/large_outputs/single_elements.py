"""Single elements of a true output, each computed alone: which are looked at, and what they are.

However large a problem is, one element costs as many products as it sums. An element is an output
of its own problem: one sample, one group per element, a kernel of one tap, and the window that the
element reads as channels. Its truth is the reference's, with all that the reference knows.
"""

from collections.abc import Iterator
from itertools import product
from math import ceil, log, prod

import numpy as np

from ...problems.problem import Problem
from ..accuracy import Array, Mask, Places, Truth
from ..blocks import BLOCK_ELEMENTS
from ..operands import Operands, generator
from ..reference import Indices, source_of, truth

BAD_SHARE = 0.01
MISS_PROBABILITY = 1e-6

UNIFORM = ceil(log(MISS_PROBABILITY) / log(1 - BAD_SHARE))
"""So many elements drawn at random all miss a share q of bad ones with a probability of (1 − q)^UNIFORM."""

_VECTORS = (4, 8, 16, 32, 64)
_POWERS = (7, 8, 10, 15, 16, 24, 31, 32)
_EDGES = 256
_PER_INDEX = 2


def sampled_places(problem: Problem, seed: int) -> Places:
    """Return which elements of an output are looked at: some at random, and those where loops end.

    Loops end at the first and the last index of an axis, where a vector's width leaves a remainder, and at
    indices, of an axis or of the whole output, just below and above a power of two.
    """
    random = generator(problem, "sampled places", seed)
    shape = problem.output_shape
    size = prod(shape)
    if size <= UNIFORM:
        flat = np.arange(size)
    else:
        turns = [2**power + offset for power in _POWERS for offset in (-1, 0)]
        flat = np.concatenate(
            [
                random.integers(size, size=UNIFORM),
                [turn for turn in turns if turn < size],
                _edges(shape, random),
            ]
        )
    return np.unravel_index(np.unique(flat.astype(np.int64)), shape)


def _edges(shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """Return the flat indices of corners, and of elements on each special index of each axis."""
    special = [np.array(sorted(set(_special(size)))) for size in shape]
    corners = list(product(*({0, size - 1} for size in shape)))
    chosen = [
        [int(index) if other == axis else int(random.choice(special[other])) for other in range(len(shape))]
        for axis, indices in enumerate(special)
        for index in indices
        for _ in range(_PER_INDEX)
    ]
    return np.array([np.ravel_multi_index(place, shape) for place in (*corners, *chosen)])


def _special(size: int) -> Iterator[int]:
    """Yield the indices of an axis at which a loop over it begins, ends or changes."""
    candidates = [0, 1, size // 2, size - 2, size - 1]
    candidates += [size // width * width + offset for width in _VECTORS for offset in (-1, 0)]
    candidates += [2**power + offset for power in _POWERS for offset in (-1, 0)]
    yield from (index for index in candidates if 0 <= index < size)


def single_elements(problem: Problem, operands: Operands, places: Places, *, exact: bool = False) -> Truth:
    """Return the truth of some elements of the output; `exact` as for `truth`.

    Raises `ProblemError` for a direction that has no reference.
    """
    places = tuple(np.broadcast_arrays(*places))
    shape = places[0].shape
    flat = [axis.reshape(-1) for axis in places]
    step = max(1, BLOCK_ELEMENTS // problem.products)
    found = [
        _alone(problem, operands, tuple(axis[start : start + step] for axis in flat), exact=exact)
        for start in range(0, len(flat[0]), step)
    ]

    def joined(name: str) -> Array:
        return np.concatenate([np.broadcast_to(getattr(one, name), one.y.shape).reshape(-1) for one in found])

    y, magnitude, doubt, tail = (joined(name).reshape(shape) for name in ("y", "magnitude", "doubt", "tail"))
    bias = operands.bias
    return Truth(problem, operands.x, operands.weight, y, magnitude, doubt, tail, bias, places)


def _alone(problem: Problem, operands: Operands, places: Places, *, exact: bool) -> Truth:
    """Return the truth of elements as the outputs of a problem with a group for each."""
    windows = windows_of(problem, operands.x, places)
    count, terms = len(windows), problem.products
    alone = Problem(
        in_channels=count * terms,
        groups=count,
        out_channels=count,
        input_size=(1,),
        kernel_size=(1,),
        bias=problem.bias,
        dtype=problem.dtype,
        direction=problem.direction,
    )
    weight = operands.weight[places[1]].reshape(count, terms, 1)
    bias = None if operands.bias is None else operands.bias[places[1]]
    return truth(alone, Operands(windows.reshape(1, -1, 1), weight, bias), exact=exact)


def windows_of(problem: Problem, x: Array, places: Places) -> Array:
    """Return what elements of the output read of x: (elements, C/groups, *kernel_size)."""
    sample, channel, *outputs = places
    count, ndim = len(sample), problem.ndim
    channels = problem.in_channels // problem.groups
    first = channel // (problem.out_channels // problem.groups) * channels

    def on_axis(values: Array, axis: int) -> Array:
        shape = [count] + [1] * (1 + ndim)
        shape[axis] = -1
        return values.reshape(shape)

    indices = [on_axis(sample, 0), on_axis(first[:, None] + np.arange(channels), 1)]
    outside = np.zeros((count, *(1,) * (1 + ndim)), bool)
    for axis, output in enumerate(outputs):
        positions, inside = positions_of(problem, axis, output)
        indices.append(on_axis(positions, axis + 2))
        outside = outside | ~on_axis(inside, axis + 2)
    windows: Array = x[tuple(indices)]
    return np.where(outside, windows.dtype.type(0), windows)


def positions_of(problem: Problem, axis: int, outputs: Indices) -> tuple[Indices, Mask]:
    """Return which position of x each tap of outputs of an axis reads, (outputs, taps), and whether it does.

    The padding's zeros are not read.
    """
    size = problem.input_size[axis]
    taps = np.arange(problem.kernel_size[axis]) * problem.dilation[axis] - problem.pads[axis][0]
    positions = outputs[:, None] * problem.stride[axis] + taps
    inside = (positions >= 0) & (positions < size)
    if problem.padding_mode != "zeros":
        inside = np.ones_like(inside)
    return source_of(positions, size, problem.padding_mode), inside
