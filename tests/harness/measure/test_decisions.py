"""Faster, slower, the same, or cannot tell: when each is said, and how often that is mistaken."""

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
    """Return passes that take so much longer than the baseline, and have so many times the luck."""
    return [(generation, [(1 + share) * exp(times * one)] * ROUNDS) for generation, one in enumerate(luck)]


# The four words


@pytest.mark.parametrize(
    ("share", "times", "word"),
    [
        (0.05, 1.0, "slower"),
        (-0.05, 1.0, "faster"),
        (0.0, 1.0, "same"),
        (0.0, 0.0, "same"),
        (0.0, 20.0, "cannot tell"),  # it may be one or the other
        (0.05, 20.0, "cannot tell"),
        (0.004, 1.0, "same"),  # of less than the margin nothing is said
        (-0.004, 1.0, "same"),
        (0.007, 1.0, "same"),  # a little beyond it, and not surely so
        (0.02, 6.0, "cannot tell"),  # more than twice the precision is possible, and so is nothing
    ],
)
def test_a_word_follows_from_the_difference_and_from_the_luck_of_processes(
    share: float, times: float, word: str
) -> None:
    """Large and sure, small and sure, or neither."""
    assert word == decide(slower_by(share, times), BASELINE).word


def test_a_decision_says_what_it_rests_on() -> None:
    """The ratio, its interval at 95 %, and the probability of so much where there is nothing: SciPy's own."""
    logarithms = [log(1.05) + one for one in LUCK]
    found = decide(slower_by(0.05), BASELINE, margin=0.01)
    low, high = scipy.stats.ttest_1samp(logarithms, 0).confidence_interval(0.95)
    t, error, edge = scipy.stats.t(4), scipy.stats.sem(logarithms), log(1.01)
    beyond = (fmean(logarithms) - edge) / error

    assert ("slower", 0.01, pytest.approx(1.05)) == (found.word, found.margin, found.ratio)
    assert (pytest.approx(exp(low)), pytest.approx(exp(high))) == (found.low, found.high)
    assert pytest.approx(t.sf(beyond) + t.sf(beyond + 2 * edge / error)) == found.p


def test_what_is_detectable_would_have_been_found() -> None:
    """The smallest slow-down that 95 of 100 such measurements find: one standard error decides."""
    error = scipy.stats.sem(LUCK)
    found = decide(slower_by(0.0), BASELINE, margin=0.01)
    there = (log(1 + (found.detectable or 0.0)) - log(1.01)) / error

    assert pytest.approx(0.95) == scipy.stats.nct.sf(scipy.stats.t.ppf(0.995, 4), 4, there)


@pytest.mark.parametrize("share", [0.03, -0.03])
@pytest.mark.parametrize("times", [0.5, 1.0, 4.0, 20.0])
def test_a_decision_is_the_same_from_either_side(share: float, times: float) -> None:
    """Who is slower than another has one that is faster than it, as surely."""
    mirrored = {"faster": "slower", "slower": "faster"}
    there, back = (
        decide(slower_by(share, times), BASELINE),
        decide(BASELINE, slower_by(share, times)),
    )

    assert mirrored.get(there.word, there.word) == back.word
    assert (pytest.approx(1 / (there.ratio or 0)), pytest.approx(there.p)) == (back.ratio, back.p)


@pytest.mark.parametrize("generations", [[0], [0, 1], [0, 1, 0, 1, 0, 1]])
def test_of_fewer_than_three_generations_nothing_is_told_but_a_ratio(generations: list[int]) -> None:
    """However large it is: there is no interval, no probability, and no smallest effect."""
    slow, fast = ([(one, [seconds] * ROUNDS) for one in generations] for seconds in (3.0, 1.0))

    assert Decision("cannot tell", pytest.approx(3.0)) == decide(slow, fast)


def test_who_was_never_timed_together_has_no_ratio() -> None:
    """None is not one."""
    assert Decision("cannot tell", margin=0.02) == decide([], BASELINE, margin=0.02)


# The margin


@pytest.mark.parametrize(
    ("apart", "margin"), [(0.0, LEAST_MARGIN), (0.004, LEAST_MARGIN), (0.02, 0.02), (-0.02, 1 / 0.98 - 1)]
)
def test_the_noise_floor_is_how_far_twins_are_apart(apart: float, margin: float) -> None:
    """In either direction, and at least half a percent."""
    assert pytest.approx(margin) == noise_floor(BASELINE, slower_by(apart))


@pytest.mark.parametrize("passes", [[], BASELINE[:2]])
def test_without_a_twin_the_noise_floor_is_the_least(passes: list[Pass]) -> None:
    """Two processes of it say nothing."""
    assert LEAST_MARGIN == noise_floor(BASELINE, passes)


@pytest.mark.parametrize(("margin", "word"), [(LEAST_MARGIN, "slower"), (0.03, "cannot tell")])
def test_a_difference_within_the_noise_floor_is_none(margin: float, word: str) -> None:
    """Of 2 % where twins are 3 % apart: nothing can be told."""
    assert word == decide(slower_by(0.02), BASELINE, margin=margin).word


@pytest.mark.parametrize(
    ("share", "precision", "margin", "word"),
    [
        (0.006, PRECISION, LEAST_MARGIN, "same"),  # all of the interval is within twice the precision
        (0.006, 0.002, LEAST_MARGIN, "cannot tell"),
        (0.006, 0.002, 0.009, "cannot tell"),  # noise is no reason to call two the same
        (0.006, PRECISION, 0.021, "cannot tell"),  # twins are farther apart than what is called the same
        (0.019, PRECISION, 0.018, "cannot tell"),  # not all of it
    ],
)
def test_the_same_is_what_lies_within_twice_the_precision(
    share: float, precision: float, margin: float, word: str
) -> None:
    """With all of its interval: what could be more is not called the same."""
    assert word == decide(slower_by(share), BASELINE, margin=margin, precision=precision).word


# Many at once

SURE = Decision("slower", 1.1, 1.05, 1.15, p=1e-5)
LONE = Decision("faster", 0.9, 0.8, 0.99, p=0.009)
NONE = Decision("same", 1.0, 0.99, 1.01, p=0.6)
UNKNOWN = Decision("cannot tell", 1.3)


def test_a_lone_finding_among_many_comparisons_cannot_be_told() -> None:
    """Asked alone it is one: among ten, one of a hundred would come up too often."""
    assert {"a": LONE} == all_told({"a": LONE})
    assert {"a": replace(LONE, word="cannot tell"), **dict.fromkeys(range(9), NONE)} == all_told(
        {"a": LONE, **dict.fromkeys(range(9), NONE)}
    )


def test_what_is_sure_stays_among_many_comparisons() -> None:
    """And takes others with it: of findings that are all at 0.9 % few can be false."""
    many = {"a": SURE, **dict.fromkeys(range(9), NONE)}
    findings = dict.fromkeys(range(10), LONE)

    assert (many, findings) == (all_told(many), all_told(findings))


def test_what_is_no_finding_is_left_as_it_is() -> None:
    """Without a probability it is not counted among the tests."""
    told = {"a": LONE, **{f"u{number}": UNKNOWN for number in range(9)}}

    assert told == all_told(told)
    assert {} == all_told({})


# How often it is mistaken


def measured(random: Random, share: float, luck: float, noise: float, generations: int = 5) -> list[Pass]:
    """Return passes with a luck of their process's and noise of their samples, so much slower."""
    lucks = [random.gauss(log(1 + share), luck) for _ in range(generations)]
    return [
        (generation, [exp(one + random.gauss(0, noise)) for _ in range(ROUNDS)])
        for generation, one in enumerate(lucks)
    ]


def found_of(pairs: int, luck: float, noise: float, *, generations: int = 5, margin: bool, seed: int) -> int:
    """Return in how many identical pairs a difference is found, with a noise floor of twins or with none."""
    random = Random(seed)
    found = 0
    for _ in range(pairs):
        one, other, twin = (measured(random, 0.0, luck, noise, generations) for _ in range(3))
        floor = noise_floor(other, twin) if margin else 0.0
        found += decide(one, other, margin=floor).word in ("faster", "slower")
    return found


@pytest.mark.parametrize("generations", [5, 10])
@pytest.mark.parametrize(("luck", "noise"), [(0.0, 0.005), (0.01, 0.005), (0.03, 0.0), (0.02, 0.05)])
def test_identical_pairs_are_declared_different_in_at_most_one_of_a_hundred(
    luck: float, noise: float, generations: int
) -> None:
    """Of 1000 pairs at most 23: at a true rate of 1 %, binomially, more are found by 1 of 5000 such tests."""
    bound = int(scipy.stats.binom.isf(1 / 5000, 1000, SIGNIFICANCE))

    assert 23 == bound
    assert found_of(1000, luck, noise, generations=generations, margin=True, seed=5) <= bound


def test_without_a_margin_it_is_one_of_a_hundred() -> None:
    """Neither more nor much less: 30 of 3000, within four binomial standard deviations of 5.4."""
    found = found_of(3000, 0.02, 0.01, margin=False, seed=6)

    assert abs(found - 30) <= 4 * sqrt(3000 * 0.01 * 0.99)


def test_planted_differences_of_5_percent_are_found() -> None:
    """Where processes differ by 0.5 %, each of 300, and in its own direction."""
    random = Random(8)
    words = []
    for share in (0.05, -0.05):
        for _ in range(150):
            one, other, twin = (measured(random, planted, 0.005, 0.005) for planted in (share, 0.0, 0.0))
            words.append(decide(one, other, margin=noise_floor(other, twin)).word)

    assert ["slower"] * 150 + ["faster"] * 150 == words


def test_of_many_findings_one_in_a_hundred_is_none() -> None:
    """Of 40 comparisons with 20 differences, asked 50 times: 1000 found, and at most 23 too many."""
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
        told = all_told(decisions)
        assert ["slower"] * 20 == [told[number].word for number in range(20)]
        false += sum(told[number].word in ("faster", "slower") for number in range(20, 40))

    assert false <= int(scipy.stats.binom.isf(1 / 5000, 1000, SIGNIFICANCE))
