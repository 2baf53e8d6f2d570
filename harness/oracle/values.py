"""The values layer: zeros, constants, huge, tiny and mixed numbers, at which shortcuts go wrong."""

from collections.abc import Iterator
from math import ceil, log2, prod

import numpy as np

from ..numerics.accuracy import PRECISION
from ..numerics.operands import (
    Array,
    Operands,
    full_weight,
    full_x,
    generator,
    held_bits,
    normal,
    odd,
    operands_of,
    powered,
    single_taps,
    whole_numbers,
    wide_x,
)
from ..problems.problem import Problem
from .bank import Probe
from .comparison import compare
from .trial import Trial
from .verdict import Verdict

_EXPONENTS = {"float16": (-14, 15), "bfloat16": (-126, 127), "float32": (-126, 127), "float64": (-1022, 1023)}
"""The exponents of the least and the largest normal numbers."""


def check(trial: Trial) -> Iterator[Verdict]:
    """Compare on one kind of unusual numbers after the other."""
    trial = trial.small or trial
    for probe in _probes(trial):
        operands, true = trial.deal(probe)
        y = trial.output(operands)
        yield trial.compared("values", y, true, exact=probe.exact, given=str(probe))


def _probes(trial: Trial) -> Iterator[Probe]:
    yield from _ALWAYS
    has_range = not _has_less_range(trial)
    if has_range:
        yield from _RANGE if trial.accuracy.exact else _RANGE_OF_TRANSFORMS
    if not (trial.implementation.flushes_subnormals or trial.has_narrow_products):
        yield from _SUBNORMAL
    if trial.is_thorough:
        yield from _THOROUGH
        if has_range:
            yield from _RANGE_THOROUGH
        if has_range and trial.accuracy.exact and trial.accuracy.bits is None:
            yield _OUTLIER


def _has_less_range(trial: Trial) -> bool:
    """Say whether the class has the bits of float32, and with them its range, behind float64."""
    return trial.problem.dtype == "float64" and trial.accuracy.bits is not None


def keeps_subnormals(trial: Trial) -> bool:
    """Say whether results below the normal numbers come out as they should."""
    operands, true = trial.deal(Probe(subnormal_outputs))
    return compare(trial.output(operands), true, trial.accuracy, exact_data=False).where is None


def a_zero_input(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return an x of zeros: the bias is all that is left."""
    operands = _integers(problem, "zero input", seed, bits)
    return Operands(np.zeros_like(operands.x), operands.weight, operands.bias)


def a_zero_weight(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return a weight of zeros."""
    operands = _integers(problem, "zero weight", seed, bits)
    return Operands(operands.x, np.zeros_like(operands.weight), operands.bias)


def all_ones(problem: Problem, seed: int, bits: int | None = None) -> Operands:  # noqa: ARG001 they are ones
    """Return ones only: each output counts the products that it sums."""
    shapes = (problem.input_shape, problem.weight_shape, (problem.out_channels,))
    return operands_of(problem, *(np.ones(shape) for shape in shapes))


def a_constant_input(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return an x that is the same everywhere, odd weights."""
    operands = _integers(problem, "constant input", seed, bits)
    return Operands(np.full_like(operands.x, -3), operands.weight, operands.bias)


def all_negative(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return negative numbers only."""
    operands = _integers(problem, "all negative", seed, bits)
    bias = None if operands.bias is None else -np.abs(operands.bias)
    return Operands(-np.abs(operands.x), -np.abs(operands.weight), bias)


def signs(problem: Problem, seed: int, bits: int | None = None) -> Operands:  # noqa: ARG001 one bit is enough
    """Return +1 and −1."""
    random = generator(problem, "signs", seed)
    shapes = (problem.input_shape, problem.weight_shape, (problem.out_channels,))
    return operands_of(problem, *(random.choice([-1.0, 1.0], shape) for shape in shapes))


def patches_of_zeros(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return numbers with zeros in whole samples, channels, rows and kernels."""
    random = generator(problem, "patches of zeros", seed)
    operands = _integers(problem, "patches", seed, bits)
    x, weight = operands.x.copy(), operands.weight.copy()
    for array in (x, weight):
        for axis, size in enumerate(array.shape):
            if size > 1:
                np.moveaxis(array, axis, 0)[random.integers(size)] = 0
    return Operands(x, weight, operands.bias)


def scattered_zeros(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return numbers of which some are zero, here and there."""
    random = generator(problem, "scattered zeros", seed)
    operands = _integers(problem, "scattered", seed, bits)
    x, weight = (
        array * (random.random(array.shape) > 0.2).astype(array.dtype)
        for array in (operands.x, operands.weight)
    )
    return Operands(x, weight, operands.bias)


def an_identity_kernel(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return weights with a single one per output channel: the output is a piece of x."""
    random = generator(problem, "identity", seed)
    x = odd(random, problem.input_shape, 2 ** min(bits or 11, PRECISION[problem.dtype]) - 1)
    return whole_numbers(problem, x, *single_taps(problem, random, np.ones(problem.out_channels)))


def an_offset(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return a large constant with small differences, against weights that are ±1 and nearly cancel."""
    random = generator(problem, "offset", seed)
    room = held_bits(problem, bits) - 2 - ceil(log2(problem.products + 1))
    held = min(bits or PRECISION[problem.dtype], PRECISION[problem.dtype])
    offset = 2.0 ** max(2, min(room, held - 1))
    x = offset + random.integers(-3, 3, problem.input_shape, endpoint=True)
    weight = random.choice([-1.0, 1.0], problem.weight_shape)
    return whole_numbers(problem, x, weight, np.zeros(problem.out_channels))


def beyond_counting(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return whole numbers beyond what 16 and, in float64, 32 bits can count, as single products."""
    random = generator(problem, "beyond counting", seed)
    held = min(bits or PRECISION[problem.dtype], PRECISION[problem.dtype])
    x = odd(random, problem.input_shape, 2 ** min(held, 45) - 1)
    taps, bias = single_taps(problem, random, random.choice([-1.0, 1.0], problem.out_channels))
    return whole_numbers(problem, x, taps, bias)


def huge_numbers(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return exact data whose sums come close to the largest number that the type holds."""
    held = held_bits(problem, bits)
    power = _EXPONENTS[problem.dtype][1] - held - 1 + (8 if problem.dtype == "float16" else 0)
    return _shared(problem, wide_x(problem, seed, bits), power)


def large_numbers(problem: Problem, seed: int) -> Operands:
    """Return numbers that leave transforms room: their sums grow over the whole image first."""
    operands = normal(problem, generator(problem, "large", seed))
    spread = prod(problem.input_size) * prod(problem.kernel_size) * problem.products
    return _shared(problem, operands, _most(problem) - ceil(log2(16 * spread + 1)))


def _most(problem: Problem) -> int:
    """Return the power of two by which normal numbers' products may grow: sums stay in range."""
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


def powers_of_two_in_weights(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return weights ±½, ±¼, ±⅛ and odd x."""
    random = generator(problem, "powers of two", seed)
    operands = _integers(problem, "powers of two", seed, bits)
    weight = np.exp2(-random.integers(1, 4, problem.weight_shape)) * random.choice(
        [-1.0, 1.0], problem.weight_shape
    )
    return operands_of(problem, operands.x, weight, _bias_or_zeros(problem, operands))


def a_full_bias(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return a bias that uses every bit, and an x of zeros: the output is the bias."""
    random = generator(problem, "full bias", seed)
    operands = _integers(problem, "full bias", seed, bits)
    bias = odd(random, problem.out_channels, 2 ** (bits or PRECISION[problem.dtype]) - 1)
    scale = 2.0**-8 if problem.dtype == "float16" else 1.0
    return operands_of(problem, np.zeros(problem.input_shape), operands.weight, bias * scale)


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
    """Return channels of x that are the smaller the larger their weights: all products count alike."""
    operands = normal(problem, generator(problem, "make up", seed))
    channels = problem.in_channels // problem.groups
    step = _far(problem) // 2
    powers = step * (np.arange(channels) % 3 - 1)
    shape = (channels, *(1,) * problem.ndim)
    x = operands.x.astype(np.float64) * np.exp2(np.tile(powers, problem.groups)).reshape(-1, *shape[1:])
    weight = operands.weight.astype(np.float64) * np.exp2(-powers).reshape(shape)
    return operands_of(problem, x, weight, _bias_or_zeros(problem, operands))


def a_single_outlier(problem: Problem, seed: int) -> Operands:
    """Return an x with one element that is far larger than the others, and as large as there is."""
    random = generator(problem, "outlier", seed)
    operands = normal(problem, random)
    x = operands.x.astype(np.float64)
    if x.size:
        largest = _EXPONENTS[problem.dtype][1]
        most = 2.0**largest * (2 - 2.0 ** (1 - PRECISION[problem.dtype]))
        x[tuple(random.integers(size) for size in x.shape)] = most
    weight = np.ldexp(np.clip(operands.weight.astype(np.float64), -4, 4), -6)
    return operands_of(problem, x, weight, np.zeros(problem.out_channels))


def large_whole_numbers(problem: Problem, seed: int) -> Operands:
    """Return whole numbers whose products are beyond what 64 bits count."""
    random = generator(problem, "large whole numbers", seed)
    limit = {"float64": 2**42, "float32": 2**22, "bfloat16": 2**8}.get(problem.dtype, 2**4) - 1
    shapes = (problem.input_shape, problem.weight_shape, (problem.out_channels,))
    scale = 2.0**20 if problem.dtype == "float32" else 1.0
    return operands_of(problem, *(odd(random, shape, limit) * scale for shape in shapes))


def _far(problem: Problem) -> int:
    """Return by how many powers of two something is small beside the rest, and still normal."""
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
    bias = np.zeros(problem.out_channels) if operands.bias is None else operands.bias.astype(np.float64)
    return operands_of(problem, x * scale, weight, bias)


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


def _bias_or_zeros(problem: Problem, operands: Operands) -> Array:
    return np.zeros(problem.out_channels) if operands.bias is None else operands.bias


def _integers(problem: Problem, kind: str, seed: int, bits: int | None) -> Operands:
    """Return small odd integers, of which any sum of the problem is exact in float32."""
    random = generator(problem, kind, seed)
    limit = min(2 ** (bits or 24) - 1, 7)
    shapes = (problem.input_shape, problem.weight_shape, (problem.out_channels,))
    return operands_of(problem, *(odd(random, shape, limit) for shape in shapes))


_ALWAYS = (
    Probe(a_zero_input, exact=True),
    Probe(a_full_bias, exact=True),
    Probe(patches_of_zeros, exact=True),
    Probe(scattered_zeros, exact=True),
    Probe(an_identity_kernel, exact=True),
    Probe(an_offset, exact=True),
    Probe(beyond_counting, exact=True),
    Probe(mixed_magnitudes),
    Probe(small_weights_that_count),
    Probe(small_samples_and_channels),
)
_SUBNORMAL = (Probe(subnormal_outputs), Probe(subnormal_inputs), Probe(subnormal_weights))
_THOROUGH = (
    Probe(a_zero_weight, exact=True),
    Probe(all_ones, exact=True),
    Probe(a_constant_input, exact=True),
    Probe(all_negative, exact=True),
    Probe(signs, exact=True),
    Probe(powers_of_two_in_weights, exact=True),
    Probe(a_large_bias),
    Probe(small_rows),
    Probe(channels_that_make_up_for_each_other),
    Probe(large_whole_numbers),
)
_RANGE = (Probe(huge_numbers, exact=True), Probe(tiny_numbers, exact=True))
_RANGE_OF_TRANSFORMS = (Probe(large_numbers),)
_RANGE_THOROUGH = (
    Probe(a_huge_input, exact=True),
    Probe(a_huge_weight, exact=True),
    Probe(tiny_inputs, exact=True),
    Probe(tiny_weights, exact=True),
)
_OUTLIER = Probe(a_single_outlier)
