"""The truth of an output that is too large to be computed whole: some elements, and weighted sums of all.

The elements are compared as all of a small output are. The sums find what is wrong anywhere else:

- On exact data whose sums the storage type holds, outputs are whole multiples of a unit, and weighted
  sums of them are exact in float64, too: one wrong element anywhere shows, whatever its error.
- Transforms round on such data. Where their bound is below half the unit at each element, the nearest
  multiple is the true value; the sums are those of the nearest multiples, and no element may be farther from
  its own than the bound.
- On all other data a sum with coefficients ±1 may be off by the sum of the bounds of its elements: an
  element that is off by more, which is a gross error, shows.

The bounds are those of elements whose A is the largest that their sample and channel can have,
Σ_c max|x_c|·Σ|w_oc| + |b_o|: every bound grows with A and with |y| ≤ A, so that no element's is larger.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isqrt

import numpy as np

from ...problems.problem import Problem
from ..accuracy import Accuracy, Array, Doubles, Places, Truth, gamma
from ..blocks import BLOCK_ELEMENTS, blocks
from ..bounds.worst_case import flushed
from ..operands import Operands
from ..reference import truth
from .single_elements import sampled_places, single_elements
from .weighted_sums import WeightedSums, strips

FULL_MULTIPLY_ADDS = 2**24
"""Up to here the whole output is computed: some 5 ns each in float64, a tenth of a second in all."""

FULL_ELEMENTS = 2**20
"""Up to here, those of operands and output together: the whole takes some 120 bytes each, 120 MB in all."""

_DOUBLED_COST = 16
"""How many times as long the reference of float64 takes, whose operands are cut into four slices each."""

_HELD = 52
"""Sums below 2⁵² units are exact in float64, with one bit to spare for the rounding of their estimate."""

_POWERS = (0, 8, 16, 24)
"""Data whose multiples of 2^power are whole numbers is seen to be exact."""

_U = 2.0**-53


@dataclass(frozen=True)
class FullReference:
    """Up to how many multiply-adds and elements the whole output is computed."""

    multiply_adds: int = FULL_MULTIPLY_ADDS
    elements: int = FULL_ELEMENTS

    def covers(self, problem: Problem) -> bool:
        """Say whether it does for a problem."""
        cost = _DOUBLED_COST if problem.dtype == "float64" else 1
        return problem.elements <= self.elements and problem.dense_macs * cost <= self.multiply_adds


@dataclass(frozen=True)
class LargeTruth(Truth):
    """The truth of the elements at `places`, and of weighted sums of all elements.

    `exact` says that no order of summation rounds on the data; coefficients are drawn from `seed`.
    """

    exact: bool = False
    seed: int = 0
    _sums: dict[tuple[Accuracy, bool], tuple["_Limits", WeightedSums]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def operands(self) -> Operands:
        """Return the operands."""
        return Operands(self.x, self.weight, self.bias)

    def suspect(self, y: Array, accuracy: Accuracy, *, flushes: bool = False) -> tuple[int, ...] | None:
        """Return the index of an element of an output because of which a sum is wrong, or None.

        It is the one that is farthest off at a position where a sum of an output of the class cannot be
        as it is. `flushes` allows for subnormal numbers that become zero.
        """
        limits, sums = self._sums_for(accuracy, flushes=flushes and not self.exact)
        for strip in strips(self.problem):
            with np.errstate(invalid="ignore", over="ignore"):
                got, distance = sums.of_output(y, strip, limits.unit)
                off = np.abs(got - sums.expected(strip))
            bad = ~(off <= limits.of_sum).all(axis=0) | ~(distance <= limits.of_element)
            if bad.any():
                position = np.unravel_index(int(bad.argmax()), y[strip.index].shape[2:])
                return self._farthest(y, sums, strip.place(tuple(int(i) for i in position)))
        return None

    def element(self, place: tuple[int, ...]) -> Truth:
        """Return the truth of one element."""
        return self._elements(tuple(np.array([index]) for index in place))

    def _elements(self, places: Places) -> Truth:
        return self._on_its_data(single_elements(self.problem, self.operands, places, exact=self.exact))

    def _on_its_data(self, other: Truth) -> Truth:
        """Return another truth on the same data, whose sizes need not be computed again."""
        vars(other)["sizes"] = self.sizes
        return other

    def _farthest(self, y: Array, sums: WeightedSums, position: tuple[int, ...]) -> tuple[int, ...]:
        """Return the index of the element at a position that is farthest off, in the worst sample."""
        channels = np.arange(self.problem.out_channels)
        with np.errstate(invalid="ignore", over="ignore"):
            sample = _worst(sums.row(position, y))
            alone = self._elements(tuple(np.broadcast_arrays(sample, channels, *position)))
            return (sample, _worst(alone.elements_of(y) - alone.y), *position)

    def _sums_for(self, accuracy: Accuracy, *, flushes: bool) -> tuple["_Limits", WeightedSums]:
        key = (accuracy, flushes)
        if key not in self._sums:
            limits = self._limits(accuracy, flushes=flushes)
            sums = WeightedSums(self.problem, self.operands, self.seed, limits.most)
            self._sums[key] = limits, sums
        return self._sums[key]

    def _limits(self, accuracy: Accuracy, *, flushes: bool) -> "_Limits":
        """Return how far elements and sums of an output of a class may be off, and where they are exact."""
        count = self.problem.batch_size * self.problem.out_channels
        total = bound = largest = 0.0
        for cap in self._caps():
            allowed = accuracy.bound(cap, exact_data=self.exact) + (flushed(cap) if flushes else 0.0)
            total, bound = total + float(allowed.sum()), max(bound, float(allowed.max()))
            largest = max(largest, float(cap.magnitude.max()))
        unit = self._unit
        room = 0.0 if unit is None else unit * 2.0**_HELD / (max(largest, unit) * count)
        if unit is not None and room >= 1:
            most = min(isqrt(int(room)), _MOST)
            if accuracy.exact and largest <= unit * 2.0 ** accuracy.significand(self.problem.dtype):
                return _Limits(most, 0.0, 0.0, unit)
            if bound < unit / 2:
                return _Limits(most, 0.0, bound, unit)
        rounded = 2 * gamma(count + self.problem.products + 4, _U) * (count * largest + total)
        return _Limits(1, total + rounded, 0.0, None)

    def _caps(self) -> Iterator[Truth]:
        """Yield truths of elements (samples, O) with the largest A that each sample and channel can have."""
        problem = self.problem
        room = max(1, BLOCK_ELEMENTS // problem.weight_shape[1])
        for block in blocks((problem.batch_size, problem.out_channels), room):
            samples, channels = (*block, slice(0, problem.out_channels))[:2]
            sample, channel = (np.arange(part.start, part.stop) for part in (samples, channels))
            places = tuple(np.broadcast_arrays(sample[:, None], channel[None]))
            cap = Truth(problem, self.x, self.weight, _NONE, _NONE, 0.0, 0.0, self.bias, places)
            largest = self._on_its_data(cap).over_channels(self.sizes.x_peaks, self.sizes.weight_sums)
            if self.bias is not None:
                largest = largest + np.abs(cap.of_channels(self.bias.astype(np.float64)))
            doubt = 0.0 if self.exact else gamma(problem.products + 2, _U) * largest
            yield self._on_its_data(replace(cap, y=largest, magnitude=largest, doubt=doubt))

    @cached_property
    def _unit(self) -> float | None:
        """Return a power of two of which every product and bias is a multiple, or None if none is found."""
        if not self.exact:
            return None
        units = [_unit_of(array) for array in self.operands.items().values()]
        known = [unit for unit in units if unit is not None]
        if len(known) < len(units):
            return None
        return min(known[0] * known[1], *known[2:], np.inf)


@dataclass(frozen=True)
class _Limits:
    """The largest coefficient, how far off a sum and an element may be, and the unit where they are exact."""

    most: int
    of_sum: float
    of_element: float
    unit: float | None


_MOST = 2**20
"""The largest coefficient: a sum misses several wrong elements at a position once in 2²⁰."""

_NONE: Doubles = np.zeros(())


def true_output(
    problem: Problem, operands: Operands, *, exact: bool, seed: int, full: FullReference
) -> Truth:
    """Return the true output, whole up to the size that the full reference covers; `exact` as for `truth`."""
    if full.covers(problem):
        return truth(problem, operands, exact=exact)
    return large_truth(problem, operands, exact=exact, seed=seed)


def large_truth(problem: Problem, operands: Operands, *, exact: bool, seed: int) -> LargeTruth:
    """Return what is known of the true output of a problem of any size; `exact` as for `truth`.

    Raises `ProblemError` for a direction that has no reference.
    """
    one = single_elements(problem, operands, sampled_places(problem, seed), exact=exact)
    return LargeTruth(
        problem,
        one.x,
        one.weight,
        one.y,
        one.magnitude,
        one.doubt,
        one.tail,
        one.bias,
        one.places,
        exact,
        seed,
    )


def _worst(off: Doubles) -> int:
    """Return where a difference is largest, or not a number."""
    return int(np.nan_to_num(np.abs(off), nan=np.inf).argmax())


def _unit_of(array: Array) -> float | None:
    """Return the largest of some powers of two of which all numbers of an array are multiples, or None."""
    for power in _POWERS:
        if all(_are_whole(np.ldexp(array[block].astype(np.float64), power)) for block in blocks(array.shape)):
            return 2.0**-power
    return None


def _are_whole(values: Doubles) -> bool:
    return bool((values == np.rint(values)).all())
