"""Faster, slower, the same, or cannot tell: what the samples of two rivals allow to be said.

A difference is one if it is beyond what the machine's noise alone can do, and if chance would make
so large a one in fewer than one of a hundred identical pairs. Whoever makes many comparisons at once
is held to that for all of them together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, log1p
from typing import Literal

from .stats import Estimate, Pass, adjusted, paired_estimate, paired_ratio

Word = Literal["faster", "slower", "same", "cannot tell"]

SIGNIFICANCE = 0.01
"""How many of the differences that are reported may be none."""

LEAST_MARGIN = 0.005
"""A difference of less than half a percent is never called one: compilers and linkers make as much."""

PRECISION = 0.01


@dataclass(frozen=True)
class Decision:
    """How the time of one rival compares with that of another.

    `ratio` is its time over the other's, between `low` and `high` at 95 %. A difference of up to
    `margin` is noise; the smallest slow-down that would have been seen in 95 of 100 cases is
    `detectable`, as a share. `p` is the probability of so large a difference where there is none.
    """

    word: Word
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float = LEAST_MARGIN
    detectable: float | None = None
    p: float | None = None


def noise_floor(passes: Sequence[Pass], twin: Sequence[Pass]) -> float:
    """Return how far two identical rivals were apart, as a share, and at least `LEAST_MARGIN`."""
    estimate = paired_estimate(twin, passes)
    return LEAST_MARGIN if estimate is None else max(LEAST_MARGIN, exp(abs(estimate.mean)) - 1)


def decide(
    passes: Sequence[Pass],
    baseline: Sequence[Pass],
    *,
    margin: float = LEAST_MARGIN,
    precision: float = PRECISION,
) -> Decision:
    """Return how a rival compares with a baseline that was timed in the same rounds.

    Without three processes each there is a ratio and no interval, and so nothing can be told.
    """
    estimate = paired_estimate(passes, baseline)
    if estimate is None:
        return Decision("cannot tell", paired_ratio(passes, baseline), margin=margin)
    p = estimate.p_beyond(log1p(margin))
    low, high = estimate.interval()
    return Decision(
        _word(estimate, p, margin, 2 * precision),
        estimate.ratio,
        low,
        high,
        margin,
        exp(estimate.detectable(log1p(margin), SIGNIFICANCE)) - 1,
        p,
    )


def all_told(decisions: Mapping[object, Decision]) -> dict[object, Decision]:
    """Return decisions made together, so that of all differences reported about one in a hundred is none.

    What is only found when it is asked alone becomes something that cannot be told.
    """
    tested = {key: one.p for key, one in decisions.items() if one.p is not None}
    known = dict(zip(tested, adjusted(list(tested.values())), strict=True))
    return {
        key: replace(one, word="cannot tell")
        if one.word in ("faster", "slower") and known[key] > SIGNIFICANCE
        else one
        for key, one in decisions.items()
    }


def _word(estimate: Estimate, p: float, margin: float, alike: float) -> Word:
    """Return the decision; noise may hide a difference, and is no reason to call two the same."""
    if p <= SIGNIFICANCE:
        return "slower" if estimate.mean > 0 else "faster"
    is_same = abs(estimate.mean) + estimate.half_width() <= log1p(alike) and margin <= alike
    return "same" if is_same else "cannot tell"
