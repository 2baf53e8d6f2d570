"""Operands of unusual magnitude: huge, tiny and subnormal numbers, and small ones beside large ones."""

from math import ceil, log2, prod

import numpy as np

from ...numerics.accuracy import PRECISION
from ...numerics.operands import (
    Operands,
    bias_or_zeros,
    full_weight,
    full_x,
    generator,
    held_bits,
    normal,
    operands_of,
    powered,
    single_taps,
    wide_x,
)
from ...problems.problem import Problem

_EXPONENTS = {"float16": (-14, 15), "bfloat16": (-126, 127), "float32": (-126, 127), "float64": (-1022, 1023)}
"""The exponents of the least and the largest normal numbers."""


def huge_numbers(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return exact data whose sums come close to the largest number that the type holds."""
    held = held_bits(problem, bits)
    power = _EXPONENTS[problem.dtype][1] - held - 1 + (8 if problem.dtype == "float16" else 0)
    return _shared(problem, wide_x(problem, seed, bits), power)


def large_numbers(problem: Problem, seed: int) -> Operands:
    """Return large numbers whose sums over the whole image, which transforms form, stay in range."""
    operands = normal(problem, generator(problem, "large", seed))
    spread = prod(problem.input_size) * prod(problem.kernel_size) * problem.products
    return _shared(problem, operands, _most(problem) - ceil(log2(16 * spread + 1)))


def _most(problem: Problem) -> int:
    """Return by which power of two products of normal numbers may grow while sums stay in range."""
    return _EXPONENTS[problem.dtype][1] - 6 - ceil(log2(problem.products + 1))


def tiny_numbers(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return exact data whose products are little more than the least normal number."""
    least = _EXPONENTS[problem.dtype][0]
    return _shared(problem, wide_x(problem, seed, bits), least + 1 + (8 if problem.dtype == "float16" else 0))


def a_huge_input(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return exact data with huge x and tiny weights."""
    return _opposed(problem, seed, bits, 1)


def a_huge_weight(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return exact data with tiny x and huge weights."""
    return _opposed(problem, seed, bits, -1)


def tiny_inputs(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return single products of an x that is tiny and weights that are not."""
    return powered(problem, full_x(problem, seed, bits), _smallest(problem), 0)


def tiny_weights(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return single products of weights that are tiny and an x that is not."""
    return powered(problem, full_weight(problem, seed, bits), 0, _smallest(problem))


def _smallest(problem: Problem) -> int:
    """Return a power of two that leaves the data of `full_x` just above the least normal number."""
    return _EXPONENTS[problem.dtype][0] + (
        12 if problem.dtype == "float16" else PRECISION[problem.dtype] // 2 + 4
    )


def small_samples_and_channels(problem: Problem, seed: int) -> Operands:
    """Return samples, rows and filters that are small beside the others, each judged by its own bound."""
    random = generator(problem, "small samples", seed)
    operands = normal(problem, random)
    far = _far(problem)
    x, weight = operands.x.astype(np.float64), operands.weight.astype(np.float64)
    x[::2] = np.ldexp(x[::2], -far if problem.batch_size > 1 else 0)
    weight[::2] = np.ldexp(weight[::2], -far if problem.out_channels > 1 else 0)
    return operands_of(problem, x, weight, np.zeros(problem.out_channels))


def small_rows(problem: Problem, seed: int) -> Operands:
    """Return an image whose first half is small beside the second."""
    operands = normal(problem, generator(problem, "small rows", seed))
    x = operands.x.astype(np.float64)
    half = problem.input_size[0] // 2
    x[:, :, :half] = np.ldexp(x[:, :, :half], -_far(problem))
    return operands_of(problem, x, operands.weight, np.zeros(problem.out_channels))


def channels_that_make_up_for_each_other(problem: Problem, seed: int) -> Operands:
    """Return channels of x that are small where their weights are large: all products are of one size."""
    operands = normal(problem, generator(problem, "make up", seed))
    channels = problem.in_channels // problem.groups
    step = _far(problem) // 2
    powers = step * (np.arange(channels) % 3 - 1)
    shape = (channels, *(1,) * problem.ndim)
    x = operands.x.astype(np.float64) * np.exp2(np.tile(powers, problem.groups)).reshape(-1, *shape[1:])
    weight = operands.weight.astype(np.float64) * np.exp2(-powers).reshape(shape)
    return operands_of(problem, x, weight, bias_or_zeros(problem, operands))


def a_single_outlier(problem: Problem, seed: int) -> Operands:
    """Return an x with one element far larger than the others: the largest number of the type."""
    random = generator(problem, "outlier", seed)
    operands = normal(problem, random)
    x = operands.x.astype(np.float64)
    if x.size:
        largest = _EXPONENTS[problem.dtype][1]
        most = 2.0**largest * (2 - 2.0 ** (1 - PRECISION[problem.dtype]))
        x[tuple(random.integers(size) for size in x.shape)] = most
    weight = np.ldexp(np.clip(operands.weight.astype(np.float64), -4, 4), -6)
    return operands_of(problem, x, weight, np.zeros(problem.out_channels))


def _far(problem: Problem) -> int:
    """Return by which power of two small numbers are smaller than the rest, and still normal."""
    return 6 if problem.dtype == "float16" else 50


def mixed_magnitudes(problem: Problem, seed: int) -> Operands:
    """Return channels, samples and single elements of very different size."""
    random = generator(problem, "mixed", seed)
    operands = normal(problem, random)
    reach = 4 if problem.dtype == "float16" else 20
    x = operands.x.astype(np.float64) * np.exp2(random.integers(-reach, reach, problem.input_shape))
    weight = operands.weight.astype(np.float64)
    weight *= np.exp2(random.integers(-reach, 1, problem.weight_shape))
    scale = 2.0**-4 if problem.dtype == "float16" else 1.0
    return operands_of(problem, x * scale, weight, bias_or_zeros(problem, operands))


def small_weights_that_count(problem: Problem, seed: int) -> Operands:
    """Return weights some of which are small, each of which meets a large x alone."""
    random = generator(problem, "small weights", seed)
    values = np.exp2(-random.integers(1, 10, problem.out_channels)) * random.uniform(
        1, 2, problem.out_channels
    )
    weight, bias = single_taps(problem, random, values)
    return operands_of(problem, random.standard_normal(problem.input_shape), weight, bias)


def a_large_bias(problem: Problem, seed: int) -> Operands:
    """Return a bias that is much larger than the sums."""
    operands = normal(problem, generator(problem, "large bias", seed))
    return Operands(operands.x, operands.weight, None if operands.bias is None else operands.bias * 256)


def subnormal_outputs(problem: Problem, seed: int) -> Operands:
    """Return normal numbers whose products are below the least normal one."""
    operands = normal(problem, generator(problem, "subnormal outputs", seed))
    return _shared(problem, operands, _below_normal(problem))


def subnormal_inputs(problem: Problem, seed: int) -> Operands:
    """Return an x below the least normal number, and weights that make it normal again."""
    return _one_below(problem, "subnormal inputs", seed, "x")


def subnormal_weights(problem: Problem, seed: int) -> Operands:
    """Return weights below the least normal number, and an x that makes it normal again."""
    return _one_below(problem, "subnormal weights", seed, "weight")


def _below_normal(problem: Problem) -> int:
    return _EXPONENTS[problem.dtype][0] - min(8, PRECISION[problem.dtype] // 2)


def _one_below(problem: Problem, kind: str, seed: int, which: str) -> Operands:
    operands = normal(problem, generator(problem, kind, seed))
    below = _below_normal(problem)
    back = 4 if problem.dtype == "float16" else 20
    return powered(problem, operands, *((below, back) if which == "x" else (back, below)))


def _opposed(problem: Problem, seed: int, bits: int | None, sign: int) -> Operands:
    power = sign * (2 if problem.dtype == "float16" else _EXPONENTS[problem.dtype][1] * 5 // 8)
    if power < 0 and problem.dtype == "float16":
        power = -4
    return powered(problem, wide_x(problem, seed, bits), power, -power)


def _shared(problem: Problem, operands: Operands, power: int) -> Operands:
    """Return operands whose products are 2^power times as large, shared out between x and weight."""
    return powered(problem, operands, power // 2, power - power // 2)
