"""Estimates: which samples are paired, how generations count, and intervals equal to SciPy's."""

from collections.abc import Sequence
from math import exp, inf, log, sqrt
from random import Random
from statistics import fmean

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from convharness.measure.stats import (
    Estimate,
    Pass,
    adjusted,
    over_processes,
    paired_estimate,
    paired_logarithms,
    paired_ratio,
    typical_time,
)

LUCK = [0.010, 0.024, -0.003, 0.041, 0.018]
"""Logarithms of ratios of five processes."""


def passes_of(*samples: Sequence[float], generations: int = 100) -> list[Pass]:
    """Return passes with these samples, in `generations` generations in turn."""
    return [(number % generations, one) for number, one in enumerate(samples)]


def spread(values: Sequence[float]) -> list[tuple[int, float]]:
    """Return one value for each generation."""
    return list(enumerate(values))


def drawn(seed: int, passes: int = 6, rounds: int = 5) -> list[Pass]:
    """Return random samples around 1 s."""
    random = Random(seed)
    return passes_of(
        *([exp(random.gauss(0, 0.05)) for _ in range(rounds)] for _ in range(passes)), generations=3
    )


# Pairing


def test_a_ratio_is_taken_within_rounds() -> None:
    """A ratio is taken within rounds, so that a drift of the machine cancels."""
    drift = [1.0, 5.0, 2.0, 9.0, 3.0]
    passes = passes_of([2 * d for d in drift]), passes_of(drift)

    assert [(0, pytest.approx(log(2)))] == paired_logarithms(*passes)
    assert 2.0 == pytest.approx(paired_ratio(*passes))


def test_a_ratio_is_taken_within_passes() -> None:
    """A ratio is taken within passes: sample i of pass p belongs to sample i of pass p."""
    slow, fast = passes_of([2.0, 4.0], [30.0, 60.0]), passes_of([1.0, 2.0], [10.0, 20.0])

    assert [(0, pytest.approx(log(2))), (1, pytest.approx(log(3)))] == paired_logarithms(slow, fast)


def test_the_ratio_of_a_pass_is_the_median_of_its_rounds() -> None:
    """The ratio of a pass is the median of its rounds, which fewer than half disturbed do not change."""
    calm, disturbed = [2.0, 2.0, 2.0, 2.0, 2.0], [2.0, 900.0, 2.0, 0.001, 2.0]

    assert paired_logarithms(passes_of(calm), passes_of([1.0] * 5)) == paired_logarithms(
        passes_of(disturbed), passes_of([1.0] * 5)
    )


def test_only_common_rounds_count() -> None:
    """Only the rounds that both rivals have count, which are the first ones."""
    assert 2.0 == pytest.approx(paired_ratio(passes_of([2.0, 4.0]), passes_of([1.0, 2.0, 100.0])))


def test_only_common_passes_count() -> None:
    """Only the passes that both rivals have count, which are the first ones."""
    early, late = passes_of([2.0], [2.0]), passes_of([1.0], [1.0], [100.0])

    assert [0, 1] == [generation for generation, _ in paired_logarithms(early, late)]
    assert (2.0, 0.5) == (
        pytest.approx(paired_ratio(early, late)),
        pytest.approx(paired_ratio(late, early)),
    )


def test_passes_without_a_common_round_do_not_count() -> None:
    """A pass without a common round does not count, nor a sample of 0 s."""
    assert [(1, 0.0)] == paired_logarithms(passes_of([], [1.0, 0.0]), passes_of([1.0], [1.0, 1.0]))


def test_without_common_passes_there_is_no_ratio() -> None:
    """Rivals without a common pass have no ratio and no estimate."""
    assert (None, None) == (paired_ratio([], passes_of([1.0])), paired_estimate([], passes_of([1.0])))


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_ratio_is_the_same_in_both_directions(one: int, other: int) -> None:
    """A ratio in the other direction is the inverse, with the same error and probability."""
    a, b = drawn(one, rounds=4), drawn(other, rounds=4)
    there, back = paired_estimate(a, b), paired_estimate(b, a)

    assert there is not None
    assert back is not None
    assert (pytest.approx(-back.mean, abs=1e-12), pytest.approx(back.error)) == (there.mean, there.error)
    assert tuple(pytest.approx(1 / bound) for bound in back.interval()[::-1]) == there.interval()
    assert pytest.approx(back.p_beyond(0.01)) == there.p_beyond(0.01)


@given(st.integers(0, 10**6), st.floats(0.1, 10.0))
def test_a_ratio_is_proportional_to_the_times_of_a_rival(seed: int, times: float) -> None:
    """A rival whose times are multiplied has a ratio multiplied by the same factor, with the same error."""
    a, b = drawn(seed), drawn(seed + 1)
    longer = [(generation, [times * sample for sample in one]) for generation, one in a]
    before, after = paired_estimate(a, b), paired_estimate(longer, b)

    assert before is not None
    assert after is not None
    assert (pytest.approx(times * before.ratio), pytest.approx(before.error)) == (after.ratio, after.error)


@given(st.integers(0, 10**6), st.integers(0, 5), st.integers(0, 4), st.floats(1.0, 10.0))
def test_no_sample_that_gets_slower_makes_its_rival_faster(
    seed: int, number: int, turn: int, times: float
) -> None:
    """A ratio and a typical time do not fall if any sample becomes slower."""
    a, b = drawn(seed), drawn(seed + 1)
    slower = [(generation, list(one)) for generation, one in a]
    slower[number][1][turn] *= times

    assert (paired_ratio(a, b) or inf) <= (paired_ratio(slower, b) or 0.0) * (1 + 1e-12)
    assert typical_time(a)[0] <= typical_time(slower)[0]


# Generations


def test_the_passes_of_one_generation_count_once() -> None:
    """The passes of one generation count as one observation, by their mean."""
    values = [0.01, 0.03, 0.02, 0.03, 0.05, 0.02]
    means = [0.02, 0.04, 0.02]
    found = over_processes([(number % 3, value) for number, value in enumerate(values)])

    assert found is not None
    assert (2, pytest.approx(fmean(means))) == (found.freedom, found.mean)
    assert pytest.approx(scipy.stats.sem(means)) == found.error
    assert over_processes(spread(means)) == Estimate(
        pytest.approx(found.mean), pytest.approx(found.error), found.freedom
    )


def test_a_generation_with_more_passes_weighs_no_more() -> None:
    """A generation with more passes has the same weight as the others."""
    found = over_processes([(0, 0.0), (0, 0.0), (0, 0.0), (1, 0.3), (2, 0.6)])

    assert found is not None
    assert pytest.approx(0.3) == found.mean


@pytest.mark.parametrize("kin", [[], [0], [0, 1], [0, 0, 0, 0], [0, 1, 0, 1, 0, 1]])
def test_fewer_than_three_generations_give_no_estimate(kin: list[int]) -> None:
    """Fewer than three generations give no estimate, with any number of passes."""
    values = [(number, 0.01 * place) for place, number in enumerate(kin)]

    assert None is over_processes(values)
    assert None is paired_estimate([(number, [1.0]) for number in kin], [(number, [1.0]) for number in kin])


def test_without_an_interval_the_ratio_is_that_of_all_passes() -> None:
    """A ratio without an interval is the geometric mean over all passes."""
    assert 2.0 == pytest.approx(paired_ratio(passes_of([1.0], [4.0]), passes_of([1.0], [1.0])))


def test_a_standard_error_has_a_lower_limit() -> None:
    """A standard error is at least 0.0005, even of equal processes."""
    found = over_processes(spread([0.01] * 9))

    assert found is not None
    assert 5e-4 == found.error


TEN = [*LUCK, 0.007, 0.031, -0.012, 0.015, 0.022]


@pytest.mark.parametrize("count", [8, 9, 10])
def test_the_mean_of_eight_processes_or_more_is_trimmed(count: int) -> None:
    """The estimate of eight or more processes leaves out the extremes, as SciPy's trimmed mean does."""
    values, share = TEN[:count], 1 / count
    found = over_processes(spread(values))
    low, high = scipy.stats.mstats.trimmed_mean_ci(np.array(values), limits=(share, share), alpha=0.05)

    assert found is not None
    assert (count - 3, pytest.approx(scipy.stats.trim_mean(values, share))) == (found.freedom, found.mean)
    assert (pytest.approx(exp(low)), pytest.approx(exp(high))) == found.interval()


def test_the_mean_of_seven_processes_is_not_trimmed() -> None:
    """The estimate of seven processes is that of SciPy's t-test."""
    found = over_processes(spread(TEN[:7]))
    low, high = scipy.stats.ttest_1samp(TEN[:7], 0).confidence_interval(0.95)

    assert found is not None
    assert (pytest.approx(exp(low)), pytest.approx(exp(high))) == found.interval()


@pytest.mark.parametrize("place", [TEN.index(min(TEN)), TEN.index(max(TEN))])
def test_one_outlying_process_of_ten_does_not_change_the_estimate(place: int) -> None:
    """One process of ten that is an extreme does not change the estimate by moving farther out."""
    values = list(TEN)
    values[place] *= 100

    assert over_processes(spread(TEN)) == over_processes(spread(values))


# Intervals


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
def test_an_interval_is_student_s(confidence: float) -> None:
    """The interval of five processes is Student's, as in SciPy."""
    found = over_processes(spread(LUCK))
    low, high = scipy.stats.ttest_1samp(LUCK, 0).confidence_interval(confidence)

    assert found is not None
    assert (4, pytest.approx(exp(fmean(LUCK)))) == (found.freedom, found.ratio)
    assert (pytest.approx(exp(low)), pytest.approx(exp(high))) == found.interval(confidence)
    assert pytest.approx((high - low) / 2) == found.half_width(confidence)


@pytest.mark.parametrize("shift", [0.0, 0.02, -0.05, -0.018])
def test_the_probability_of_no_difference_is_the_t_test_s(shift: float) -> None:
    """The probability of no difference without a margin is that of SciPy's t-test."""
    values = [value + shift for value in LUCK]
    found = over_processes(spread(values))

    assert found is not None
    assert pytest.approx(scipy.stats.ttest_1samp(values, 0).pvalue) == found.p_beyond(0.0)


@pytest.mark.parametrize("mean", [0.03, -0.03, 0.004])
def test_the_probability_at_the_edge_of_a_margin_is_that_of_both_sides(mean: float) -> None:
    """The probability with a margin is that of both tails, for a true mean at the margin's edge."""
    margin, error = 0.005, 0.004
    t = scipy.stats.t(4)
    beyond = t.sf((abs(mean) - margin) / error) + t.cdf((-abs(mean) - margin) / error)

    assert pytest.approx(beyond) == Estimate(mean, error, 4).p_beyond(margin)


def test_a_wider_margin_makes_every_difference_more_probable() -> None:
    """A wider margin gives a higher probability, up to 1."""
    found = [Estimate(0.02, 0.004, 4).p_beyond(margin) for margin in (0.0, 0.005, 0.01, 0.02, 0.04)]

    assert sorted(found) == found
    assert 1.0 == Estimate(0.0, 0.004, 4).p_beyond(0.04)


def test_a_larger_difference_is_less_probable() -> None:
    """A larger difference in either direction has a lower probability."""
    for sign in (1, -1):
        found = [Estimate(sign * mean, 0.004, 4).p_beyond(0.005) for mean in (0.0, 0.005, 0.01, 0.02, 0.04)]
        assert sorted(found, reverse=True) == found


def test_the_critical_difference_has_the_probability_of_significance() -> None:
    """The critical value of the t-test has the probability of the significance level."""
    error, significance = 0.004, 0.01
    edge = scipy.stats.t.ppf(1 - significance / 2, 4) * error

    assert pytest.approx(significance) == Estimate(edge, error, 4).p_beyond(0.0)


@pytest.mark.parametrize(("processes", "power"), [(3, 0.95), (5, 0.95), (10, 0.95), (5, 0.8)])
def test_the_detectable_difference_is_that_of_the_noncentral_t(processes: int, power: float) -> None:
    """The detectable difference is that of the noncentral t distribution, plus the margin."""
    freedom, error, significance = processes - 1, 0.004, 0.01
    estimate = Estimate(0.0, error, freedom)
    there = estimate.detectable(0.0, significance, power) / error
    edge = scipy.stats.t.ppf(1 - significance / 2, freedom)

    assert pytest.approx(power, abs=1e-6) == scipy.stats.nct.sf(edge, freedom, there)
    assert pytest.approx(there * error + 0.005) == estimate.detectable(0.005, significance, power)


@pytest.mark.parametrize("margin", [0.0, 0.005, 0.02])
def test_a_detectable_difference_is_found_in_95_of_100(margin: float) -> None:
    """A detectable difference is found in 1900 of 2000 draws, within four binomial deviations of 9.7."""
    random, error = Random(11), 0.01
    there = Estimate(0.0, error, 4).detectable(margin, 0.01)
    found = 0
    for _ in range(2000):
        estimate = over_processes(spread([random.gauss(there, sqrt(5) * error) for _ in range(5)]))
        assert estimate is not None
        found += estimate.p_beyond(margin) <= 0.01

    assert found >= 1900 - 4 * sqrt(2000 * 0.95 * 0.05)


# Typical times


@pytest.mark.parametrize(
    ("samples", "expected"),
    [([2.0], (2.0, 2.0, 2.0)), ([3.0, 1.0, 2.0], (2.0, 1.0, 3.0)), ([1.0, 2.0, 3.0, 4.0], (2.5, 1.0, 4.0))],
)
def test_the_interval_of_few_samples_is_their_range(
    samples: list[float], expected: tuple[float, float, float]
) -> None:
    """Fewer than six samples of one process have their range as interval, since 95 % needs six."""
    assert expected == typical_time(passes_of(samples))


@pytest.mark.parametrize(("count", "low", "high"), [(6, 1, 6), (10, 2, 9), (20, 6, 15)])
def test_the_interval_within_a_process_is_of_order_statistics(count: int, low: int, high: int) -> None:
    """The interval of samples of one process has the ranks of the sign test's tables."""
    samples = [float(i) for i in range(count, 0, -1)]

    assert ((count + 1) / 2, low, high) == typical_time(passes_of(samples))


def test_the_interval_of_a_time_is_over_processes() -> None:
    """The interval of a time is Student's over the logarithms of the passes' medians."""
    passes = passes_of([1.0, 1.0, 9.0], [1.1, 1.1], [1.2], [1.05, 1.05], [0.9])
    low, high = scipy.stats.ttest_1samp(np.log([1.0, 1.1, 1.2, 1.05, 0.9]), 0).confidence_interval(0.95)

    assert (1.05, pytest.approx(exp(low)), pytest.approx(exp(high))) == typical_time(passes)


def test_a_pass_without_a_sample_does_not_count() -> None:
    """A pass without a sample does not change the typical time."""
    assert typical_time(passes_of([1.0, 2.0], [3.0])) == typical_time([(0, [1.0, 2.0]), (1, []), (2, [3.0])])


def test_an_interval_encloses_its_time() -> None:
    """An interval holds its time, even if most samples are of an unusual process."""
    middle, low, high = typical_time(passes_of([9.0] * 9, [1.0], [1.0], [1.0], [1.0]))

    assert (9.0, 9.0) == (middle, high)
    assert low < 9.0


def test_an_outlier_does_not_change_the_typical_time() -> None:
    """An outlier does not change the typical time by moving farther out."""
    samples = [float(i) for i in range(1, 21)]

    assert typical_time(passes_of(samples)) == typical_time(passes_of([*samples[:-1], 1e9]))


# Many comparisons


def test_probabilities_are_adjusted_as_by_benjamini_and_hochberg() -> None:
    """Probabilities are multiplied by their number over their rank, each at most the next one."""
    assert [pytest.approx(p) for p in (0.04, 0.04, 0.04, 0.5)] == adjusted([0.01, 0.02, 0.03, 0.5])
    assert [pytest.approx(p) for p in (0.5, 0.04, 0.06)] == adjusted([0.5, 0.04 / 3, 0.04])


def test_a_single_probability_is_not_adjusted() -> None:
    """A single probability is not changed by adjusting, and an empty list stays empty."""
    assert ([0.03], []) == (adjusted([0.03]), adjusted([]))


@pytest.mark.parametrize("count", [5, 10])
def test_intervals_hold_the_true_value_as_often_as_stated(count: int) -> None:
    """Of 2000 intervals at 95 %, over processes and their copies, 95 % hold the true value.

    The count is 1900 ± 9.7 binomially, and may differ by four deviations.
    """
    random = Random(7)
    held = 0
    for _ in range(2000):
        luck = [random.gauss(0.0, 0.03) for _ in range(count)]
        found = over_processes(
            [(number % count, luck[number % count] + random.gauss(0, 0.01)) for number in range(2 * count)]
        )
        assert found is not None
        low, high = found.interval()
        held += low <= 1.0 <= high

    assert abs(held - 1900) <= 4 * sqrt(2000 * 0.95 * 0.05)


def test_intervals_that_count_each_copy_are_too_narrow() -> None:
    """Intervals that count each pass by itself, without generations, hold the true value too rarely."""
    random = Random(7)
    held = 0
    for _ in range(500):
        luck = [random.gauss(0.0, 0.03) for _ in range(5)]
        values = [luck[number % 5] + random.gauss(0, 0.01) for number in range(20)]
        found = over_processes(spread(values))
        assert found is not None
        low, high = found.interval()
        held += low <= 1.0 <= high

    assert held < 400
