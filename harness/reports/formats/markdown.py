"""The report as GitHub Markdown, for a pull request or a job summary."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pandas as pd

from ...runs.run import Run
from .. import numbers, provenance, sentences
from ..report import Report
from ..statuses import GLYPHS
from ..views import cases, comparisons, measuring, ranking, verdicts
from ..views.frames import records
from .markdown_blocks import code, folded, plain_text, table_of

MOST_FAILURES = 50
MOST_ROWS = 30  # more are folded away, or only the largest shown
MOST_CELLS = 2_000  # GitHub refuses a comment of more than 65,536 characters
MOST_LISTED = 1_000  # names and intervals are longer than the cells of a matrix

Shown = Callable[[str, str, Any], str]
"""From an implementation, a case and a number to the text of a cell."""

_VERDICTS = ("implementation", "passed", "failed", "n/a", "worst error")
_SPEEDS = ("score", "speed-up (cases)", "faster:slower", "best GFLOP/s", "of peak")
_COMPARISON = (
    *("case", "implementation", "decision", "ratio", "95 % interval", "smallest visible", "noise floor"),
    *("time", "of peak"),
)
_COSTS = ("case", "implementation", "plan", "first call", "a call", "1 call", "10 calls", "1,000 calls")
_MEMORY = ("case", "implementation", "memory", "output", "memory / output", "im2col / output")
_PAIR = ("implementation", "weights", "against", "multiply-adds", "against", "time", "against", "faster")


def render(report: Report) -> str:
    """Return the report; tables first, long lists folded away."""
    rows = report.compared
    if rows.empty:
        return f"{sentences.NOTHING}\n"
    blocks = [
        f"## {'❌' if len(verdicts.failures(rows)) else '✅'} {sentences.headline(rows)}",
        " · ".join(f"{name}: {plain_text(value)}" for name, value in provenance.facts(report).items()),
        *(f"> {plain_text(caution)}" for caution in provenance.cautions(report)),
        *_rankings(report),
        *_comparisons(rows),
        *_measured(report),
        *_matrices(report),
        *_alternatives(rows),
        *_costs(rows),
        *_memory(rows),
        *_failures(rows),
        *_skipped(rows),
        *_environments(report),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _rankings(report: Report) -> list[str]:
    rows = report.compared
    totals = ranking.network_totals(rows)
    speeds = [*_SPEEDS, *(f"all of {plain_text(suite)}" for suite in totals)] if cases.is_timed(rows) else []
    blocks = []
    for layout, part in ranking.ranked(rows, report.baselines).groupby("layout", sort=False):
        base = report.baselines.get(str(layout))
        note = (
            f"Speed-up against {plain_text(base)}, with the number of cases it is the mean of."
            if base
            else ""
        )
        note += f" {plain_text(sentences.MARKED)}" if any(map(sentences.is_marked, records(part))) else ""
        body = [[*_standing(row), *_speed(row, totals)[: len(speeds)]] for row in records(part)]
        blocks += [
            f"### Ranking, {sentences.layout_name(layout)}",
            note,
            table_of([*_VERDICTS, *speeds], body),
        ]
    return blocks


def _standing(row: dict[str, Any]) -> list[str]:
    return [
        plain_text(row["implementation"]),
        f"{row['passed']}/{row['cases']}",
        f"**{row['failed']}**" if row["failed"] else "0",
        str(row["unsupported"] + row["unavailable"] + row["mistrusted"]),
        numbers.rounding_units(row["error_u"]),
    ]


def _speed(row: dict[str, Any], totals: pd.DataFrame) -> list[str]:
    return [
        numbers.score(row["score"]),
        plain_text(sentences.mean_speedup(row)),
        sentences.balance(row),
        numbers.plain(row["gflops"]),
        numbers.percent(row["peak_fraction"]),
        *map(numbers.seconds, totals.loc[row["implementation"]]),
    ]


def _comparisons(rows: pd.DataFrame) -> list[str]:
    """Return for each baseline what was compared with it, a row for each case and implementation."""
    blocks = []
    for title, sentence, part in sentences.compared(rows):
        body = [_comparison(row) for row in records(part)]
        blocks += [f"### Compared with {plain_text(title)}", plain_text(sentence), _compared(body)]
    return blocks


def _compared(body: Sequence[Sequence[str]]) -> str:
    """Return the table of comparisons, folded away if it is long."""
    if len(_COMPARISON) * len(body) > MOST_LISTED:
        return f"{len(body):,} rows are too many to show here; the HTML report has them."
    shown = table_of(_COMPARISON, body, names=3)
    return shown if len(body) <= MOST_ROWS else folded(f"All {len(body):,} rows", shown)


def _comparison(row: dict[str, Any]) -> list[str]:
    decision = row["decision"]
    return [
        plain_text(row["label"]),
        plain_text(row["implementation"]),
        f"**{decision}**" if decision in ("faster", "slower") else decision or numbers.MISSING,
        numbers.multiple(row["time_ratio"]),
        numbers.interval(row["time_ratio_low"], row["time_ratio_high"]),
        numbers.percent(row["detectable"]),
        numbers.percent(row["noise_floor"]),
        numbers.seconds(row["time_median_s"]),
        numbers.percent(row["peak_fraction"]),
    ]


def _measured(report: Report) -> list[str]:
    found = provenance.measured(report)
    blocks = ["### How well this was measured"] if found else []
    for run, lines in found.items():
        blocks += [f"Run {plain_text(run)}:"] if len(found) > 1 else []
        blocks.append("\n".join(f"- {plain_text(line)}" for line in lines))
    return blocks


def _costs(rows: pd.DataFrame) -> list[str]:
    def cells(row: dict[str, Any]) -> list[str]:
        return [numbers.seconds(row[name]) for name in sentences.COSTS]

    found = measuring.overheads(rows)
    return _largest("### Costs besides a call", sentences.ABOUT_COSTS, _COSTS, found, cells)


def _memory(rows: pd.DataFrame) -> list[str]:
    def cells(row: dict[str, Any]) -> list[str]:
        return [
            *(numbers.size(row[name]) for name in ("peak_memory_bytes", "output_bytes")),
            *(numbers.ratio(row[name]) for name in ("memory_ratio", "im2col_ratio")),
        ]

    found = measuring.memory(rows)
    return _largest("### Memory of a call", sentences.ABOUT_MEMORY, _MEMORY, found, cells)


def _largest(
    title: str,
    about: str,
    head: Sequence[str],
    found: pd.DataFrame,
    cells: Callable[[dict[str, Any]], list[str]],
) -> list[str]:
    """Return a section with the first of sorted rows, and how many more there are; nothing without rows."""
    if found.empty:
        return []
    body = [
        [plain_text(row["label"]), plain_text(row["implementation"]), *cells(row)]
        for row in records(found.head(MOST_ROWS))
    ]
    more = len(found) - MOST_ROWS
    left_out = [f"These are the largest; the HTML report has {more:,} more."] if more > 0 else []
    return [title, about, table_of(head, body, names=2), *left_out]


def _matrices(report: Report) -> list[str]:
    rows = report.compared
    speedups, errors = comparisons.speedup(rows, report.baselines), cases.error_matrix(rows)
    blocks = []
    for layout, base in report.baselines.items():
        mine = cases.implementations(rows[rows["layout"] == layout])
        title = f"### Speed-up against {plain_text(base)}, {sentences.layout_name(layout)}"
        blocks += [title, _matrix(rows, speedups.loc[mine], _speedup_on(rows))]
    return [
        *blocks,
        "### Largest error",
        _matrix(rows, errors, lambda _name, _label, value: numbers.rounding_units(value)),
    ]


def _speedup_on(rows: pd.DataFrame) -> Shown:
    decisions = {(row["implementation"], row["label"]): row["decision"] for row in records(rows)}
    return lambda name, label, value: plain_text(sentences.speedup(value, decisions[name, label]))


def _matrix(rows: pd.DataFrame, values: pd.DataFrame, shown: Shown) -> str:
    """Return one row per case; a cell without a number, or that failed, shows its status."""
    if values.size > MOST_CELLS:
        return f"{values.size:,} cells are too many to show here; the HTML report has them."
    status_of, value_of = cases.verdict_matrix(rows).to_dict("index"), values.to_dict("index")
    head = ["case", *map(plain_text, values.index)]
    body = [
        [
            plain_text(label),
            *(
                _cell(status_of[name][label], value_of[name][label], partial(shown, name, label))
                for name in values.index
            ),
        ]
        for label in values.columns
    ]
    return table_of(head, body)


def _cell(status: Any, value: Any, shown: Callable[[Any], str]) -> str:
    if numbers.is_missing(status):
        return ""
    glyph = GLYPHS.get(status, str(status))
    if numbers.is_missing(value):
        return glyph
    return shown(value) if status == "passed" else f"{glyph} {shown(value)}"


def _alternatives(rows: pd.DataFrame) -> list[str]:
    blocks = []
    for title, group in sentences.pairs(rows):
        pairs = records(group)
        blocks += [
            f"### {plain_text(title)}",
            f"{plain_text(sentences.work(pairs[0]))}.",
            table_of(_PAIR, map(_pair, pairs)),
        ]
    return blocks


def _pair(pair: dict[str, Any]) -> list[str]:
    return [
        plain_text(pair["implementation"]),
        *(numbers.count(pair[f"parameters{end}"]) for end in ("", "_plain")),
        *(numbers.count(pair[f"dense_macs{end}"]) for end in ("", "_plain")),
        *(numbers.seconds(pair[f"time_median_s{end}"]) for end in ("", "_plain")),
        numbers.ratio(pair["time_ratio"]),
    ]


def _failures(rows: pd.DataFrame) -> list[str]:
    failed = records(verdicts.failures(rows))
    lines = [_failure(row) for row in failed[:MOST_FAILURES]]
    more = len(failed) - MOST_FAILURES
    lines += [f"and {more:,} more"] if more > 0 else []
    return ["### Failures", "\n".join(lines)] if lines else []


def _failure(row: dict[str, Any]) -> str:
    reason = f": {plain_text(row['reason'])}" if row["reason"] else ""
    command = f"<br>{code(row['reproduce'])}" if row["reproduce"] else ""
    layer = f" ({row['layer']})" if row["layer"] else ""
    place = f"{plain_text(row['implementation'])} on {plain_text(row['label'])}"
    return f"- {row['status']}{layer}, {place}{reason}{command}"


def _skipped(rows: pd.DataFrame) -> list[str]:
    lines = [f"- {plain_text(line)}" for line in sentences.skipped(rows)]
    number = int(verdicts.skipped(rows)["records"].sum())
    return (
        [folded(f"Not judged: {numbers.many(number, 'record')}, with reasons", "\n".join(lines))]
        if lines
        else []
    )


def _environments(report: Report) -> list[str]:
    return [folded(f"Environment of run {run.id}", _environment(run)) for run in report.runs]


def _environment(run: Run) -> str:
    facts = provenance.environment(run).items()
    return table_of(["what", "value"], [[plain_text(key), plain_text(value)] for key, value in facts])
