"""The report for a terminal: the ranking, the failures and how to reproduce them, what was not judged."""

from collections.abc import Callable
from typing import Any

import pandas as pd
from rich.table import Table
from rich.text import Text

from .. import numbers, provenance, sentences
from ..report import Report
from ..statuses import FAILURES, GLYPHS
from ..views import cases, ranking, verdicts
from ..views.frames import records
from .terminal_blocks import Block, Forms, table, text_of, titled

MOST_FAILURES = 10
MOST_REASONS = 8
MOST_DETAILS = 40

_STYLES = {
    "passed": "green",
    "mistrusted": "yellow",
    "imprecise": "yellow",
    **dict.fromkeys(FAILURES[1:], "red"),
}
DECISION_STYLES = {"faster": "green", "slower": "red", "same": "", "cannot tell": "yellow"}


def render(report: Report, *, width: int | None = None, color: bool | None = None) -> str:
    """Return the report as text; width and colour are those of standard output unless given."""
    return drawn(_blocks, report, width=width, color=color)


def drawn(
    draw: Callable[[Report], list[Block]], report: Report, *, width: int | None, color: bool | None
) -> str:
    """Return the drawn parts of a report as text, or that there are no records."""
    blocks = [Text(sentences.NOTHING)] if report.compared.empty else draw(report)
    return text_of(blocks, width, color)


def _blocks(report: Report) -> list[Block]:
    """Return the parts of the report; a list is one part, widest form first."""
    rows = report.compared
    return [
        *_rankings(report),
        *_details(rows),
        *_against(rows),
        *_alternatives(rows),
        *troubles(report),
        _summary(rows),
    ]


def troubles(report: Report) -> list[Block]:
    """Return what failed, what was not judged, and what to be careful with."""
    cautions = (Text(f"note: {caution}", style="yellow") for caution in provenance.cautions(report))
    return [*_failures(report.frame), *_skipped(report.frame), *cautions]


def _rankings(report: Report) -> list[Block]:
    totals = ranking.network_totals(report.frame)
    blocks: list[Block] = []
    ranked = ranking.ranked(report.compared, report.baselines)
    for layout, part in ranked.groupby("layout", sort=False):
        base = report.baselines.get(str(layout))
        title = sentences.layout_name(layout) + (f", speed-up against {base}" if base else "")
        forms: Forms = [_ranking(part, columns) for columns in (totals, totals[[]], None)]
        marked = any(sentences.is_marked(row) for row in records(part))
        blocks += titled(title, forms, *([Text(sentences.MARKED, style="dim")] if marked else []))
    return blocks


def _ranking(ranked: pd.DataFrame, totals: pd.DataFrame | None) -> Table:
    """Return the table with a column for each of `totals`, or, without them, the narrowest one."""
    timed = bool(ranked["timed"].any())
    suites = [] if totals is None else [f"all of {suite}" for suite in totals]
    rate = [] if totals is None else ["faster:slower", "GFLOP/s"]
    speeds = ["score", "speed-up (cases)", *rate, *suites] if timed else []
    columns = {"implementation": "left"} | dict.fromkeys(
        ("passed", "failed", "n/a", *speeds, "worst error"), "right"
    )
    shown = table(columns)
    for row in records(ranked):
        times = [] if totals is None else map(numbers.seconds, totals.loc[row["implementation"]])
        numbers_of_speed = [*_speed(row), *times][: len(speeds)]
        shown.add_row(*_standing(row), *numbers_of_speed, numbers.rounding_units(row["error_u"]))
    return shown


def _standing(row: dict[str, Any]) -> list[str | Text]:
    passed, failed = f"{row['passed']}/{row['cases']}", row["failed"]
    not_judged = row["unsupported"] + row["unavailable"] + row["mistrusted"]
    return [
        Text(row["implementation"], style="bold"),
        Text(passed, style="green" if row["passed"] else "dim"),
        Text(str(failed or "·"), style="bold red" if failed else "dim"),
        Text(str(not_judged or "·"), style="dim"),
    ]


def _speed(row: dict[str, Any]) -> list[str]:
    return [
        numbers.score(row["score"]),
        sentences.mean_speedup(row),
        sentences.balance(row),
        numbers.plain(row["gflops"]),
    ]


def _alternatives(rows: pd.DataFrame) -> list[Block]:
    blocks: list[Block] = []
    for title, group in sentences.pairs(rows):
        blocks += _pair(title, records(group))
    return blocks


def _pair(title: str, pairs: list[dict[str, Any]]) -> list[Block]:
    """Return what the two cases need, and the time of each implementation for them."""
    first = pairs[0]
    head: list[Block] = [Text(title, style="bold"), Text(sentences.work(first))]
    if not (first["time_median_s"] or first["time_median_s_plain"]):
        return [*head, Text()]
    times = dict.fromkeys((first["label"], first["label_plain"], "faster"), "right")
    shown = table({"implementation": "left"} | times)
    for pair in pairs:
        both = numbers.seconds(pair["time_median_s"]), numbers.seconds(pair["time_median_s_plain"])
        shown.add_row(Text(pair["implementation"], style="bold"), *both, numbers.ratio(pair["time_ratio"]))
    return [*head, shown, Text()]


def _details(rows: pd.DataFrame) -> list[Block]:
    if len(cases.labels(rows)) != 1 or len(rows) > MOST_DETAILS:
        return []
    forms: Forms = [
        _detail(rows, _interval),
        _detail(rows, lambda row: numbers.seconds(row["time_median_s"])),
    ]
    return titled(f"case {rows['label'].iloc[0]}", forms)


def _detail(rows: pd.DataFrame, time: Callable[[dict[str, Any]], str]) -> Table:
    """Return the table of a single case, with times and comparisons if there are any."""
    columns = {"implementation": "left", "status": "left", "error": "right"}
    columns |= {"time": "right"} if cases.is_timed(rows) else {}
    bases = set(rows["baseline"].dropna())
    columns |= {"against the baseline": "left"} if bases else {}
    shown = table(columns | {"reason": "left"})
    for row in records(rows.sort_values("time_median_s", kind="stable")):
        cells = {
            "implementation": row["implementation"],
            "status": status(row),
            "error": numbers.rounding_units(row["error_u"]),
            "time": time(row),
            "against the baseline": _comparison(row, bases),
        }
        shown.add_row(*(cells[name] for name in columns), Text(row["reason"] or ""))
    return shown


def _comparison(row: dict[str, Any], bases: set[str]) -> Text:
    if row["decision"] is not None:
        return Text(sentences.comparison(row), style=DECISION_STYLES[row["decision"]])
    return Text("baseline" if row["implementation"] in bases else numbers.MISSING, style="dim")


def _against(rows: pd.DataFrame) -> list[Block]:
    lines = [Text(line) for line in sentences.against(rows).values()]
    return [*lines, Text()] if lines else []


def _interval(row: dict[str, Any]) -> str:
    if row["time_low_s"] is None or row["time_high_s"] is None:
        return numbers.seconds(row["time_median_s"])
    low, high = numbers.seconds(row["time_low_s"]), numbers.seconds(row["time_high_s"])
    return f"{numbers.seconds(row['time_median_s'])} ({low} to {high})"


def status(row: dict[str, Any]) -> Text:
    """Return a status with its mark."""
    return Text(f"{GLYPHS.get(row['status'], '?')} {row['status']}", style=_STYLES.get(row["status"], "dim"))


def _failures(rows: pd.DataFrame) -> list[Text]:
    """Return what failed, why, and the command that reproduces it."""
    failed = records(verdicts.failures(rows))
    lines = []
    for row in failed[:MOST_FAILURES]:
        reason = f": {row['reason']}" if row["reason"] else ""
        layer = f" ({row['layer']})" if row["layer"] else ""
        lines.append(
            Text.assemble(status(row), f"{layer}  {row['implementation']} on {row['label']}{reason}")
        )
        lines += [Text(f"    {row['reproduce']}", style="cyan")] if row["reproduce"] else []
    more = len(failed) - MOST_FAILURES
    if more > 0:
        lines.append(Text(f"and {more:,} more: convharness report {failed[0]['run']} --format csv"))
    return [Text("Failed", style="bold red"), *lines, Text()] if lines else []


def _skipped(rows: pd.DataFrame) -> list[Text]:
    """Return why something was not judged."""
    reasons = sentences.skipped(rows)
    lines = [Text(f"  {line}", style="dim") for line in reasons[:MOST_REASONS]]
    more = len(reasons) - MOST_REASONS
    lines += (
        [Text(f"  and {more:,} more {'reason' if more == 1 else 'reasons'}", style="dim")] if more > 0 else []
    )
    return [Text("Not judged", style="bold"), *lines, Text()] if lines else []


def _summary(rows: pd.DataFrame) -> Text:
    style = "bold red" if len(verdicts.failures(rows)) else "bold"
    return Text.assemble((sentences.headline(rows), style), f"  ({sentences.tally(rows)})")
