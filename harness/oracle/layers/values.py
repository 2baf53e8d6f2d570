"""The values layer: images, deltas, zeros, huge, tiny and mixed numbers, on which shortcuts go wrong."""

from collections.abc import Iterator
from math import ceil, log2

import numpy as np

from ...numerics import user_values
from ...numerics.accuracy import PRECISION
from ...numerics.operands import (
    Operands,
    bias_or_zeros,
    filled,
    generator,
    held_bits,
    odd,
    operands_of,
    single_taps,
    whole_numbers,
)
from ...problems.problem import Problem
from ..inputs import magnitudes
from ..output_errors import compare
from ..probe_data import Probe
from ..trial import Trial
from ..verdict import Verdict
from .layer import Layer


def check(trial: Trial) -> Iterator[Verdict]:
    """Compare on one kind of unusual numbers after the other."""
    trial = trial.reduced
    for probe in _probes(trial):
        operands, true = trial.data_of(probe)
        y = trial.output(operands)
        yield trial.compared(y, true, exact=probe.exact, given=str(probe))


LAYER = Layer("values", level="standard", measures=False, may_be_imprecise=True, check=check)


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
    """Say whether an accuracy class for float64 computes in a narrower type, and so in its range."""
    return trial.problem.dtype == "float64" and trial.accuracy.bits is not None


def keeps_subnormals(trial: Trial) -> bool:
    """Say whether subnormal results are right, rather than zero."""
    operands, true = trial.data_of(Probe(magnitudes.subnormal_outputs))
    return compare(trial.output(operands), true, trial.accuracy, exact_data=False).where is None


def a_zero_input(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return an x of zeros: the output is the bias."""
    operands = _integers(problem, "zero input", seed, bits)
    return Operands(np.zeros_like(operands.x), operands.weight, operands.bias)


def a_zero_weight(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return a weight of zeros."""
    operands = _integers(problem, "zero weight", seed, bits)
    return Operands(operands.x, np.zeros_like(operands.weight), operands.bias)


def all_ones(problem: Problem, seed: int, bits: int | None = None) -> Operands:  # noqa: ARG001 they are ones
    """Return ones only: each output counts the products that it sums."""
    return filled(problem, np.ones)


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
    return filled(problem, lambda shape: random.choice([-1.0, 1.0], shape))


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
    """Return numbers with zeros at scattered places."""
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
    """Return whole numbers beyond the range of 16 and, in float64, 32 bits, as single products."""
    random = generator(problem, "beyond counting", seed)
    held = min(bits or PRECISION[problem.dtype], PRECISION[problem.dtype])
    x = odd(random, problem.input_shape, 2 ** min(held, 45) - 1)
    taps, bias = single_taps(problem, random, random.choice([-1.0, 1.0], problem.out_channels))
    return whole_numbers(problem, x, taps, bias)


def powers_of_two_in_weights(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return weights ±½, ±¼, ±⅛ and odd x."""
    random = generator(problem, "powers of two", seed)
    operands = _integers(problem, "powers of two", seed, bits)
    weight = np.exp2(-random.integers(1, 4, problem.weight_shape)) * random.choice(
        [-1.0, 1.0], problem.weight_shape
    )
    return operands_of(problem, operands.x, weight, bias_or_zeros(problem, operands))


def a_full_bias(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return a bias that uses every bit, and an x of zeros: the output is the bias."""
    random = generator(problem, "full bias", seed)
    operands = _integers(problem, "full bias", seed, bits)
    bias = odd(random, problem.out_channels, 2 ** (bits or PRECISION[problem.dtype]) - 1)
    scale = 2.0**-8 if problem.dtype == "float16" else 1.0
    return operands_of(problem, np.zeros(problem.input_shape), operands.weight, bias * scale)


def large_whole_numbers(problem: Problem, seed: int) -> Operands:
    """Return whole numbers whose products are beyond the range of 64 bits."""
    random = generator(problem, "large whole numbers", seed)
    limit = {"float64": 2**42, "float32": 2**22, "bfloat16": 2**8}.get(problem.dtype, 2**4) - 1
    scale = 2.0**20 if problem.dtype == "float32" else 1.0
    return filled(problem, lambda shape: odd(random, shape, limit) * scale)


def _integers(problem: Problem, kind: str, seed: int, bits: int | None) -> Operands:
    """Return small odd integers, of which any sum of the problem is exact in float32."""
    random = generator(problem, kind, seed)
    limit = min(2 ** (bits or 24) - 1, 7)
    return filled(problem, lambda shape: odd(random, shape, limit))


_ALWAYS = (
    Probe(a_zero_input, exact=True),
    Probe(a_full_bias, exact=True),
    Probe(patches_of_zeros, exact=True),
    Probe(scattered_zeros, exact=True),
    Probe(an_identity_kernel, exact=True),
    Probe(user_values.an_image, exact=True),
    Probe(user_values.a_delta_in_the_centre, exact=True),
    Probe(user_values.a_box, exact=True),
    Probe(user_values.a_single_one, exact=True),
    Probe(an_offset, exact=True),
    Probe(beyond_counting, exact=True),
    Probe(magnitudes.mixed_magnitudes),
    Probe(magnitudes.small_weights_that_count),
    Probe(magnitudes.small_samples_and_channels),
)
_SUBNORMAL = (
    Probe(magnitudes.subnormal_outputs),
    Probe(magnitudes.subnormal_inputs),
    Probe(magnitudes.subnormal_weights),
)
_THOROUGH = (
    Probe(a_zero_weight, exact=True),
    Probe(all_ones, exact=True),
    Probe(a_constant_input, exact=True),
    Probe(all_negative, exact=True),
    Probe(signs, exact=True),
    Probe(powers_of_two_in_weights, exact=True),
    Probe(magnitudes.a_large_bias),
    Probe(magnitudes.small_rows),
    Probe(magnitudes.channels_that_make_up_for_each_other),
    Probe(large_whole_numbers),
    Probe(user_values.an_image_and_reals),
    Probe(user_values.a_delta_at_the_first_tap, exact=True),
    Probe(user_values.a_delta_at_the_last_tap, exact=True),
    Probe(user_values.ones, exact=True),
    Probe(user_values.a_sparse_input, exact=True),
    Probe(user_values.a_sparse_weight, exact=True),
    Probe(user_values.pairs_of_opposites, exact=True),
    Probe(user_values.weights_that_sum_to_one, exact=True),
)
_RANGE = (Probe(magnitudes.huge_numbers, exact=True), Probe(magnitudes.tiny_numbers, exact=True))
_RANGE_OF_TRANSFORMS = (Probe(magnitudes.large_numbers),)
_RANGE_THOROUGH = (
    Probe(magnitudes.a_huge_input, exact=True),
    Probe(magnitudes.a_huge_weight, exact=True),
    Probe(magnitudes.tiny_inputs, exact=True),
    Probe(magnitudes.tiny_weights, exact=True),
)
_OUTLIER = Probe(magnitudes.a_single_outlier)
