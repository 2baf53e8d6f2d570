"""Estimates from raw samples: medians, their intervals, ratios of paired rounds."""

from collections.abc import Sequence
from typing import Any

import numpy as np

CONFIDENCE = 0.95


def median_interval(samples: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float, float]:
    """Return the median and the bounds of its interval from order statistics.

    The interval assumes nothing of the distribution (it inverts the sign test; Conover, Practical
    Nonparametric Statistics, section 3.2). Fewer than six samples cannot have one at 95 %: the
    bounds are then the smallest and the largest.

    >>> median_interval([3.0, 1.0, 2.0])
    (2.0, 1.0, 3.0)
    """
    from scipy.stats import quantile_test

    median = float(np.median(samples))
    if len(samples) > 1:
        interval: Any = quantile_test(samples, q=median, p=0.5).confidence_interval(confidence)
        if np.isfinite([interval.low, interval.high]).all():
            return median, float(interval.low), float(interval.high)
    return median, min(samples), max(samples)


def paired_ratio(numerator: Sequence[float], denominator: Sequence[float]) -> float | None:
    """Return the median over common rounds of the ratio of two rivals' samples, None without any.

    The ratio is taken within a round, where both saw the same machine; the median of the logarithms
    makes it the same in both directions. Rounds that one of them has no time for are left out.

    >>> paired_ratio([2.0, 8.0, 1.0], [1.0, 2.0, 1.0])
    2.0
    """
    rounds = np.array(list(zip(numerator, denominator, strict=False)), dtype=float).reshape(-1, 2)
    rounds = rounds[np.isfinite(rounds).all(axis=1) & (rounds > 0).all(axis=1)]
    if not len(rounds):
        return None
    return float(np.exp(np.median(np.log(rounds[:, 0]) - np.log(rounds[:, 1]))))
