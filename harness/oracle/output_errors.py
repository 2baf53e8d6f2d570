"""Comparison of an output with the true one: its errors, its first bad element, the kind of failure."""

from dataclasses import dataclass, replace
from math import ceil, log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..numerics.accuracy import PRECISION, Accuracy, Array, Mask, Truth, accumulator_bits
from ..numerics.bounds.worst_case import flushed, low_precision
from ..numerics.large_outputs.large_truth import LargeTruth

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """How far an output is from the true one, and how far it may be.

    Errors are in the units of `Verdict`, None where every product is zero and there is no unit.
    `where` is the first element beyond its bound, `reason` says what it is and should be, and
    `imprecise` that all elements are as close as low precision would be.
    """

    error_u: float | None
    error_bound_u: float | None
    error_max_abs: float
    error_rel_l2: float | None
    where: tuple[int, ...] | None
    reason: str | None
    imprecise: bool


_SPARED = 8
"""Rounding affects nearly all elements: at least one in eight has an error comparable with the largest."""

_COMPARABLE = 64
"""Rounding errors of one computation, relative to what was added up, differ by about this factor."""

_EQUAL = Comparison(0.0, 0.0, 0.0, 0.0, where=None, reason=None, imprecise=False)


def compare(
    y: Array,
    truth: Truth,
    accuracy: Accuracy,
    *,
    exact_data: bool,
    flushes: bool = False,
    random_data: bool = False,
) -> Comparison:
    """Compare an output with the true one, elementwise, against the bound of an accuracy class.

    `flushes` allows for subnormal numbers that become zero on the way. On `random_data` errors within the
    bound must also be such as independent roundings are. An element that is not within its bound is bad,
    so that a NaN never passes.
    """
    found = _compared(y, truth, accuracy, exact_data=exact_data, flushes=flushes)
    if found.where is None and random_data:
        found = _with_doubts(found, y, truth, accuracy, flushes=flushes)
    if found.where is not None or not isinstance(truth, LargeTruth):
        return found
    place = truth.suspect(y, accuracy, flushes=flushes)
    if place is None:
        return found
    alone = _compared(y, truth.element(place), accuracy, exact_data=exact_data, flushes=flushes)
    if alone.where is not None:
        return replace(alone, imprecise=False)
    position = ", ".join(map(str, place[2:]))
    reason = f"a weighted sum over samples and channels of y[:, :, {position}] is wrong"
    return replace(found, where=place, reason=reason)


def _compared(y: Array, truth: Truth, accuracy: Accuracy, *, exact_data: bool, flushes: bool) -> Comparison:
    """Compare the elements that are known."""
    got = truth.elements_of(y)
    if exact_data and np.array_equal(got, truth.y):
        return _EQUAL
    allowed = accuracy.bound(truth, exact_data=exact_data)
    if flushes and not exact_data:
        allowed = allowed + flushed(truth)
    margin = allowed
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs((got - truth.y) - truth.tail)
        if exact_data and accuracy.exact:
            bad = np.logical_and.reduce([got != result for result in accuracy.results(truth)])
            margin = np.zeros_like(allowed)
        else:
            bad = ~(error <= allowed)
    unit = 2.0 ** -PRECISION[truth.problem.dtype] * _largest(truth.magnitude)
    norm = float(np.linalg.norm(truth.y))
    reason = None
    if bad.any():
        reason = _reason(truth.index_of(bad), bad, got, truth.y, margin)
    return Comparison(
        error_u=_ratio(_largest(error), unit),
        error_bound_u=_ratio(_largest(allowed), unit),
        error_max_abs=_largest(error),
        error_rel_l2=_ratio(float(np.linalg.norm(error)), norm),
        where=truth.index_of(bad) if bad.any() else None,
        reason=reason,
        imprecise=reason is not None and _is_imprecise(error, truth, normwise=not accuracy.exact),
    )


def _with_doubts(
    found: Comparison, y: Array, truth: Truth, accuracy: Accuracy, *, flushes: bool
) -> Comparison:
    """Return what was found of an output within its bound: imprecise where roundings would give less."""
    likely = accuracy.likely(truth)
    if likely is None:
        return found
    likely = likely + flushed(truth) if flushes else likely
    got = truth.elements_of(y)
    error = np.abs((got - truth.y) - truth.tail)
    bad = ~(error <= likely)
    if not bad.any():
        return found
    # Sums that are held to one bit less may be off by twice as much.
    lost = ceil(log2(float((error[bad] / likely[bad]).max())))
    bits = accumulator_bits(truth.problem.dtype) - lost
    where = truth.index_of(bad)
    reason = (
        f"{_reason(where, bad, got, truth.y, likely)}; roundings of a right sum are not so unlucky,"
        f" its sums look as if held to {bits} bits or fewer"
    )
    return replace(found, where=where, reason=reason, imprecise=True)


def _is_imprecise(error: Doubles, truth: Truth, *, normwise: bool) -> bool:
    """Say whether an output looks like the right one, computed with fewer bits.

    Every error is then within the bound of low precision, and of the elements that add something up
    at least one in eight has an error comparable with the largest, because rounding affects nearly all.
    A single element that is slightly off is wrong. Transforms spread their errors over all outputs, whatever
    the size of each (`normwise`).
    """
    allowed, scale = low_precision(truth), truth.magnitude
    adds_up = scale > 0
    if normwise:
        allowed, scale = np.full_like(allowed, _largest(allowed)), np.full_like(scale, _largest(scale))
    if not (adds_up.any() and np.all(error <= allowed)):
        return False
    relative = error[adds_up] / scale[adds_up]
    return _SPARED * int((relative >= relative.max() / _COMPARABLE).sum()) >= relative.size


def first_beyond(y: Array, expected: Doubles, allowed: Doubles) -> str | None:
    """Return what the first element beyond its bound is and should be, or None if there is none."""
    got = y.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        bad = ~(np.abs(got - expected) <= allowed)
    if not bad.any():
        return None
    where = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape))
    return _reason(where, bad, got, expected, allowed)


def significant_bits(y: Array, truth: Truth) -> int:
    """Return about how many significant bits the output was computed with: −log₂ max(error/A), at least 0."""
    error = np.abs((truth.elements_of(y) - truth.y) - truth.tail)
    relative = _largest(error / np.maximum(truth.magnitude, np.finfo(np.float64).tiny))
    if not np.isfinite(relative):
        return 0
    return max(0, round(-np.log2(relative))) if relative > 0 else 53


def _largest(values: Any) -> float:
    """Return the largest value, NaN if there is one, 0 if there are no values."""
    return float(np.max(values)) if np.size(values) else 0.0


def _ratio(a: float, b: float) -> float | None:
    return a / b if b else None


def _reason(where: tuple[int, ...], bad: Mask, got: Doubles, expected: Doubles, allowed: Doubles) -> str:
    """Return what the first bad element, which lies at `where`, is and should be, and how many are bad."""
    first = np.unravel_index(int(bad.argmax()), bad.shape)
    is_, want, margin = (float(values[first]) for values in (got, expected, allowed))
    index = ", ".join(map(str, where))
    of = "elements" if got.ndim == len(where) else "elements that were compared"
    count = f"; {int(bad.sum()):,} of {got.size:,} {of} are wrong" if bad.sum() > 1 else ""
    # Nine digits tell float32 numbers apart, and seventeen those of float64.
    digits = 9 if f"{is_:.9g}" != f"{want:.9g}" else 17
    within = f" ± {margin:.2g}" if margin else ""
    return f"y[{index}] is {is_:.{digits}g}, want {want:.{digits}g}{within}{count}"
