"""How times and errors change over commits: the coordinates of their small charts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import fmean, median
from typing import Any

import pandas as pd

from ....commits.events import Event
from ....commits.repository import ABBREVIATED
from ... import numbers
from ...changes import WORDS
from ...statuses import FAILURES
from ...views.frames import records

WIDTH, HEIGHT = 320, 132
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 14, 22

_LEAST_SPAN, _MOST_SPAN = 1.25, 32.0
"""How far a scale reaches to either side of the median, at least and at most; noise then looks small."""


@dataclass(frozen=True)
class Point:
    """One commit: where it is, how far its interval reaches, and its tooltip."""

    x: float
    y: float | None
    low: float | None
    high: float | None
    error_y: float | None
    has_failed: bool
    title: str


@dataclass(frozen=True)
class Mark:
    """An event: its place, its kind, and its tooltip."""

    x: float
    kind: str
    title: str


@dataclass(frozen=True)
class Trend:
    """One implementation in one place: its times and errors as multiples of their medians, on one scale."""

    name: str
    place: str
    points: Sequence[Point]
    marks: Sequence[Mark]
    time_path: str
    error_path: str
    ticks: Sequence[tuple[float, str]]


def trends(history: pd.DataFrame, events: Sequence[Event]) -> list[Trend]:
    """Return a chart for each implementation of each machine and environment."""
    found = []
    for (machine, environment), here in history.groupby(["machine", "environment"], sort=False):
        line = list(dict.fromkeys(here.sort_values("position")["commit"]))
        mine = [one for one in events if (one.machine, one.environment) == (machine, environment)]
        place = f"{machine}, {environment}"
        for name, rows in here.groupby("implementation"):
            found.append(_trend(str(name), place, records(rows), line, mine))
    return found


def _trend(
    name: str, place: str, rows: list[dict[str, Any]], line: Sequence[str], events: Sequence[Event]
) -> Trend:
    times, errors = _levels(rows, "relative_time"), _levels(rows, "error_u")
    ends = [_interval(rows, commit, times.get(commit)) for commit in line]
    values = [value for one in ends if one for value in one] + list(errors.values())
    span = min(_MOST_SPAN, max([_LEAST_SPAN, *(max(value, 1 / value) for value in values)]))

    def y(value: float) -> float:
        share = (max(-1.0, min(1.0, log(value) / log(span))) + 1) / 2
        return round(HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP), 1)

    step = (WIDTH - LEFT - RIGHT) / max(1, len(line) - 1)
    points = []
    for place_on_line, (commit, interval) in enumerate(zip(line, ends, strict=True)):
        here = [row for row in rows if row["commit"] == commit]
        low, high = (y(interval[0]), y(interval[1])) if interval else (None, None)
        points.append(
            Point(
                round(LEFT + place_on_line * step, 1),
                y(times[commit]) if commit in times else None,
                low,
                high,
                y(errors[commit]) if commit in errors else None,
                any(row["status"] in FAILURES for row in here),
                _described(commit, here, times.get(commit)),
            )
        )
    spots = dict(zip(line, points, strict=True))
    marks = [
        Mark(
            spots[one.commit.hash].x,
            step_.kind,
            f"{one.commit.short} {WORDS[step_.kind]}: {one.commit.subject}",
        )
        for one in events
        for step_ in one.steps
        if one.implementation in (name, None) and one.commit.hash in spots
    ]
    ticks = [(y(value), f"{value:.3g}×") for value in (1 / span, 1.0, span)]
    times_at = [(point.x, point.y) for point in points]
    errors_at = [(point.x, point.error_y) for point in points]
    return Trend(name, place, points, marks, _path(times_at), _path(errors_at), ticks)


def _levels(rows: Sequence[dict[str, Any]], column: str) -> dict[str, float]:
    """Return for each commit the geometric mean over the cases of a figure over its median of all commits."""
    known: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        if row["status"] == "passed" and row[column] and row[column] > 0:
            known.setdefault((row["suite"], row["case"]), {})[row["commit"]] = log(row[column])
    moves: dict[str, list[float]] = {}
    for values in known.values():
        usual = median(values.values())
        for commit, value in values.items():
            moves.setdefault(commit, []).append(value - usual)
    return {commit: exp(fmean(one)) for commit, one in moves.items()}


def _interval(rows: Sequence[dict[str, Any]], commit: str, level: float | None) -> tuple[float, float] | None:
    """Return the bounds of a commit's level at 95 %, as wide as those of its cases are on average."""
    widths = [
        log(row["relative_high"] / row["relative_low"]) / 2
        for row in rows
        if row["commit"] == commit and row["relative_low"]
    ]
    if level is None or not widths:
        return None
    half = fmean(widths) / len(widths) ** 0.5
    return level * exp(-half), level * exp(half)


def _described(commit: str, rows: Sequence[dict[str, Any]], level: float | None) -> str:
    if not rows:
        return f"{commit[:ABBREVIATED]}: not there"
    failed = sum(row["status"] in FAILURES for row in rows)
    errors = [row["error_u"] for row in rows if row["status"] == "passed" and row["error_u"] is not None]
    parts = [f"{commit[:ABBREVIATED]} {rows[0]['subject']}"]
    if level is not None:
        parts.append(f"{numbers.multiple(level)} times the usual time")
    if errors:
        parts.append(f"error up to {numbers.rounding_units(max(errors))}")
    if failed:
        parts.append(f"{failed} of {len(rows)} cases failed")
    return "; ".join(parts)


def _path(points: Sequence[tuple[float, float | None]]) -> str:
    """Return a line through the points that have a value, interrupted where one is missing."""

    def words() -> Iterator[str]:
        is_open = False
        for x, y in points:
            if y is None:
                is_open = False
                continue
            yield f"{'L' if is_open else 'M'}{x} {y}"
            is_open = True

    return "".join(words())
