"""Operands with values that users have: images, deltas, boxes, impulses, sparse and balanced numbers.

Kernels take shortcuts on such values, and random numbers never show them.
"""

from math import isqrt, prod
from typing import Any

import numpy as np

from ..problems.problem import Problem
from .accuracy import PRECISION
from .operands import Array, Operands, generator, held_bits, normal, odd, operands_of

_BRIGHTEST = 255
_INT8 = 127
_LARGEST_FLOAT16 = 65504


def an_image(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return an x of whole numbers from 0 to 255 and weights from −127 to 127, as quantised networks have.

    The first filter is positive, so that sums of few products are beyond what 16 bits count.
    """
    random = generator(problem, "image", seed)
    brightest = min(_BRIGHTEST, _largest(problem, bits))
    room = int(0.75 * 2 ** held_bits(problem, bits)) // (brightest * (problem.products + 1))
    weight = odd(random, problem.weight_shape, max(1, min(_INT8, _largest(problem, bits), room)))
    weight[:1] = np.abs(weight[:1])
    x = random.integers(0, brightest, problem.input_shape, endpoint=True)
    x[random.random(problem.input_shape) < 1 / 4] = brightest  # as in overexposed parts
    bias = random.integers(-brightest // 2, brightest // 2, problem.out_channels)
    scale = 2.0**-8 if problem.dtype == "float16" else 1.0  # keeps sums within its range
    return operands_of(problem, x, weight * scale, bias * scale)


def an_image_and_reals(problem: Problem, seed: int) -> Operands:
    """Return an x of whole numbers from 0 to 255, and weights that are not whole."""
    random = generator(problem, "image and reals", seed)
    operands = normal(problem, random)
    x = random.integers(0, _BRIGHTEST, problem.input_shape, endpoint=True)
    bias = np.zeros(problem.out_channels) if operands.bias is None else operands.bias
    return operands_of(problem, x, operands.weight / 16, bias)


def a_delta_in_the_centre(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return filters that are one in the middle of one channel: the identity, where the problem has one."""
    return _delta(problem, seed, bits, [size // 2 for size in problem.kernel_size])


def a_delta_at_the_first_tap(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return filters that are one at their first tap: a shift."""
    return _delta(problem, seed, bits, [0] * problem.ndim)


def a_delta_at_the_last_tap(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return filters that are one at their last tap: a shift the other way."""
    return _delta(problem, seed, bits, [-1] * problem.ndim)


def _delta(problem: Problem, seed: int, bits: int | None, tap: list[int]) -> Operands:
    """Return filters with a single one at a tap, each in the next channel of its group."""
    random = generator(problem, f"delta {tap}", seed)
    filters = np.arange(problem.out_channels)
    weight = np.zeros(problem.weight_shape)
    of_group = filters % (problem.out_channels // problem.groups)
    place: Any = (filters, of_group % problem.weight_shape[1], *tap)
    weight[place] = 1
    limit = min(2047, _largest(problem, bits))  # sums with a bias of the same size are exact in every type
    x, bias = (odd(random, shape, limit) for shape in (problem.input_shape, problem.out_channels))
    return operands_of(problem, x, weight, bias)


def a_box(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return weights of ones: each output is the sum of its window."""
    operands = _small(problem, "box", seed, bits)
    return Operands(operands.x, np.ones_like(operands.weight), operands.bias)


def ones(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return an x of ones: each output is the sum of its weights."""
    operands = _small(problem, "ones", seed, bits)
    return Operands(np.ones_like(operands.x), operands.weight, operands.bias)


def a_single_one(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return an x that is one at one place of one channel of one sample: the impulse response."""
    operands = _small(problem, "single one", seed, bits)
    x = np.zeros_like(operands.x)
    if x.size:
        random = generator(problem, "place of one", seed)
        x[tuple(random.integers(size) for size in x.shape)] = 1
    return Operands(x, operands.weight, operands.bias)


def a_sparse_input(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return an x of which most elements are zero, and whole samples, channels and rows."""
    operands = _small(problem, "sparse input", seed, bits)
    return Operands(_sparse(problem, operands.x, seed), operands.weight, operands.bias)


def a_sparse_weight(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return weights of which most are zero, and whole filters, channels and rows."""
    operands = _small(problem, "sparse weight", seed, bits)
    return Operands(operands.x, _sparse(problem, operands.weight, seed), operands.bias)


def _sparse(problem: Problem, array: Array, seed: int) -> Array:
    """Return an array with few elements left, of each axis none in one place, but at least one in all."""
    random = generator(problem, "sparse", seed)
    kept = random.random(array.shape) < 1 / 5
    for axis, size in enumerate(array.shape):
        if size > 1:
            np.moveaxis(kept, axis, 0)[random.integers(size)] = False
    if array.size and not kept.any():
        kept.reshape(-1)[random.integers(kept.size)] = True
    sparse: Array = array * kept.astype(array.dtype)
    return sparse


def pairs_of_opposites(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return numbers each followed by its opposite: sums over blocks of them are zero, they are not."""
    operands = _small(problem, "opposites", seed, bits)
    x, weight = operands.x.copy(), operands.weight.copy()
    for array in (x, weight):
        rows = array.reshape(len(array), prod(array.shape[1:]))
        pairs = rows.shape[1] // 2
        rows[:, 1 : 2 * pairs : 2] = -rows[:, 0 : 2 * pairs : 2]
    return Operands(x, weight, operands.bias)


def weights_that_sum_to_one(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return filters of four equal weights (two, one where there are no more) whose sum is one: a mean."""
    random = generator(problem, "sum to one", seed)
    count = next(count for count in (4, 2, 1) if count <= problem.products)
    order = random.random((problem.out_channels, problem.products)).argsort(axis=1)
    weight = np.where(order < count, 1 / count, 0.0).reshape(problem.weight_shape)
    x = odd(random, problem.input_shape, min(2**9 - 1, _largest(problem, bits)))
    return operands_of(problem, x, weight, odd(random, problem.out_channels, 7))


def _largest(problem: Problem, bits: int | None) -> int:
    """Return the largest whole number below which all are held."""
    held = min(bits or PRECISION[problem.dtype], PRECISION[problem.dtype])
    return int(2**held) - 1


def _small(problem: Problem, kind: str, seed: int, bits: int | None) -> Operands:
    """Return odd integers of at most 7; float32, and float16 where it stores them, holds every sum."""
    random = generator(problem, kind, seed)
    limit = min(7, _largest(problem, bits))
    if problem.dtype == "float16":
        limit = min(limit, max(1, isqrt(_LARGEST_FLOAT16 // (problem.products + 1))))
    shapes = (problem.input_shape, problem.weight_shape, (problem.out_channels,))
    return operands_of(problem, *(odd(random, shape, limit) for shape in shapes))
