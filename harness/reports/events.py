"""What changed at which commit: rows, and the text of each column."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..commits.events import WORSE, Event, Step, Suspicion
from ..commits.repository import ABBREVIATED
from . import numbers
from .changes import WORDS

COLUMNS = {
    "commit": "left",
    "date": "left",
    "implementation": "left",
    "change": "left",
    "size": "right",
    "95 % interval": "left",
    "where": "left",
    "confidence": "right",
    "subject": "left",
    "reason": "left",
}
"""The columns of a step, with their alignment."""


@dataclass(frozen=True)
class Regressions:
    """The regressions among the events that were `found`; `left` are suspicions that are not decided."""

    found: Sequence[Event]
    left: Sequence[Suspicion]

    def shown(self) -> list[Event]:
        """Return the events that made something worse, or brought something new."""
        return [one for one in self.found if one.kinds & set(WORSE)]

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each of these events, with the steps nested."""
        return [one.row() for one in self.shown()]

    def steps(self) -> list[tuple[Event, Step]]:
        """Return each step that is a regression or new, with its event."""
        return [
            (event, step)
            for event in _with_places(self.shown())
            for step in event.steps
            if step.kind in WORSE
        ]

    def sentence(self) -> str:
        """Return how often each kind of regression occurred, and which command would find out more."""
        shown = self.shown()
        counts = {kind: sum(kind in event.kinds for event in shown) for kind in WORSE}
        said = ", ".join(f"{count:,} {WORDS[kind]}" for kind, count in counts.items() if count)
        return "; ".join([said or "nothing got worse", *self._hints()]) + "."

    def _hints(self) -> list[str]:
        hints = []
        if ranges := sum(bool(event.between) for event in self.shown()):
            what = numbers.many(ranges, "change")
            hints.append(f"{what} may be any commit's of a range: track --bisect finds it")
        if pairs := len({(one.before.hash, one.after.hash) for one in self.left}):
            hints.append(
                f"between {numbers.many(pairs, 'pair')} of commits a time may have changed, which is not"
                " decided: track, on the machine that measured them, tries"
            )
        return hints


def cells(event: Event, step: Step) -> dict[str, str]:
    """Return the text of each of the columns."""
    cases = numbers.many(len(step.cases), "case")
    sure = f"{100 * step.confidence:.1f} %" if step.confidence is not None else "exact"
    return {
        "commit": commit_of(event),
        "date": f"{event.commit.date:%Y-%m-%d}",
        "implementation": event.implementation or "",
        "change": WORDS[step.kind],
        "size": numbers.multiple(step.size) if step.size else "",
        "95 % interval": numbers.interval(step.low, step.high) if step.low else "",
        "where": step.worst if len(step.cases) < 2 else f"{step.worst} (worst of {cases})",
        "confidence": sure if step.kind not in ("added", "removed") else "",
        "subject": event.commit.subject,
        "reason": step.reason,
    }


def commit_of(event: Event) -> str:
    """Return the commit of an event, or the range of commits in which it happened."""
    if event.between and event.since is not None:
        return f"{event.since.hash[:ABBREVIATED]}..{event.commit.short}"
    return event.commit.short


def _with_places(shown: Sequence[Event]) -> list[Event]:
    """Return events whose subjects name machine and environment, if there are several of these."""
    if len({(one.machine, one.environment) for one in shown}) < 2:
        return list(shown)
    return [
        replace(
            one,
            commit=replace(one.commit, subject=f"{one.commit.subject} [{one.machine}, {one.environment}]"),
        )
        for one in shown
    ]
