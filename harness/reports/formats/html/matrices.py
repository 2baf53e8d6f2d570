"""Every case beside every implementation: verdicts, speed-ups, times and errors as cells to be drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, log2
from typing import Any

import pandas as pd

from ... import numbers, sentences, statuses
from ...report import Report
from ...views import cases, comparisons, ranking
from ...views.frames import records

Record = dict[str, Any]
Painter = Callable[[Record, float], tuple[str, str]]
"""From a record and its number to a cell's text and class."""

_SHOWN = ["implementation", "label", "status", "reason", "decision", "error_bound_u"]


@dataclass(frozen=True)
class Cell:
    """One square of a matrix: its text, its class, the number of its record, and its tooltip."""

    text: str
    css: str
    record: int
    title: str


Groups = list[tuple[str, list[tuple[str, list[Cell | None]]]]]
"""Library, its implementations, and of each of them a cell per case."""


@dataclass(frozen=True)
class Matrix:
    """Implementations by cases, grouped by library."""

    key: str
    title: str
    note: str
    groups: Groups


def matrices(report: Report) -> list[Matrix]:
    """Return the matrix of verdicts, that of errors and, if anything was timed, those of speed."""
    rows = report.compared
    note = "What each implementation did with each case."
    verdict = Matrix("verdict", "Verdict", note, _cells(rows, None, _no_number))
    note = "Largest error in rounding units (u); the stronger the colour, the closer to the bound."
    error = Matrix("error", "Error", note, _cells(rows, cases.error_matrix(rows), _error))
    return [verdict, *(_speeds(report) if cases.is_timed(rows) else []), error]


def _speeds(report: Report) -> list[Matrix]:
    rows, bases = report.compared, ", ".join(report.baselines.values())
    note = (
        f"Times as fast as the baseline of the same layout ({bases}): blue is faster, {sentences.UNDECIDED}"
        " is a difference that is not decided."
    )
    ratios = comparisons.speedup(rows, report.baselines)
    speedup = Matrix("speedup", "Speed-up", note, _cells(rows, ratios, _speedup))
    note = "Median time of one call; the shortest of each layout is underlined."
    painter = _time_painter(ranking.slowdown(rows) == 1)
    time = Matrix("time", "Time", note, _cells(rows, cases.time_matrix(rows), painter))
    return [speedup, time]


def _cells(rows: pd.DataFrame, values: pd.DataFrame | None, paint: Painter) -> Groups:
    """Return a cell for each record, by library; one that did not pass, or has no value, shows its status."""
    value_of = {} if values is None else values.to_dict("index")
    found: dict[tuple[str, str], Cell] = {}
    for number, row in enumerate(records(rows[_SHOWN])):
        name, label = row["implementation"], row["label"]
        value: Any = value_of.get(name, {}).get(label)
        is_number = row["status"] == "passed" and not numbers.is_missing(value)
        text, css = paint(row, value) if is_number else _verdict(row)
        found[name, label] = Cell(text, css, number, _explained(row))
    return _grouped(rows, found)


def _grouped(rows: pd.DataFrame, cells: dict[tuple[str, str], Cell]) -> Groups:
    labels = cases.labels(rows)
    return [
        (
            str(library),
            [(name, [cells.get((name, label)) for label in labels]) for name in cases.implementations(mine)],
        )
        for library, mine in rows.groupby("library")
    ]


def _verdict(row: Record) -> tuple[str, str]:
    return statuses.GLYPHS.get(row["status"], str(row["status"])), f"status {row['status']}"


def _explained(row: Record) -> str:
    return f"{row['status']}: {row['reason']}" if row["reason"] else str(row["status"])


def _no_number(row: Record, _value: float) -> tuple[str, str]:
    return _verdict(row)


def _speedup(row: Record, value: float) -> tuple[str, str]:
    """Return the ratio, in one of four shades on either side of the baseline if it is decided."""
    is_decided = row["decision"] in ("faster", "slower")
    shade = min(4, max(1, round(abs(log2(value)) * 1.5))) if is_decided else 0
    shown = sentences.speedup(value, row["decision"])
    return shown, f"{'fast' if value > 1 else 'slow'}-{shade}" if shade else ""


def _error(row: Record, value: float) -> tuple[str, str]:
    """Return the error, the darker the more of its bound it takes up."""
    bound = row["error_bound_u"]
    share = value / bound if bound and isfinite(bound) and isfinite(value) else 0.0
    return numbers.plain(value, 2), f"error-{min(4, int(5 * share))}"


def _time_painter(best: pd.DataFrame) -> Painter:
    """Return a painter of times that marks those of `best`, a truth value for each cell."""
    is_best = best.to_dict("index")

    def paint(row: Record, value: float) -> tuple[str, str]:
        return numbers.seconds(value), "best" if is_best[row["implementation"]][row["label"]] else ""

    return paint
