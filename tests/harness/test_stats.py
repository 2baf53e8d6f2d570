"""Estimates: medians with intervals, and ratios of paired rounds."""

import pytest

from convharness.stats import median_interval, paired_ratio


@pytest.mark.parametrize(
    ("samples", "expected"),
    [([2.0], (2.0, 2.0, 2.0)), ([3.0, 1.0, 2.0], (2.0, 1.0, 3.0)), ([1.0, 2.0, 3.0, 4.0], (2.5, 1.0, 4.0))],
)
def test_few_samples_span_their_interval(samples: list[float], expected: tuple[float, float, float]) -> None:
    """Fewer than six cannot have an interval of 95 %."""
    assert expected == median_interval(samples)


@pytest.mark.parametrize(("count", "low", "high"), [(6, 1, 6), (10, 2, 9), (20, 6, 15)])
def test_an_interval_is_of_order_statistics(count: int, low: int, high: int) -> None:
    """The ranks are those of the tables of the sign test."""
    samples = [float(i) for i in range(count, 0, -1)]

    assert ((count + 1) / 2, low, high) == median_interval(samples)


def test_an_outlier_moves_nothing() -> None:
    """A median does not care how far a far sample is."""
    samples = [float(i) for i in range(1, 21)]

    assert median_interval(samples) == median_interval([*samples[:-1], 1e9])


def test_a_ratio_is_taken_within_rounds() -> None:
    """What both saw of the machine's drift cancels."""
    drift = [1.0, 5.0, 2.0, 9.0, 3.0]

    assert 2.0 == pytest.approx(paired_ratio([2 * d for d in drift], drift))


def test_a_ratio_is_the_same_in_both_directions() -> None:
    """One is the other's inverse, even of an even number of rounds."""
    a, b = [1.0, 2.0, 3.0, 5.0], [2.0, 1.0, 4.0, 4.0]

    assert 1.0 == pytest.approx(paired_ratio(a, b) * paired_ratio(b, a))


def test_only_common_rounds_count() -> None:
    """Who was slow has fewer rounds, and they are the first ones."""
    assert 2.0 == pytest.approx(paired_ratio([2.0, 4.0], [1.0, 2.0, 100.0]))
