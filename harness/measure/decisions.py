"""Faster, slower, the same, or cannot tell: what the samples of two rivals allow to be said.

A difference is reported if it exceeds what the machine's noise alone can cause, and if chance would
cause as large a difference in fewer than one of a hundred identical pairs. For many comparisons made
at once that holds for all of them together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, log1p
from typing import Literal

from .stats import Estimate, Pass, adjusted, paired_estimate, paired_ratio

Word = Literal["faster", "slower", "same", "cannot tell"]

SIGNIFICANCE = 0.01
"""The share of reported differences that may be false."""

LEAST_MARGIN = 0.005
"""A difference below half a percent is never reported: the placement of code by compilers and linkers
alone causes as much."""

PRECISION = 0.01


@dataclass(frozen=True)
class Decision:
    """How the time of one rival compares with that of another.

    `ratio` is its time over the other's, between `low` and `high` at 95 %. A difference of up to
    `margin` is noise; the smallest slow-down that would have been detected in 95 of 100 cases is
    `detectable`, as a share. `p` is the probability of at least this difference between identical rivals.
    """

    word: Word
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float = LEAST_MARGIN
    detectable: float | None = None
    p: float | None = None


def noise_floor(passes: Sequence[Pass], control: Sequence[Pass]) -> float:
    """Return how far a rival and its A/A control were apart, as a share, and at least `LEAST_MARGIN`."""
    estimate = paired_estimate(control, passes)
    return LEAST_MARGIN if estimate is None else max(LEAST_MARGIN, exp(abs(estimate.mean)) - 1)


def decide(
    passes: Sequence[Pass],
    baseline: Sequence[Pass],
    *,
    margin: float = LEAST_MARGIN,
    precision: float = PRECISION,
) -> Decision:
    """Return how a rival compares with a baseline that was timed in the same rounds.

    Fewer than three processes each give a ratio without an interval, so the answer is "cannot tell".
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
    """Return decisions made together, so that about one in a hundred reported differences is false.

    A difference that is significant only on its own becomes "cannot tell".
    """
    tested = {key: decision.p for key, decision in decisions.items() if decision.p is not None}
    together = dict(zip(tested, adjusted(list(tested.values())), strict=True))
    return {
        key: replace(decision, word="cannot tell")
        if decision.word in ("faster", "slower") and together[key] > SIGNIFICANCE
        else decision
        for key, decision in decisions.items()
    }


def _word(estimate: Estimate, p: float, margin: float, alike: float) -> Word:
    """Return the decision; where noise could hide a difference, two rivals are not called the same."""
    if p <= SIGNIFICANCE:
        return "slower" if estimate.mean > 0 else "faster"
    is_same = abs(estimate.mean) + estimate.half_width() <= log1p(alike) and margin <= alike
    return "same" if is_same else "cannot tell"
