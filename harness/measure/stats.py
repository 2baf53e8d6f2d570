"""Estimates from raw samples: medians, ratios of paired rounds, and their intervals over processes.

Where a process's memory lies affects its speed for as long as it lives: within one process two
identical kernels may differ by some percent, by the same amount in all of its rounds. So the process
is the unit of observation: intervals are those of Student's t over independent processes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, isfinite, log, sqrt
from statistics import fmean, median, variance
from typing import Any

CONFIDENCE = 0.95

Pass = tuple[int, Sequence[float]]
"""The generation of a process, and the samples that were taken in it, in the order of the rounds."""

_FINEST = 5e-4
"""A standard error is never taken to be smaller: clocks and loops are not exact beyond that."""

_LEAST_GENERATIONS, _TRIMMED_GENERATIONS = 3, 8


@dataclass(frozen=True)
class Estimate:
    """The mean of some logarithms over independent processes, its standard error, and n − 1."""

    mean: float
    error: float
    freedom: int

    @property
    def ratio(self) -> float:
        """Return the ratio whose logarithm the mean is."""
        return exp(self.mean)

    def half_width(self, confidence: float = CONFIDENCE) -> float:
        """Return half of the interval's width, as a logarithm."""
        return _quantile(self.freedom, (1 + confidence) / 2) * self.error

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Return the bounds of the ratio."""
        half = self.half_width(confidence)
        return exp(self.mean - half), exp(self.mean + half)

    def p_beyond(self, margin: float) -> float:
        """Return the probability of a mean at least this far from 0 if the true one is within `margin`.

        It is that of the two-sided test at the edge of the margin; without a margin, Student's own.
        """
        beyond = (abs(self.mean) - margin) / self.error
        return min(1.0, _tail(self.freedom, beyond) + _tail(self.freedom, beyond + 2 * margin / self.error))

    def detectable(self, margin: float, significance: float, power: float = 0.95) -> float:
        """Return the smallest true mean that is found to exceed a margin with probability `power`."""
        from scipy.special import nctdtrinc

        # Under a true difference the statistic follows Student's noncentral t: the sum of two
        # quantiles of the central one falls short of it, at five processes by a ninth.
        least = nctdtrinc(self.freedom, 1 - power, _quantile(self.freedom, 1 - significance / 2))
        return margin + float(least) * self.error


def over_processes(values: Sequence[tuple[int, float]]) -> Estimate | None:
    """Return the estimate of values, each with the number of its generation of processes.

    Each generation counts once, with the mean of its values. From eight generations on the lowest and
    the highest are trimmed from the mean, since one process in ten may be an outlier; the standard
    error is then Yuen's (Wilcox, Introduction to Robust Estimation and Hypothesis Testing, section
    4.3). None for fewer than three: the interval of two is too wide to be of use.

    >>> over_processes([(0, 0.01), (0, 0.03), (1, 0.02), (2, 0.02)]).mean
    0.02
    """
    generations: dict[int, list[float]] = {}
    for number, value in values:
        generations.setdefault(number, []).append(value)
    means = sorted(fmean(of_one) for of_one in generations.values())
    count = len(means)
    if count < _LEAST_GENERATIONS:
        return None
    cut = 1 if count >= _TRIMMED_GENERATIONS else 0
    inner = means[cut : count - cut]
    # In the spread the trimmed means count as their inner neighbours (winsorised variance).
    winsorised = [inner[0]] * cut + inner + [inner[-1]] * cut
    error = sqrt(variance(winsorised) * count) / len(inner)
    return Estimate(fmean(inner), max(error, _FINEST), len(inner) - 1)


def paired_logarithms(passes: Sequence[Pass], others: Sequence[Pass]) -> list[tuple[int, float]]:
    """Return for every common pass the median over its common rounds of the logarithm of the ratio.

    The ratio is taken within a round, where both saw the same machine; a slower rival has fewer rounds.
    """
    medians = []
    for (generation, mine), (_, theirs) in zip(passes, others, strict=False):
        logarithms = [log(a / b) for a, b in zip(mine, theirs, strict=False) if a > 0 < b]
        if logarithms:
            medians.append((generation, median(logarithms)))
    return medians


def paired_estimate(passes: Sequence[Pass], others: Sequence[Pass]) -> Estimate | None:
    """Return the estimate of the ratio of two rivals, or None without enough processes."""
    return over_processes(paired_logarithms(passes, others))


def paired_ratio(passes: Sequence[Pass], others: Sequence[Pass]) -> float | None:
    """Return the ratio of two rivals: the mean of the logarithms over processes, None without samples.

    >>> paired_ratio([(0, [2.0, 8.0, 1.0])], [(0, [1.0, 2.0, 1.0])])
    2.0
    """
    values = paired_logarithms(passes, others)
    if not values:
        return None
    estimate = over_processes(values)
    return exp(fmean(value for _, value in values)) if estimate is None else estimate.ratio


def typical_time(passes: Sequence[Pass]) -> tuple[float, float, float]:
    """Return the median of all samples and the bounds of its interval over processes.

    Without enough processes the bounds are those of the median within one, from order statistics,
    which do not hold for another process. They always enclose the median.
    """
    samples = [sample for _, of_pass in passes for sample in of_pass]
    middle = median(samples)
    estimate = over_processes([(number, log(median(of_pass))) for number, of_pass in passes if of_pass])
    low, high = _within(samples) if estimate is None else estimate.interval()
    return middle, min(middle, low), max(middle, high)


def _within(samples: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the interval of a median from order statistics.

    It assumes nothing about the distribution (it inverts the sign test; Conover, Practical
    Nonparametric Statistics, section 3.2). Fewer than six samples do not allow one at 95 %: the
    bounds are then the smallest and the largest.
    """
    from scipy.stats import quantile_test

    if len(samples) > 1:
        middle = median(samples)
        interval: Any = quantile_test(samples, q=middle, p=0.5).confidence_interval(confidence)
        if isfinite(interval.low) and isfinite(interval.high):
            return float(interval.low), float(interval.high)
    return min(samples), max(samples)


def adjusted(probabilities: Sequence[float]) -> list[float]:
    """Return the probabilities of many tests, adjusted to control the false discovery rate.

    Benjamini and Hochberg 1995: of the findings at 1 %, about 1 % are false.
    """
    from scipy.stats import false_discovery_control

    return [float(p) for p in false_discovery_control(probabilities)] if probabilities else []


def _quantile(freedom: int, probability: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))


def _tail(freedom: int, value: float) -> float:
    from scipy.special import stdtr

    return float(stdtr(freedom, -value))
