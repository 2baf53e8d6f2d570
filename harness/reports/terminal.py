"""The report for a terminal: the ranking, what failed and how to repeat it, what was left out."""

import sys
from io import StringIO
from typing import Any

import pandas as pd
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from . import numbers, sentences, views
from .frames import prepare, records
from .statuses import FAILURES, GLYPHS

WIDTH_WITHOUT_TERMINAL = 160
MOST_FAILURES = 10
MOST_REASONS = 8
MOST_DETAILS = 40

Block = RenderableType | list[RenderableType]

_WIDEST = 10_000
_PADDING = 2

_STYLES = {
    "passed": "green",
    "mistrusted": "yellow",
    "imprecise": "yellow",
    **dict.fromkeys(FAILURES[1:], "red"),
}


def render(
    frame: pd.DataFrame,
    *,
    baseline: str | None = None,
    width: int | None = None,
    color: bool | None = None,
) -> str:
    """Return the report as text; width and colour are those of standard output unless given."""
    terminal = Console(file=sys.stdout)
    color = terminal.is_terminal and not terminal.no_color if color is None else color
    width = width or (terminal.width if terminal.is_terminal else WIDTH_WITHOUT_TERMINAL)
    text = StringIO()
    system = (terminal.color_system or "standard") if color else None
    console = Console(file=text, width=_WIDEST, force_terminal=color, color_system=system, highlight=False)  # type: ignore[arg-type]
    for block in _blocks(prepare(frame), frame, baseline):
        choices = block if isinstance(block, list) else [block]
        chosen = next((choice for choice in choices if _needs(console, choice) <= width), choices[-1])
        console.print(chosen, width=max(width, _needs(console, chosen)), soft_wrap=isinstance(chosen, Text))
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def _needs(console: Console, block: RenderableType) -> int:
    """Return the columns below which rich would cut something off."""
    padding = _PADDING * len(block.columns) if isinstance(block, Table) else 0  # rich forgets it
    return console.measure(block).minimum + padding


def _blocks(rows: pd.DataFrame, frame: pd.DataFrame, baseline: str | None) -> list[Block]:
    """Return the parts of the report; a list is one part, widest form first."""
    if rows.empty:
        return [Text(sentences.NOTHING)]
    return [
        *_rankings(rows, baseline),
        *_alternatives(rows),
        *_details(rows),
        *_failures(rows),
        *_skipped(rows),
        *(Text(f"note: {caution}", style="yellow") for caution in sentences.cautions(frame)),
        _summary(rows),
    ]


def _table(columns: dict[str, str]) -> Table:
    """Return an empty table that cuts nothing off; numbers stand to the right."""
    table = Table(box=None, pad_edge=False, padding=(0, _PADDING, 0, 0))
    for name, justify in columns.items():
        wraps = name == "reason"
        table.add_column(Text(name), justify=justify, no_wrap=not wraps, overflow="fold", header_style="dim")  # type: ignore[arg-type]
    return table


def _titled(title: str, table: Table) -> list[Block]:
    return [Text(title, style="bold"), table, Text()]


def _rankings(rows: pd.DataFrame, baseline: str | None) -> list[Block]:
    chosen = views.baselines(rows, baseline)
    totals = views.network_totals(rows)
    blocks: list[Block] = []
    for layout, part in views.ranking(rows, baseline).groupby("layout", sort=False):
        base = chosen.get(str(layout))
        title = sentences.layout_name(layout) + (f", speed-up against {base}" if base else "")
        forms: list[RenderableType] = [_ranking(part, columns) for columns in (totals, totals[[]], None)]
        blocks += [Text(title, style="bold"), forms, Text()]
    return blocks


def _ranking(ranking: pd.DataFrame, totals: pd.DataFrame | None) -> Table:
    """Return the table with a column for each of `totals`, or, without them, the narrowest one."""
    timed = bool(ranking["timed"].any())
    suites = [] if totals is None else [f"all of {suite}" for suite in totals]
    rate = [] if totals is None else ["GFLOP/s"]
    speeds = ["score", "speed-up (cases)", *rate, *suites] if timed else []
    columns = {"implementation": "left"} | dict.fromkeys(
        ("passed", "failed", "n/a", *speeds, "worst error"), "right"
    )
    table = _table(columns)
    for row in records(ranking):
        times = [] if totals is None else map(numbers.seconds, totals.loc[row["implementation"]])
        numbers_of_speed = [*_speed(row), *times][: len(speeds)]
        table.add_row(*_standing(row), *numbers_of_speed, numbers.rounding_units(row["error_u"]))
    return table


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
    return [numbers.score(row["score"]), sentences.mean_speedup(row), numbers.plain(row["gflops"])]


def _alternatives(rows: pd.DataFrame) -> list[Block]:
    blocks: list[Block] = []
    for title, group in sentences.pairs(rows):
        blocks += _pair(title, records(group))
    return blocks


def _pair(title: str, pairs: list[dict[str, Any]]) -> list[Block]:
    """Return what the two cases need, and who needs how long for them."""
    first = pairs[0]
    head: list[Block] = [Text(title, style="bold"), Text(sentences.work(first))]
    if not (first["time_median_s"] or first["time_median_s_plain"]):
        return [*head, Text()]
    times = dict.fromkeys((first["label"], first["label_plain"], "faster"), "right")
    table = _table({"implementation": "left"} | times)
    for pair in pairs:
        both = numbers.seconds(pair["time_median_s"]), numbers.seconds(pair["time_median_s_plain"])
        table.add_row(Text(pair["implementation"], style="bold"), *both, numbers.ratio(pair["time_ratio"]))
    return [*head, table, Text()]


def _details(rows: pd.DataFrame) -> list[Block]:
    if len(views.cases(rows)) != 1 or len(rows) > MOST_DETAILS:
        return []
    timed = views.is_timed(rows)
    columns = {"implementation": "left", "status": "left", "error": "right"}
    table = _table(columns | ({"time": "right"} if timed else {}) | {"reason": "left"})
    for row in records(rows.sort_values("time_median_s", kind="stable")):
        time = [_interval(row)] if timed else []
        reason = Text(row["reason"] or "")
        table.add_row(
            Text(row["implementation"]), _status(row), numbers.rounding_units(row["error_u"]), *time, reason
        )
    return _titled(f"case {rows['label'].iloc[0]}", table)


def _interval(row: dict[str, Any]) -> str:
    if row["time_low_s"] is None or row["time_high_s"] is None:
        return numbers.seconds(row["time_median_s"])
    low, high = numbers.seconds(row["time_low_s"]), numbers.seconds(row["time_high_s"])
    return f"{numbers.seconds(row['time_median_s'])} ({low} to {high})"


def _status(row: dict[str, Any]) -> Text:
    return Text(f"{GLYPHS.get(row['status'], '?')} {row['status']}", style=_STYLES.get(row["status"], "dim"))


def _failures(rows: pd.DataFrame) -> list[Text]:
    failed = records(views.failures(rows))
    lines = []
    for row in failed[:MOST_FAILURES]:
        reason = f": {row['reason']}" if row["reason"] else ""
        layer = f" ({row['layer']})" if row["layer"] else ""
        lines.append(
            Text.assemble(_status(row), f"{layer}  {row['implementation']} on {row['label']}{reason}")
        )
        lines += [Text(f"    {row['reproduce']}", style="cyan")] if row["reproduce"] else []
    more = len(failed) - MOST_FAILURES
    if more > 0:
        lines.append(Text(f"and {more:,} more: convharness report {failed[0]['run']} --format csv"))
    return [Text("Failed", style="bold red"), *lines, Text()] if lines else []


def _skipped(rows: pd.DataFrame) -> list[Text]:
    reasons = sentences.skipped(rows)
    lines = [Text(f"  {line}", style="dim") for line in reasons[:MOST_REASONS]]
    more = len(reasons) - MOST_REASONS
    lines += (
        [Text(f"  and {more:,} more {'reason' if more == 1 else 'reasons'}", style="dim")] if more > 0 else []
    )
    return [Text("Not judged", style="bold"), *lines, Text()] if lines else []


def _summary(rows: pd.DataFrame) -> Text:
    style = "bold red" if len(views.failures(rows)) else "bold"
    return Text.assemble((sentences.headline(rows), style), f"  ({sentences.tally(rows)})")
