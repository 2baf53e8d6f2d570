"""Decisions: when each word is used, and how often it is wrong."""

from collections.abc import Sequence
from dataclasses import replace
from math import exp, log, sqrt
from random import Random
from statistics import fmean

import pytest
import scipy.stats

from convharness.measure.decisions import (
    LEAST_MARGIN,
    PRECISION,
    SIGNIFICANCE,
    Decision,
    all_told,
    decide,
    noise_floor,
)
from convharness.measure.stats import Pass

ROUNDS = 8
BASELINE = [(generation, [1.0] * ROUNDS) for generation in range(5)]
LUCK = (0.001, -0.001, 0.002, -0.002, 0.0)
"""What processes add to the logarithm of a ratio: 0 on average, with a standard error of 0.0007."""


def slower_by(share: float, times: float = 1.0, luck: Sequence[float] = LUCK) -> list[Pass]:
    """Return passes slower than the baseline by `share`, with `times` the usual luck of processes."""
    return [(generation, [(1 + share) * exp(times * one)] * ROUNDS) for generation, one in enumerate(luck)]


# The four decisions


@pytest.mark.parametrize(
    ("share", "times", "word"),
    [
        (0.05, 1.0, "slower"),
        (-0.05, 1.0, "faster"),
        (0.0, 1.0, "same"),
        (0.0, 0.0, "same"),
        (0.0, 20.0, "cannot tell"),  # the interval holds both sides
        (0.05, 20.0, "cannot tell"),
        (0.004, 1.0, "same"),  # less than the margin
        (-0.004, 1.0, "same"),
        (0.007, 1.0, "same"),  # a little beyond the margin, and not significant
        (0.02, 6.0, "cannot tell"),  # the interval reaches from nothing to more than twice the precision
    ],
)
def test_a_decision_follows_from_the_difference_and_the_spread_of_processes(
    share: float, times: float, word: str
) -> None:
    """A difference is decided if it is large and significant, or surely small, and not otherwise."""
    assert word == decide(slower_by(share, times), BASELINE).word


def test_a_decision_has_its_ratio_interval_and_probability() -> None:
    """A decision has its ratio, the interval at 95 % and the probability, equal to SciPy's."""
    logarithms = [log(1.05) + one for one in LUCK]
    found = decide(slower_by(0.05), BASELINE, margin=0.01)
    low, high = scipy.stats.ttest_1samp(logarithms, 0).confidence_interval(0.95)
    t, error, edge = scipy.stats.t(4), scipy.stats.sem(logarithms), log(1.01)
    beyond = (fmean(logarithms) - edge) / error

    assert ("slower", 0.01, pytest.approx(1.05)) == (found.word, found.margin, found.ratio)
    assert (pytest.approx(exp(low)), pytest.approx(exp(high))) == (found.low, found.high)
    assert pytest.approx(t.sf(beyond) + t.sf(beyond + 2 * edge / error)) == found.p


def test_a_detectable_slow_down_is_found_in_95_of_100() -> None:
    """The detectable slow-down is that which 95 of 100 measurements find, by the noncentral t."""
    error = scipy.stats.sem(LUCK)
    found = decide(slower_by(0.0), BASELINE, margin=0.01)
    there = (log(1 + (found.detectable or 0.0)) - log(1.01)) / error

    assert pytest.approx(0.95) == scipy.stats.nct.sf(scipy.stats.t.ppf(0.995, 4), 4, there)


@pytest.mark.parametrize("share", [0.03, -0.03])
@pytest.mark.parametrize("times", [0.5, 1.0, 4.0, 20.0])
def test_a_decision_is_the_same_from_either_side(share: float, times: float) -> None:
    """A decision on two rivals in the other order is mirrored, with the same probability."""
    mirrored = {"faster": "slower", "slower": "faster"}
    there, back = (
        decide(slower_by(share, times), BASELINE),
        decide(BASELINE, slower_by(share, times)),
    )

    assert mirrored.get(there.word, there.word) == back.word
    assert (pytest.approx(1 / (there.ratio or 0)), pytest.approx(there.p)) == (back.ratio, back.p)


@pytest.mark.parametrize("generations", [[0], [0, 1], [0, 1, 0, 1, 0, 1]])
def test_fewer_than_three_generations_give_a_ratio_alone(generations: list[int]) -> None:
    """Fewer than three generations give a ratio without interval, probability or detectable effect."""
    slow, fast = ([(one, [seconds] * ROUNDS) for one in generations] for seconds in (3.0, 1.0))

    assert Decision("cannot tell", pytest.approx(3.0)) == decide(slow, fast)


def test_rivals_never_timed_together_have_no_ratio() -> None:
    """Rivals without a common pass have no ratio."""
    assert Decision("cannot tell", margin=0.02) == decide([], BASELINE, margin=0.02)


# The margin


@pytest.mark.parametrize(
    ("apart", "margin"), [(0.0, LEAST_MARGIN), (0.004, LEAST_MARGIN), (0.02, 0.02), (-0.02, 1 / 0.98 - 1)]
)
def test_the_noise_floor_is_the_difference_of_the_control(apart: float, margin: float) -> None:
    """The noise floor is the difference of the A/A control in either direction, and at least 0.5 %."""
    assert pytest.approx(margin) == noise_floor(BASELINE, slower_by(apart))


@pytest.mark.parametrize("passes", [[], BASELINE[:2]])
def test_the_noise_floor_without_a_control_is_the_least(passes: list[Pass]) -> None:
    """The noise floor is the least one if the A/A control has fewer than three generations."""
    assert LEAST_MARGIN == noise_floor(BASELINE, passes)


@pytest.mark.parametrize(("margin", "word"), [(LEAST_MARGIN, "slower"), (0.03, "cannot tell")])
def test_a_difference_within_the_noise_floor_is_not_decided(margin: float, word: str) -> None:
    """A difference of 2 % is not decided with a noise floor of 3 %."""
    assert word == decide(slower_by(0.02), BASELINE, margin=margin).word


@pytest.mark.parametrize(
    ("share", "precision", "margin", "word"),
    [
        (0.006, PRECISION, LEAST_MARGIN, "same"),  # the whole interval is within twice the precision
        (0.006, 0.002, LEAST_MARGIN, "cannot tell"),
        (0.006, 0.002, 0.009, "cannot tell"),  # noise does not make two rivals the same
        (0.006, PRECISION, 0.021, "cannot tell"),  # the control differs by more than twice the precision
        (0.019, PRECISION, 0.018, "cannot tell"),  # not the whole interval is within it
    ],
)
def test_two_rivals_are_the_same_within_twice_the_precision(
    share: float, precision: float, margin: float, word: str
) -> None:
    """Two rivals are the same only if the whole interval is within twice the precision."""
    assert word == decide(slower_by(share), BASELINE, margin=margin, precision=precision).word


# Many comparisons

SURE = Decision("slower", 1.1, 1.05, 1.15, p=1e-5)
LONE = Decision("faster", 0.9, 0.8, 0.99, p=0.009)
NONE = Decision("same", 1.0, 0.99, 1.01, p=0.6)
UNKNOWN = Decision("cannot tell", 1.3)


def test_a_single_weak_finding_among_many_comparisons_is_not_decided() -> None:
    """A finding at 0.9 % is decided alone, and not as one of ten comparisons."""
    assert {"a": LONE} == all_told({"a": LONE})
    assert {"a": replace(LONE, word="cannot tell"), **dict.fromkeys(range(9), NONE)} == all_told(
        {"a": LONE, **dict.fromkeys(range(9), NONE)}
    )


def test_a_strong_finding_is_decided_among_many_comparisons() -> None:
    """A strong finding is decided among many comparisons, as are many weak ones together."""
    many = {"a": SURE, **dict.fromkeys(range(9), NONE)}
    findings = dict.fromkeys(range(10), LONE)

    assert (many, findings) == (all_told(many), all_told(findings))


def test_a_comparison_without_a_probability_is_not_counted() -> None:
    """A comparison without a probability does not count among the tests."""
    decisions = {"a": LONE, **{f"u{number}": UNKNOWN for number in range(9)}}

    assert decisions == all_told(decisions)
    assert {} == all_told({})


# How often a decision is wrong


def measured(random: Random, share: float, luck: float, noise: float, generations: int = 5) -> list[Pass]:
    """Return passes slower by `share`, with deviations `luck` of processes and `noise` of samples."""
    lucks = [random.gauss(log(1 + share), luck) for _ in range(generations)]
    return [
        (generation, [exp(one + random.gauss(0, noise)) for _ in range(ROUNDS)])
        for generation, one in enumerate(lucks)
    ]


def found_of(pairs: int, luck: float, noise: float, *, generations: int = 5, margin: bool, seed: int) -> int:
    """Return in how many identical pairs a difference is found, with or without a noise floor."""
    random = Random(seed)
    found = 0
    for _ in range(pairs):
        one, other, twin = (measured(random, 0.0, luck, noise, generations) for _ in range(3))
        floor = noise_floor(other, twin) if margin else 0.0
        found += decide(one, other, margin=floor).word in ("faster", "slower")
    return found


@pytest.mark.parametrize("generations", [5, 10])
@pytest.mark.parametrize(("luck", "noise"), [(0.0, 0.005), (0.01, 0.005), (0.03, 0.0), (0.02, 0.05)])
def test_at_most_one_of_a_hundred_identical_pairs_is_found_different(
    luck: float, noise: float, generations: int
) -> None:
    """At most 23 of 1000 identical pairs are found different, which 1 % exceeds in 1 of 5000 tests."""
    bound = int(scipy.stats.binom.isf(1 / 5000, 1000, SIGNIFICANCE))

    assert 23 == bound
    assert found_of(1000, luck, noise, generations=generations, margin=True, seed=5) <= bound


def test_without_a_margin_one_of_a_hundred_identical_pairs_is_found() -> None:
    """Without a margin, 30 of 3000 identical pairs are found, within four binomial deviations of 5.4."""
    found = found_of(3000, 0.02, 0.01, margin=False, seed=6)

    assert abs(found - 30) <= 4 * sqrt(3000 * 0.01 * 0.99)


def test_planted_differences_of_5_percent_are_found() -> None:
    """A difference of 5 % is found in its direction in each of 300 pairs with a luck of 0.5 %."""
    random = Random(8)
    words = []
    for share in (0.05, -0.05):
        for _ in range(150):
            one, other, twin = (measured(random, planted, 0.005, 0.005) for planted in (share, 0.0, 0.0))
            words.append(decide(one, other, margin=noise_floor(other, twin)).word)

    assert ["slower"] * 150 + ["faster"] * 150 == words


def test_of_many_findings_one_in_a_hundred_is_false() -> None:
    """Of 1000 true findings in 50 sets of 40 comparisons, at most 23 false ones come beside them."""
    random = Random(9)
    false = 0
    for _ in range(50):
        decisions = {
            number: decide(
                measured(random, 0.5 if number < 20 else 0.0, 0.01, 0.01),
                measured(random, 0.0, 0.01, 0.01),
                margin=0.0,
            )
            for number in range(40)
        }
        adjusted = all_told(decisions)
        assert ["slower"] * 20 == [adjusted[number].word for number in range(20)]
        false += sum(adjusted[number].word in ("faster", "slower") for number in range(20, 40))

    assert false <= int(scipy.stats.binom.isf(1 / 5000, 1000, SIGNIFICANCE))
