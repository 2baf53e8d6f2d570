"""The precision layer: whether every bit of the inputs is used, and every bit of a sum kept."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ...numerics.accuracy import PRECISION
from ...numerics.arrays import dtype_of
from ...numerics.blocks import BLOCK_ELEMENTS, blocks, drawn
from ...numerics.operands import (
    Array,
    Operands,
    full_weight,
    full_x,
    generator,
    held_bits,
    impulses,
    odd,
    operands_of,
    whole_numbers,
)
from ...problems.problem import Problem
from ..output_errors import significant_bits
from ..probe_data import Probe
from ..trial import Trial
from ..verdict import Verdict
from .layer import Layer

_SHORT = 7
"""Significant bits of the inputs before they move: few enough for any narrower type."""

_FEW = 5
"""Products of an output that are not zero where all the others are: an odd number."""

_BEYOND = {"float16": 0, "bfloat16": 0, "float32": 20, "float64": 48}
"""The inputs move by 2^-places of their value, less than a narrower type can hold; 0 skips the check."""


def check(trial: Trial) -> Iterator[Verdict]:
    """Compare products of full significands and saturated sums; of transforms, whether they respond."""
    if not trial.accuracy.exact:
        if trial.level != "quick":
            yield trial.judged(_IMPULSES)
        yield from _responds(trial)
        return
    yield trial.judged(_FULL_X)
    yield trial.judged(_FULL_WEIGHT)
    if trial.level == "quick":
        return
    yield trial.judged(_FEW_PRODUCTS)
    # Single products and dense sums show their number of bits on a small problem, too.
    small = trial.reduced
    yield small.judged(_IMPULSES)
    yield small.judged(_SATURATED)
    for draw in range(1, trial.draws):
        yield trial.judged(_FULL_X, draw)
        yield trial.judged(_FULL_WEIGHT, draw)


LAYER = Layer("precision", level="quick", measures=True, may_be_imprecise=True, check=check)


def saturated(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return positive odd integers whose sums fill the accumulator's significand.

    All are in the upper half of their range, so that every sum is between a quarter and all of what
    the accumulator holds: a kernel that sums in fewer bits loses bits of most sums.
    """
    random = generator(problem, "saturated", seed)
    x, weight = (
        _positive_odd(random, shape, limit)
        for shape, limit in zip(
            (problem.input_shape, problem.weight_shape),
            _saturating(problem, bits, problem.products),
            strict=True,
        )
    )
    return whole_numbers(problem, x, weight, np.ones(problem.out_channels))


def few_products(problem: Problem, seed: int, bits: int | None = None) -> Operands:
    """Return positive odd integers, of which few meet in an output and fill the accumulator all the same.

    The sum of an odd number of odd products has its last bit set, so that an accumulator that is one bit
    short rounds, however long the sums of the problem are and whichever products are left.
    """
    random = generator(problem, "few products", seed)
    limits = _saturating(problem, bits, _FEW)
    dtype = dtype_of(problem.dtype)
    x = drawn(problem.input_shape, dtype, lambda shape: _positive_odd(random, shape, limits[0]))
    weight = np.zeros((problem.out_channels, problem.products), dtype)
    for rows in blocks((problem.out_channels,), max(1, BLOCK_ELEMENTS // problem.products)):
        count = min(_FEW, problem.products)
        kept = random.random(weight[rows].shape).argpartition(count - 1, axis=1)[:, :count]
        np.put_along_axis(
            weight[rows], kept, _positive_odd(random, kept.shape, limits[1]).astype(dtype), axis=1
        )
    return whole_numbers(problem, x, weight.reshape(problem.weight_shape), np.zeros(problem.out_channels))


def _saturating(problem: Problem, bits: int | None, products: int) -> list[int]:
    """Return limits for x and weight with which sums of so many products and a bias fill the accumulator."""
    held = 0.98 * 2.0 ** held_bits(problem, bits)
    storage = 2.0 ** (bits or PRECISION[problem.dtype]) - 1
    each = (held / (products + 1)) ** 0.5
    return [int(min(storage, max(1.0, each))) for _ in range(2)]


def _positive_odd(random: np.random.Generator, shape: tuple[int, ...], limit: int) -> Array:
    return np.abs(odd(random, shape, limit)) | 1


def _responds(trial: Trial) -> Iterator[Verdict]:
    """Move the inputs by less than a narrower type can hold: the output must move with them.

    Bounds of transforms are too wide to tell a rounding of the inputs from that of the transform.
    But inputs of few bits, and the same inputs with one much lower bit set, become equal in any
    narrower type, by rounding or by truncation, and so do the outputs.
    """
    problem = trial.problem
    places = _BEYOND[problem.dtype]
    if trial.accuracy.bits is not None:
        places = min(places, trial.accuracy.bits - 3)
    if not places or problem.batch_size == 0:
        return
    short = trial.data.once("short", lambda: _short(problem, trial.data.seed))
    y = trial.output(short)
    if not y.any():
        return
    for name in ("x", "weight"):
        moved = Operands(
            x=short.x + np.ldexp(short.x, -places) if name == "x" else short.x,
            weight=short.weight + np.ldexp(short.weight, -places) if name == "weight" else short.weight,
            bias=short.bias,
        )
        if np.array_equal(trial.output(moved), y):
            reason = f"its output stays the same when every {name} moves by 2^-{places} of itself"
            yield trial.failure("imprecise", reason)
            return
    yield Verdict("passed", seed=trial.data.seed)


def _short(problem: Problem, seed: int) -> Operands:
    random = generator(problem, "short", seed)
    limit = 2**_SHORT - 1
    x, weight = (odd(random, shape, limit) for shape in (problem.input_shape, problem.weight_shape))
    return operands_of(problem, x * 2.0**-_SHORT, weight * 2.0**-_SHORT, np.zeros(problem.out_channels))


def bits_of(trial: Trial) -> int:
    """Return about how many significant bits an implementation computes with."""
    probe = _FULL_X if trial.accuracy.exact else _IMPULSES
    operands, true = trial.data_of(probe)
    # Transforms spread an error over outputs that are nearly zero, so it is relative to the largest.
    if not trial.accuracy.exact:
        true = replace(true, magnitude=np.full_like(true.magnitude, true.magnitude.max(initial=0)))
    return min(PRECISION[trial.problem.dtype], significant_bits(trial.output(operands), true))


_FULL_X = Probe(full_x, exact=True)
_FULL_WEIGHT = Probe(full_weight, exact=True)
_IMPULSES = Probe(impulses)
_SATURATED = Probe(saturated, exact=True)
_FEW_PRODUCTS = Probe(few_products, exact=True)
