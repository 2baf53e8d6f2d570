"""Deterministic operands of a problem: exact integers, single products, reals; no expected values.

The same problem, kind and seed give the same numbers on every machine.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isqrt, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Problem
from .accuracy import PRECISION, accumulator_bits
from .arrays import dtype_of
from .blocks import BLOCK_ELEMENTS, blocks, drawn

Array = NDArray[Any]


@dataclass(frozen=True)
class Operands:
    """Input (N, C, *size), weight (O, C/groups, *kernel) and bias (O,) or None, as NumPy arrays."""

    x: Array
    weight: Array
    bias: Array | None

    def items(self) -> dict[str, Array]:
        """Return the arrays that are there, by the name under which plugins ask for them."""
        named = {"x": self.x, "weight": self.weight, "bias": self.bias}
        return {name: array for name, array in named.items() if array is not None}


def generator(problem: Problem, kind: str, seed: int) -> np.random.Generator:
    """Return the random source for one kind of data of one problem."""
    digest = hashlib.sha256(f"{seed}|{kind}|{problem}".encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32))


def wide_x(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return odd integers: x with as many bits as sums stay exact with, and a small weight.

    With n products of at most X·W, n·X·W + B ≤ 0.75·2^p makes every partial sum in any order a
    whole number below 2^p, so the result is the same bit pattern for every implementation that only
    multiplies and adds. Odd numbers with the leading bit set use all their bits, so that rounding one,
    dropping a product or counting one twice changes the result.
    """
    return _integers(problem, generator(problem, "wide_x", seed), bits, wide="x")


def wide_weight(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return odd multiples of 2⁻⁴ and 2⁻⁵: weight with as many bits as sums stay exact with, and a small x.

    Sums of them are as exact as those of whole numbers, but a kernel that treats whole numbers in a
    special way does not recognise them.
    """
    whole = _integers(problem, generator(problem, "wide_weight", seed), bits, wide="weight")
    return powered(problem, whole, -4, -5)


def full_x(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return one product per output, of a fraction x that fills its significand and a power of two.

    The product is exact in every type that holds x, so that rounding x or the product changes the
    result, however long the sums of the problem are. Each output channel has a tap of its own, which
    shifts the image by its own offset.
    """
    random = generator(problem, "full_x", seed)
    limit = 2 ** (bits or PRECISION[problem.dtype]) - 1
    scale = _fraction(problem) * _scale(problem)
    x = drawn(problem.input_shape, dtype_of(problem.dtype), lambda shape: odd(random, shape, limit) * scale)
    return operands_of(problem, x, *single_taps(problem, random, powers_of_two(random, problem.out_channels)))


def full_weight(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return one product per output, of powers of two and a weight that fills its significand."""
    random = generator(problem, "full_weight", seed)
    weights = odd(random, problem.out_channels, 2 ** (bits or PRECISION[problem.dtype]) - 1)
    weights = weights * _fraction(problem)
    scale = _scale(problem)
    x = drawn(
        problem.input_shape, dtype_of(problem.dtype), lambda shape: powers_of_two(random, shape) * scale
    )
    return operands_of(problem, x, *single_taps(problem, random, weights))


def _fraction(problem: Problem) -> float:
    """Return a power of two that turns whole numbers that fill their significand into fractions."""
    return 1.0 if problem.dtype == "float16" else 2.0 ** -(PRECISION[problem.dtype] // 2)


def single_taps(problem: Problem, random: np.random.Generator, values: Array) -> tuple[Array, Array]:
    """Return a weight with one tap per output channel, and a bias of zeros.

    Neighbouring channels take different taps, so that all taps are used if there are enough channels.
    """
    channels = np.arange(problem.out_channels)
    weight = np.zeros((problem.out_channels, problem.products))
    weight[channels, (channels + random.integers(problem.products)) % problem.products] = values
    return weight.reshape(problem.weight_shape), np.zeros(problem.out_channels)


def powers_of_two(random: np.random.Generator, shape: int | tuple[int, ...]) -> Array:
    """Return ±1, ±½, ±¼ and ±⅛."""
    powers: Array = np.exp2(random.integers(-3, 0, shape, endpoint=True))
    powers *= random.choice([-1.0, 1.0], shape)
    return powers


def small_integers(problem: Problem, seed: int) -> Operands:
    """Return integers of at most 3 in absolute value, for algorithms that are not exact on integers."""
    random = generator(problem, "small_integers", seed)
    return filled(problem, lambda shape: random.integers(-3, 3, shape, endpoint=True))


def sparse_integers(problem: Problem, seed: int) -> Operands:
    """Return integers of at most 3, with few channels and elements of x that are not zero.

    The bounds of transforms are normwise and grow with the sums: on such sparse data they stay below
    one half, so that an error of one in an output shows. Samples and seeds take different channels.
    """
    random = generator(problem, "sparse_integers", seed)
    full = small_integers(problem, seed)
    channels = problem.in_channels // problem.groups
    samples = np.arange(problem.batch_size)[:, None]
    used = (samples + seed + np.arange(channels)) % -(-channels // 4) == 0
    shape = (problem.batch_size, problem.groups, channels, *problem.input_size)
    chosen = random.random(shape) < 256 / prod(problem.input_size)
    chosen &= used.reshape(problem.batch_size, 1, channels, *(1,) * problem.ndim)
    # No weight is zero: if there is only one of them, all outputs would be zero.
    weight = np.where(full.weight == 0, full.weight.dtype.type(2), full.weight)
    return replace(full, x=full.x * chosen.reshape(problem.input_shape).astype(full.x.dtype), weight=weight)


def impulses(problem: Problem, seed: int) -> Operands:
    """Return one full-significand element in x per sample and group, and one tap that meets it.

    Every output channel then holds a single product, and the normwise bound of a fast algorithm is
    a small multiple of it, so that an intermediate result in a narrower type exceeds the bound.
    """
    random = generator(problem, "impulses", seed)
    channels = problem.in_channels // problem.groups
    x = np.zeros((problem.batch_size, problem.groups, channels, *problem.input_size))
    weight = np.zeros(problem.weight_shape)
    position, tap = zip(*(_meeting(problem, axis) for axis in range(problem.ndim)), strict=True)
    for sample in range(problem.batch_size):
        # The channel moves with the sample, so that more than one channel is tested.
        x[(sample, slice(None), sample % channels, *position)] = random.uniform(1, 2, problem.groups)
    weight[(slice(None), slice(None), *tap)] = random.uniform(1, 2, (problem.out_channels, channels))
    return operands_of(
        problem,
        x.reshape(problem.input_shape),
        weight,
        np.zeros(problem.out_channels),
    )


def _meeting(problem: Problem, axis: int) -> tuple[int, int]:
    """Return a position in the input and the tap at which an output meets it, from the middle outwards."""
    outputs, size = problem.output_size[axis], problem.input_size[axis]
    before = problem.pads[axis][0]
    for output in sorted(range(outputs), key=lambda o: abs(o - outputs // 2)):
        for tap in range(problem.kernel_size[axis]):
            position = output * problem.stride[axis] - before + tap * problem.dilation[axis]
            if 0 <= position < size:
                return position, tap
    return 0, 0  # only padding is read: all outputs are zero


def reals(problem: Problem, seed: int) -> Operands:
    """Return standard normal x, weight and bias."""
    return normal(problem, generator(problem, "reals", seed))


def timed(problem: Problem, seed: int) -> Operands:
    """Return data for timing: reals that no check of the oracle has used."""
    return normal(problem, generator(problem, "timed", seed))


def timed_integers(problem: Problem, seed: int) -> Operands:
    """Return data for timing whose sums can be compared exactly: whole numbers that fill 24 bits."""
    random = generator(problem, "timed_integers", seed)
    return _integers(problem, random, min(PRECISION[problem.dtype], PRECISION["float32"]), wide="x")


def normal(problem: Problem, random: np.random.Generator) -> Operands:
    """Return standard normal numbers."""
    dtype = dtype_of(problem.dtype)
    return filled(problem, lambda shape: drawn(shape, dtype, random.standard_normal))


def storable_sums(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return whole numbers whose sums the storage type holds, so that no output is rounded.

    Each output is then exact in every type, as the multiple of one unit. n·X·W + X is at most what the
    storage, but no more than float32, counts to. In narrow types that is less than the number of
    products: most weights of an output channel are then zero, and those that are not are drawn anew for
    every channel.
    """
    random = generator(problem, "storable_sums", seed)
    held = min(bits or PRECISION[problem.dtype], PRECISION[problem.dtype], PRECISION["float32"])
    budget = 2**held - 1
    used = min(problem.products, max(1, budget // 4 - 1))
    small = min(7, max(1, isqrt(budget // (used + 1))))
    large = max(1, budget // ((used + 1) * small))
    dtype = dtype_of(problem.dtype)

    weight = np.empty((problem.out_channels, problem.products), dtype)
    for rows in blocks((problem.out_channels,), max(1, BLOCK_ELEMENTS // problem.products)):
        shape = weight[rows].shape
        weight[rows] = odd(random, shape, small) * _chosen(random, shape, used)
    x = drawn(problem.input_shape, dtype, lambda shape: odd(random, shape, large))
    bias = odd(random, problem.out_channels, large)
    return operands_of(problem, x, weight.reshape(problem.weight_shape), bias)


def _chosen(random: np.random.Generator, shape: tuple[int, ...], count: int) -> Array:
    """Return a one for `count` elements of each row, drawn at random, and zeros."""
    if count == shape[-1]:
        return np.ones(shape)
    chosen = np.zeros(shape)
    places = random.random(shape).argpartition(count, axis=-1)[..., :count]
    np.put_along_axis(chosen, places, 1, -1)
    return chosen


def _integers(problem: Problem, random: np.random.Generator, bits: int | None, wide: str) -> Operands:
    storage = 2 ** (bits or PRECISION[problem.dtype]) - 1
    budget = int(0.75 * 2 ** held_bits(problem, bits))  # a quarter to spare
    terms = problem.products + 1  # the bias is one more term, of at most X
    small = min(7, max(1, isqrt(budget // terms)))
    large = min(storage, budget // (terms * small))
    limits = (large, small) if wide == "x" else (small, large)
    scale = _scale(problem)
    dtype = dtype_of(problem.dtype)
    x = drawn(problem.input_shape, dtype, lambda shape: odd(random, shape, limits[0]) * scale)
    weight = drawn(problem.weight_shape, dtype, lambda shape: odd(random, shape, limits[1]))
    return operands_of(problem, x, weight, odd(random, problem.out_channels, large) * scale)


def held_bits(problem: Problem, bits: int | None) -> int:
    """Return the significand bits of sums in an implementation that keeps `bits` bits of the inputs.

    Those of the accumulator, but of float32 where it declares no more bits than float32 has.
    """
    held = accumulator_bits(problem.dtype)
    return held if bits is None else min(held, max(bits, PRECISION["float32"]))


def powered(problem: Problem, operands: Operands, of_x: int, of_weight: int) -> Operands:
    """Return the same numbers times powers of two, which keeps sums exact unless something underflows."""
    bias = bias_or_zeros(problem, operands)
    return Operands(
        _times_power(operands.x, of_x),
        _times_power(operands.weight, of_weight),
        np.ldexp(bias, of_x + of_weight).astype(operands.x.dtype) if problem.bias else None,
    )


def _times_power(array: Array, power: int) -> Array:
    result = np.empty_like(array)
    for block in blocks(array.shape):
        result[block] = np.ldexp(array[block].astype(np.float64), power)
    return result


def odd(random: np.random.Generator, shape: int | tuple[int, ...], limit: int) -> Array:
    """Return odd integers of either sign in the upper half of [1, limit]."""
    top = (limit - 1) // 2
    halves = random.integers((top + 1) // 2, top, shape, endpoint=True)
    signs = random.integers(0, 1, shape, endpoint=True) * 2 - 1
    odd: Array = signs * (2 * halves + 1)
    return odd


def whole_numbers(problem: Problem, x: Array, weight: Array, bias: Array) -> Operands:
    """Return whole numbers as operands; a power of two keeps sums within the range of float16."""
    scale = _scale(problem)
    return operands_of(problem, x * scale, weight, bias * scale)


def filled(problem: Problem, fill: Callable[[tuple[int, ...]], Array]) -> Operands:
    """Return operands whose arrays `fill` makes from their shapes: that of x, of the weight, of the bias."""
    shapes = (problem.input_shape, problem.weight_shape, (problem.out_channels,))
    return operands_of(problem, *map(fill, shapes))


def bias_or_zeros(problem: Problem, operands: Operands) -> Array:
    """Return the bias (O,) in float64, zeros where the problem has none."""
    return np.zeros(problem.out_channels) if operands.bias is None else operands.bias.astype(np.float64)


def _scale(problem: Problem) -> float:
    """Return a power of two that keeps sums of whole numbers within the range of float16."""
    return 2.0**-8 if problem.dtype == "float16" else 1.0


def operands_of(problem: Problem, x: Array, weight: Array, bias: Array) -> Operands:
    """Return arrays of the problem's shapes as operands of its dtype; without a bias if it has none."""
    dtype = dtype_of(problem.dtype)
    x, weight, bias = (array.astype(dtype, copy=False) for array in (x, weight, bias))
    return Operands(x, weight, bias if problem.bias else None)
