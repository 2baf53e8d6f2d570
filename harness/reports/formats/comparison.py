"""Times beside a baseline's, for a terminal: a row per case and implementation, and a sentence of totals."""

from typing import Any

import pandas as pd
from rich.text import Text

from .. import numbers, sentences
from ..report import Report
from ..views import cases, comparisons
from ..views.frames import records
from .terminal import DECISION_STYLES, drawn, status, troubles
from .terminal_blocks import Block, table, titled

_COLUMNS = {
    "case": "left",
    "implementation": "left",
    "time": "right",
    "ratio": "right",
    "95 % interval": "left",
    "decision": "left",
    "smallest visible": "right",
}


def render(report: Report, *, width: int | None = None, color: bool | None = None) -> str:
    """Return a table of the timed cases for each layout, and one sentence; otherwise as `terminal`'s."""
    return drawn(_blocks, report, width=width, color=color)


def _blocks(report: Report) -> list[Block]:
    rows = report.compared
    timed = rows["label"].isin(rows.loc[rows["time_median_s"].notna(), "label"])
    return [
        *_tables(rows[timed], report.baselines),
        *troubles(report),
        *(Text(line) for line in sentences.against(rows).values() or [sentences.UNCOMPARED]),
    ]


def _tables(rows: pd.DataFrame, baselines: comparisons.Baselines) -> list[Block]:
    """Return a table for each layout."""
    blocks: list[Block] = []
    for layout in cases.layouts(rows):
        base = baselines.get(layout)
        title = sentences.layout_name(layout) + (f" against {base}" if base else "")
        shown = table(_COLUMNS)
        for row in records(comparisons.beside_baseline(rows[rows["layout"] == layout])):
            shown.add_row(*_cells(row))
        blocks += titled(title, shown)
    return blocks


def _cells(row: dict[str, Any]) -> list[str | Text]:
    return [
        Text(row["label"]),
        Text(row["implementation"], style="bold"),
        numbers.seconds(row["time_median_s"]),
        numbers.multiple(row["time_ratio"]),
        numbers.interval(row["time_ratio_low"], row["time_ratio_high"]),
        _decision(row),
        numbers.percent(row["detectable"]),
    ]


def _decision(row: dict[str, Any]) -> Text:
    """Return the decision, or why there is none."""
    if row["decision"] is not None:
        return Text(row["decision"], style=DECISION_STYLES.get(row["decision"], "dim"))
    return status(row) if row["status"] != "passed" else Text(numbers.MISSING, style="dim")
