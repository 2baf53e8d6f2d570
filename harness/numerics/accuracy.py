"""Classes of rounding errors that an implementation may declare, and the bound that each implies.

Notation: u is the unit roundoff of the accumulator (2⁻²⁴ for float32 and narrower storage, 2⁻⁵³ for
float64), n the number of products in an output element, γ_m = m·u/(1 − m·u), η the smallest
subnormal, A = |x|⋆|w| + |b|. Every bound is elementwise and worst-case, so that no correct
implementation of its class can exceed it, whatever its order of summation.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from math import log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..problems.problem import Problem
from .arrays import dtype_of
from .operand_sizes import OperandSizes

Array = NDArray[Any]
Doubles = NDArray[np.float64]
Mask = NDArray[np.bool_]
Places = tuple[NDArray[np.intp], ...]

PRECISION = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
"""Significand bits of each storage type, the leading one included."""

LOCALITIES = ("window", "hull", "tile", "group", "sample", "batch")
"""How far a NaN of the input may spread, each wider than the one before: the outputs whose window
holds it; those whose window spans it; their neighbours in a tile; the outputs of its group in its
sample; of its sample; all."""

SUBNORMAL = {"float16": 2.0**-24, "bfloat16": 2.0**-133, "float32": 2.0**-149, "float64": 2.0**-1074}
"""The smallest subnormal number of each storage type, η."""


def accumulator_bits(dtype: str) -> int:
    """Return the significand bits in which sums are held: 16-bit storage means float32 sums."""
    return max(PRECISION[dtype], PRECISION["float32"])


def unit_roundoff(dtype: str) -> float:
    """Return u of the accumulator."""
    return 2.0 ** -accumulator_bits(dtype)


def gamma(terms: int, u: float) -> float:
    """Return γ_m = m·u/(1 − m·u), the relative error of m roundings in a row (Higham, lemma 3.1)."""
    return terms * u / (1 - terms * u)


@dataclass(frozen=True)
class Truth:
    """The true output of one problem on given data, and the quantities of error bounds.

    `y` and `magnitude` (A) are float64 arrays of the output's shape or, with `places`, of those of its
    elements that are known: an index array per axis of the output says which, as NumPy's indexing
    takes them. The true output is the unevaluated sum `y + tail`, which itself may be off by `doubt`,
    elementwise.
    """

    problem: Problem
    x: Array
    weight: Array
    y: Doubles
    magnitude: Doubles
    doubt: Doubles | float
    tail: Doubles | float = 0.0
    bias: Array | None = None
    places: Places | None = None

    def elements_of(self, y: Array) -> Doubles:
        """Return the elements of an output that are known, as float64, in the order of those of the truth."""
        return (y if self.places is None else y[self.places]).astype(np.float64)

    def index_of(self, bad: Mask) -> tuple[int, ...]:
        """Return where in the output the first of some known elements lies."""
        first = np.unravel_index(int(bad.argmax()), bad.shape)
        if self.places is None:
            return tuple(int(i) for i in first)
        return tuple(int(np.broadcast_to(axis, bad.shape)[first]) for axis in self.places)

    def of_channels(self, values: Array) -> Array:
        """Return values (O,) of output channels, so that they go with the elements."""
        if self.places is None:
            return values.reshape(-1, *(1,) * self.problem.ndim)
        return values[self.places[1]]

    def over_channels(self, of_x: Doubles, of_weight: Doubles) -> Doubles:
        """Return Σ_c of_x[n, c]·of_weight[o, c] over the input channels c of o's group, for each element.

        `of_x` has a value per sample and channel, or one per sample and group, (N, G·C'), and
        `of_weight` is (O, C').
        """
        problem = self.problem
        x = of_x.reshape(problem.batch_size, problem.groups, of_weight.shape[1])
        per_group = problem.out_channels // problem.groups
        if self.places is None:
            weight = of_weight.reshape(problem.groups, per_group, -1)
            sums: Doubles = np.einsum("ngc,goc->ngo", x, weight)
            return sums.reshape(*problem.output_shape[:2], *(1,) * problem.ndim)
        sample, channel = self.places[:2]
        known: Doubles = np.einsum("...c,...c->...", x[sample, channel // per_group], of_weight[channel])
        return known

    @cached_property
    def sizes(self) -> OperandSizes:
        """Return how large the operands are."""
        return OperandSizes(self.x, self.weight)


@dataclass(frozen=True)
class Accuracy:
    """A class of rounding errors: its name, whether integer sums come out exact, and its bound.

    `bits` are the significand bits to which inputs and outputs are rounded where those are fewer than
    the storage has; `locality` is how far a NaN spreads in algorithms of the class; `tile` is how
    many outputs of an axis are computed together. `accumulated` is the bound of the sum, before it is
    stored, and `probable` that on random data, where the class has one (`bounds.probable`).
    """

    name: str
    exact: bool
    accumulated: Callable[[Truth], Doubles] = field(repr=False, compare=False)
    probable: Callable[[Truth], Doubles] | None = field(default=None, repr=False, compare=False)
    bits: int | None = None
    locality: str = "window"
    tile: int = 1

    def significand(self, dtype: str) -> int:
        """Return how many bits of an input the class keeps."""
        return min(PRECISION[dtype], self.bits or PRECISION[dtype])

    def results(self, truth: Truth) -> list[Doubles]:
        """Return the possible outputs of an exact class on exact data, one for each way to round.

        The sum is exact in the accumulator. Narrow storage rounds it once, to nearest; an algorithm
        that adds the bias afterwards rounds before and after. One that keeps few bits of the inputs
        may keep as few bits of the output, or more.
        """
        dtype = truth.problem.dtype
        stored = PRECISION[dtype]
        if self.bits is None and stored == accumulator_bits(dtype):
            return [truth.y]
        results = []
        for bits in range(self.significand(dtype), stored + 1):
            results.append(_stored(truth.y, dtype, bits))
            if truth.bias is not None:
                bias = truth.of_channels(truth.bias.astype(np.float64))
                results.append(_stored(_stored(truth.y - bias, dtype, bits) + bias, dtype, bits))
        return results

    def bound(self, truth: Truth, *, exact_data: bool = False) -> Doubles:
        """Return how far each element may be from the true output, the reference's own error included.

        On `exact_data` no order of summation rounds: the bound of an exact class is then the one
        rounding of narrow storage, or zero.
        """
        exact = exact_data and self.exact
        return self._with_storage(
            truth, np.zeros_like(truth.y) if exact else self.accumulated(truth) + truth.doubt
        )

    def likely(self, truth: Truth) -> Doubles | None:
        """Return how far each element probably is from the true output, on random data; None if unknown."""
        if self.probable is None:
            return None
        error = np.minimum(self.probable(truth), self.accumulated(truth))
        return self._with_storage(truth, error + truth.doubt)

    def _with_storage(self, truth: Truth, error: Doubles) -> Doubles:
        """Return the error of a sum together with that of storing it."""
        problem = truth.problem
        bits = self.significand(problem.dtype)
        if bits == accumulator_bits(problem.dtype):
            return error
        # The sum is rounded once to narrow storage, and once more where the bias is added afterwards.
        rounded = 2.0**-bits * (np.abs(truth.y) + error) + SUBNORMAL[problem.dtype]
        if problem.bias:
            rounded += 2.0**-bits * (truth.magnitude + error)
        return error + rounded


def _stored(values: Doubles, dtype: str, bits: int) -> Doubles:
    """Return values rounded to nearest, to `bits` bits and then to the storage type."""
    significand, power = np.frexp(values)
    least = int(log2(SUBNORMAL[dtype]))
    if bits < PRECISION[dtype]:
        values = np.ldexp(np.rint(np.ldexp(significand, bits)), power - bits)
        return values.astype(dtype_of(dtype)).astype(np.float64)
    last = np.maximum(power - bits, least)  # the exponent of the last bit that is stored
    rounded: Doubles = np.ldexp(np.rint(np.ldexp(values, -last)), last)
    return rounded
