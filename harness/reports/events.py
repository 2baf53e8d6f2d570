"""What happened at which commit, for a terminal, for Markdown or as rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.text import Text

from ..commits.events import WORSE, Event, Step, Suspicion
from ..commits.repository import ABBREVIATED
from . import numbers, screen
from .changes import STYLES, WORDS
from .markup import plain_text, table_of
from .screen import Block, text_of

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


@dataclass(frozen=True)
class Regressions:
    """Of what happened that which got worse, or is new; `left` are suspicions that are still open."""

    found: Sequence[Event]
    left: Sequence[Suspicion]

    def shown(self) -> list[Event]:
        """Return the events that got worse, or brought something new."""
        return [one for one in self.found if one.kinds & set(WORSE)]

    def rows(self) -> list[dict[str, Any]]:
        """Return an event a row, with the steps nested."""
        return [one.row() for one in self.shown()]


def table(subject: Regressions) -> str:
    """Return a line for each step, and a sentence, for a terminal."""
    shown = _with_places(subject.shown())
    blocks: list[Block] = []
    if rows := _steps(shown):
        lines = screen.table(COLUMNS)
        for event, step in rows:
            lines.add_row(*(Text(text, style=style) for style, text in cells(event, step)))
        blocks += [lines, Text()]
    return text_of([*blocks, Text(_sentence(shown, subject.left))])


def markdown(subject: Regressions) -> str:
    """Return a line for each step, and a sentence, as Markdown."""
    shown = _with_places(subject.shown())
    body = [[plain_text(cell) for _, cell in cells(event, step)] for event, step in _steps(shown)]
    lines = [table_of(list(COLUMNS), body)] if body else []
    return "\n\n".join([*lines, _sentence(shown, subject.left)]) + "\n"


def _steps(shown: Sequence[Event]) -> list[tuple[Event, Step]]:
    return [(event, step) for event in shown for step in event.steps if step.kind in WORSE]


def _with_places(shown: Sequence[Event]) -> list[Event]:
    """Return events whose subjects say where they were seen, if that was in several places."""
    if len({(one.machine, one.environment) for one in shown}) < 2:
        return list(shown)
    return [
        replace(
            one,
            commit=replace(one.commit, subject=f"{one.commit.subject} [{one.machine}, {one.environment}]"),
        )
        for one in shown
    ]


def cells(event: Event, step: Step) -> list[tuple[str, str]]:
    """Return style and text of each column."""
    size = numbers.multiple(step.size)
    cases = numbers.many(len(step.cases), "case")
    where = step.worst if len(step.cases) < 2 else f"{step.worst} (worst of {cases})"
    sure = f"{100 * step.confidence:.1f} %" if step.confidence is not None else "exact"
    return [
        ("bold", commit_of(event)),
        ("dim", f"{event.commit.date:%Y-%m-%d}"),
        ("bold", event.implementation or ""),
        (STYLES.get(step.kind, "yellow"), WORDS[step.kind]),
        ("", size if step.size else ""),
        ("", numbers.interval(step.low, step.high) if step.low else ""),
        ("", where),
        ("dim", sure if step.kind not in ("added", "removed") else ""),
        ("dim", event.commit.subject),
        ("", step.reason),
    ]


def commit_of(event: Event) -> str:
    """Return the commit of an event, or the range in which it is."""
    if event.between and event.since is not None:
        return f"{event.since.hash[:ABBREVIATED]}..{event.commit.short}"
    return event.commit.short


def _sentence(shown: Sequence[Event], left: Sequence[Suspicion]) -> str:
    counts = {
        kind: sum(kind in event.kinds for event in shown)
        for kind in WORSE
        if any(kind in event.kinds for event in shown)
    }
    said = ", ".join(f"{count:,} {WORDS[kind]}" for kind, count in counts.items())
    ranges = sum(bool(event.between) for event in shown)
    hints = []
    if ranges:
        what = numbers.many(ranges, "change")
        hints.append(f"{what} may be any commit's of a range: track --bisect finds it")
    if left:
        pairs = len({(one.before.hash, one.after.hash) for one in left})
        hints.append(
            f"between {numbers.many(pairs, 'pair')} of commits a time may have changed, which is not"
            " decided: track, on the machine that measured them, tries"
        )
    return "; ".join([said or "nothing got worse", *hints]) + "."
