"""What changed between two versions that were judged and timed side by side, from their records alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args

from ..errors import SelectionError, did_you_mean
from ..measure.decisions import LEAST_MARGIN, Decision, all_told, decide, noise_floor
from ..oracle.verdict import FAILURES
from ..runs.row import Row

Effect = Literal["wrong", "slower", "imprecise", "removed", "added", "repaired", "faster", "exact"]

REGRESSIONS: tuple[Effect, ...] = ("wrong", "slower", "imprecise")

_LEAST_ERROR_U = 0.25
"""Errors below a quarter of a rounding unit count as that: the rounding of a result is half a unit."""


class Judged(Protocol):
    """The columns of a record that a change is made of."""

    @property
    def problem(self) -> str | None:
        """Return the problem as a canonical string."""

    @property
    def status(self) -> str:
        """Return the status."""

    @property
    def reason(self) -> str | None:
        """Return why the status is not `passed`."""

    @property
    def error_u(self) -> float | None:
        """Return the largest error, in rounding units."""

    @property
    def time_median_s(self) -> float | None:
        """Return the median time of a call."""

    @property
    def reproduce(self) -> str | None:
        """Return the command that reproduces a failure."""


@dataclass(frozen=True)
class Thresholds:
    """The least changes that are reported: a slow-down by a share of the time, a multiple of the error.

    An edit of a file moves code in memory, which alone can make a kernel a few percent faster or slower.
    """

    slower: float = 0.05
    imprecise: float = 2.0


@dataclass(frozen=True)
class Change:
    """One implementation on one case, before and after; a side without a record is None.

    `decision` is on the time after over the time before, None where they were not timed side by side.
    """

    suite: str
    case: str
    implementation: str
    before: Judged | None
    after: Judged | None
    decision: Decision | None = None
    thresholds: Thresholds = field(default_factory=Thresholds)

    @property
    def effects(self) -> tuple[Effect, ...]:
        """Return the effects, the worst first; none where nothing has changed, or no change can be told."""
        before, after = _status(self.before), _status(self.after)
        if not _is_offered(before) and not _is_offered(after):
            return ()
        if not _is_offered(before):
            return ("wrong",) if after in FAILURES else ("added",)
        if not _is_offered(after):
            return ("removed",)
        if (before in FAILURES) != (after in FAILURES):
            return ("wrong",) if after in FAILURES else ("repaired",)
        return (*self._in_speed(), *self._in_error())

    def _in_speed(self) -> Iterable[Effect]:
        if self.decision is not None and self.decision.ratio is not None:
            least = 1 + self.thresholds.slower
            if self.decision.word == "slower" and self.decision.ratio >= least:
                yield "slower"
            elif self.decision.word == "faster" and self.decision.ratio <= 1 / least:
                yield "faster"

    def _in_error(self) -> Iterable[Effect]:
        ratio = self.error_ratio
        if ratio is not None and ratio >= self.thresholds.imprecise:
            yield "imprecise"
        elif ratio is not None and ratio <= 1 / self.thresholds.imprecise:
            yield "exact"

    @property
    def error_ratio(self) -> float | None:
        """Return the error after over the error before, each at least a quarter of a rounding unit."""
        errors = [None if row is None else row.error_u for row in (self.before, self.after)]
        if errors[0] is None or errors[1] is None:
            return None
        before, after = (max(float(error), _LEAST_ERROR_U) for error in errors if error is not None)
        return after / before

    def row(self) -> dict[str, Any]:
        """Return the change as flat columns."""
        decision = self.decision or Decision("cannot tell")
        return {
            "suite": self.suite,
            "case": self.case,
            "implementation": self.implementation,
            "effects": list(self.effects),
            "status_before": _status(self.before),
            "status_after": _status(self.after),
            "reason": self.after and self.after.reason,
            "error_before_u": self.before and self.before.error_u,
            "error_after_u": self.after and self.after.error_u,
            "error_ratio": self.error_ratio,
            "time_before_s": self.before and self.before.time_median_s,
            "time_after_s": self.after and self.after.time_median_s,
            "time_ratio": decision.ratio,
            "time_ratio_low": decision.low,
            "time_ratio_high": decision.high,
            "decision": None if self.decision is None else decision.word,
            "noise_floor": None if self.decision is None else decision.margin,
            "detectable": decision.detectable,
            "reproduce": self.after and self.after.reproduce,
        }


def changes(
    rows: Iterable[Row], before: str, after: str, thresholds: Thresholds | None = None
) -> list[Change]:
    """Return the change of every implementation and case, from the records of one run with both versions.

    `before` and `after` are the labels of the versions. All decisions are made together.
    """
    sides: dict[tuple[str, str, str], dict[str, Row]] = {}
    floors: dict[tuple[str, str], float] = {}
    for row in rows:
        own, _, label = row.implementation.rpartition("@")
        sides.setdefault((row.suite, row.case, own), {})[label] = row
        if row.twin:
            floors[row.suite, row.case] = noise_floor(row.timed_passes, row.twin)
    decided = all_told(
        {
            key: decide(
                both[after].timed_passes,
                both[before].timed_passes,
                margin=floors.get(key[:2], LEAST_MARGIN),
            )
            for key, both in sides.items()
            if all(label in both and both[label].samples_s for label in (before, after))
        }
    )
    return [
        Change(*key, both.get(before), both.get(after), decided.get(key), thresholds or Thresholds())
        for key, both in sides.items()
    ]


def _status(row: Judged | None) -> str | None:
    return None if row is None else row.status


def _is_offered(status: str | None) -> bool:
    return status not in (None, "unsupported", "unavailable")


@dataclass(frozen=True)
class Gate:
    """The effects that make a comparison fail, with their thresholds."""

    effects: tuple[Effect, ...]
    thresholds: Thresholds

    def stops(self, found: Iterable[Change]) -> list[Change]:
        """Return the changes that make the comparison fail."""
        return [one for one in found if set(one.effects) & set(self.effects)]


def parse_gate(text: str) -> Gate:
    """Return the gate that a text such as 'slower:5%,wrong,imprecise:2' describes.

    The threshold of 'slower' is a share of the time, that of 'imprecise' a multiple of the error.

    >>> parse_gate("wrong,slower:10%").thresholds.slower
    0.1

    Raises `SelectionError`.
    """
    limits: dict[str, float] = {}
    effects: list[Effect] = []
    for word in text.split(","):
        name, colon, limit = (part.strip() for part in word.partition(":"))
        effect = next((one for one in REGRESSIONS if one == name), None)
        if effect is None:
            hint = did_you_mean(name, REGRESSIONS)
            raise SelectionError(
                f"--fail-on has no effect {name!r}{hint}; write it like slower:5%,wrong,imprecise:2"
            )
        effects.append(effect)
        if colon:
            limits[effect] = _limit(effect, limit)
    return Gate(tuple(effects), Thresholds(**limits))


def _limit(effect: Effect, text: str) -> float:
    """Return the threshold of an effect."""
    try:
        value = float(text.removesuffix("%").removesuffix("x").removesuffix("×"))
    except ValueError:
        value = float("nan")
    if text.endswith("%"):
        value /= 100
    if effect == "slower" and 0 < value < (10 if text.endswith("%") else 1):
        return value
    if effect == "imprecise" and not text.endswith("%") and 1 < value < 1e9:
        return value
    how = {"slower": "a share such as 5%", "imprecise": "a multiple above 1, such as 2"}.get(effect, "none")
    raise SelectionError(f"the threshold of {effect!r} is {text!r}; it takes {how}")


def summary(found: Sequence[Change]) -> Mapping[Effect, int]:
    """Return how often each effect occurs, the worst first."""
    counted: dict[Effect, int] = {}
    for effect in get_args(Effect):
        count = sum(effect in one.effects for one in found)
        if count:
            counted[effect] = count
    return counted
