"""Comparison of an output with the true one: its errors, its first bad element, the kind of failure."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..numerics.accuracy import PRECISION, Accuracy, Array, Truth
from ..numerics.error_bounds import flushed, low_precision

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
    y: Array, truth: Truth, accuracy: Accuracy, *, exact_data: bool, flushes: bool = False
) -> Comparison:
    """Compare an output with the true one, elementwise, against the bound of an accuracy class.

    `flushes` allows for subnormal numbers that become zero on the way. An element that is not within its
    bound is bad, so that a NaN never passes.
    """
    got = y.astype(np.float64)
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
    first = np.unravel_index(int(bad.argmax()), bad.shape) if bad.any() else None
    where = None if first is None else tuple(int(i) for i in first)
    return Comparison(
        error_u=_ratio(_largest(error), unit),
        error_bound_u=_ratio(_largest(allowed), unit),
        error_max_abs=_largest(error),
        error_rel_l2=_ratio(float(np.linalg.norm(error)), norm),
        where=where,
        reason=None if where is None else _reason(where, got, truth.y, margin, int(bad.sum())),
        imprecise=where is not None and _is_imprecise(error, truth, normwise=not accuracy.exact),
    )


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
    return _reason(where, got, expected, allowed, int(bad.sum()))


def significant_bits(y: Array, truth: Truth) -> int:
    """Return about how many significant bits the output was computed with: −log₂ max(error/A)."""
    error = np.abs((y.astype(np.float64) - truth.y) - truth.tail)
    relative = _largest(error / np.maximum(truth.magnitude, np.finfo(np.float64).tiny))
    return round(-np.log2(relative)) if relative > 0 else 53


def _largest(values: Any) -> float:
    """Return the largest value, NaN if there is one, 0 if there are no values."""
    return float(np.max(values)) if np.size(values) else 0.0


def _ratio(a: float, b: float) -> float | None:
    return a / b if b else None


def _reason(where: tuple[int, ...], got: Doubles, expected: Doubles, allowed: Doubles, bad: int) -> str:
    """Return what an element is and should be, and how many are bad."""
    index = ", ".join(map(str, where))
    margin = f" ± {allowed[where]:.2g}" if allowed[where] else ""
    count = f"; {bad:,} of {got.size:,} elements are wrong" if bad > 1 else ""
    # Nine digits tell float32 numbers apart, and seventeen those of float64.
    digits = 9 if f"{got[where]:.9g}" != f"{expected[where]:.9g}" else 17
    return f"y[{index}] is {got[where]:.{digits}g}, want {expected[where]:.{digits}g}{margin}{count}"
