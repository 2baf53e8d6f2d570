"""The matrices of Winograd's minimal filtering algorithms F(m, r), and how much they magnify.

F(m, r) computes m outputs of a filter with r taps from t = m + r − 1 inputs d with t products:
y = Aᵀ[(G·g) ⊙ (Bᵀ·d)]. The matrices are those of Toom and Cook: t − 1 points and infinity; small
points first, as every library chooses them, which keeps the errors small. Source: S. Winograd,
Arithmetic Complexity of Computations (1980), chapter V; the points of A. Lavin and S. Gray, Fast
Algorithms for Convolutional Neural Networks (2016).
"""

from collections.abc import Iterable
from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

_POINTS = tuple(
    map(Fraction, ("0", "1", "-1", "2", "-2", "1/2", "-1/2", "3", "-3", "1/3", "-1/3", "4", "-4"))
)


@cache
def matrices(outputs: int, taps: int) -> tuple[Doubles, Doubles, Doubles]:
    """Return Aᵀ (m × t), G (t × r) and Bᵀ (t × t) of F(m, r) in float64."""
    size = outputs + taps - 1
    points = _POINTS[: size - 1]
    a_t = [[point**power for point in points] + [Fraction(power == outputs - 1)] for power in range(outputs)]
    g = [
        [
            point**power / _product(point - other for other in points if other != point)
            for power in range(taps)
        ]
        for point in points
    ]
    g.append([Fraction(power == taps - 1) for power in range(taps)])
    b_t = [_polynomial([other for other in points if other != point], size) for point in points]
    b_t.append(_polynomial(list(points), size))
    return _array(a_t), _array(g), _array(b_t)


@cache
def growth(outputs: int, taps: int) -> Doubles:
    """Return |Aᵀ|·diag(Σ|Bᵀ|)·|G| (m × r): each tap's weight in an output if no sign cancelled.

    Inputs of at most 1 and a filter |g| then stay below growth·|g| at every step.
    """
    a_t, g, b_t = matrices(outputs, taps)
    grown: Doubles = np.abs(a_t) @ (np.abs(b_t).sum(axis=1)[:, None] * np.abs(g))
    return grown


def _product(values: Iterable[Fraction]) -> Fraction:
    result = Fraction(1)
    for value in values:
        result *= value
    return result


def _polynomial(roots: list[Fraction], size: int) -> list[Fraction]:
    """Return the coefficients of Π(z − root), lowest power first, filled up with zeros."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *coefficients]
        coefficients = [
            high - root * low for high, low in zip(shifted, [*coefficients, Fraction(0)], strict=True)
        ]
    return coefficients + [Fraction(0)] * (size - len(coefficients))


def _array(rows: list[list[Fraction]]) -> Doubles:
    return np.array([[float(value) for value in row] for row in rows])
