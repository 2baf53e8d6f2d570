"""The report as GitHub Markdown, for a pull request or a job summary."""

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

import pandas as pd

from . import numbers, sentences, views
from .frames import prepare, records, runs
from .statuses import GLYPHS

MOST_FAILURES = 50
MOST_CELLS = 2_000  # GitHub refuses a comment of more than 65,536 characters

_VERDICTS = ("implementation", "passed", "failed", "n/a", "worst error")
_SPEEDS = ("score", "speed-up (cases)", "best GFLOP/s")
_PAIR = ("implementation", "weights", "against", "multiply-adds", "against", "time", "against", "faster")


def render(frame: pd.DataFrame, *, baseline: str | None = None) -> str:
    """Return the report; tables first, long lists folded away."""
    rows = prepare(frame)
    if rows.empty:
        return f"{sentences.NOTHING}\n"
    blocks = [
        f"## {'❌' if len(views.failures(rows)) else '✅'} {sentences.headline(rows)}",
        " · ".join(f"{name}: {_text(value)}" for name, value in sentences.facts(frame).items()),
        *(f"> {_text(caution)}" for caution in sentences.cautions(frame)),
        *_rankings(rows, baseline),
        *_matrices(rows, baseline),
        *_alternatives(rows),
        *_failures(rows),
        *_skipped(rows),
        *_environments(frame),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _text(value: Any) -> str:
    """Return text that Markdown shows as it is, in a table cell too."""
    plain = escape(" ".join(str(value).split()), quote=False)
    return "".join(f"\\{letter}" if letter in "\\|`*_[]~#" else letter for letter in plain)


def _code(value: Any) -> str:
    """Return text as inline code, whatever it contains."""
    return f"<code>{_in_tag(value)}</code>"


def _in_tag(value: Any) -> str:
    text = escape(" ".join(str(value).split()), quote=False)
    return text.replace("|", "&#124;").replace("`", "&#96;")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose first column stands to the left and the others to the right."""
    rule = [":--", *["--:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def _folded(summary: str, body: str) -> str:
    return f"<details><summary>{_in_tag(summary)}</summary>\n\n{body}\n\n</details>"


def _rankings(rows: pd.DataFrame, baseline: str | None) -> list[str]:
    chosen = views.baselines(rows, baseline)
    totals = views.network_totals(rows)
    speeds = [*_SPEEDS, *(f"all of {_text(suite)}" for suite in totals)] if views.is_timed(rows) else []
    blocks = []
    for layout, part in views.ranking(rows, baseline).groupby("layout", sort=False):
        base = chosen.get(str(layout))
        note = f"Speed-up against {_text(base)}, with the number of cases it is the mean of." if base else ""
        body = [[*_standing(row), *_speed(row, totals)[: len(speeds)]] for row in records(part)]
        blocks += [f"### Ranking, {sentences.layout_name(layout)}", note, _table([*_VERDICTS, *speeds], body)]
    return blocks


def _standing(row: dict[str, Any]) -> list[str]:
    return [
        _text(row["implementation"]),
        f"{row['passed']}/{row['cases']}",
        f"**{row['failed']}**" if row["failed"] else "0",
        str(row["unsupported"] + row["unavailable"] + row["mistrusted"]),
        numbers.rounding_units(row["error_u"]),
    ]


def _speed(row: dict[str, Any], totals: pd.DataFrame) -> list[str]:
    rates = numbers.score(row["score"]), sentences.mean_speedup(row), numbers.plain(row["gflops"])
    return [*rates, *map(numbers.seconds, totals.loc[row["implementation"]])]


def _matrices(rows: pd.DataFrame, baseline: str | None) -> list[str]:
    speedups, errors = views.speedup(rows, baseline), views.error_matrix(rows)
    blocks = []
    for layout, base in views.baselines(rows, baseline).items():
        mine = views.implementations(rows[rows["layout"] == layout])
        title = f"### Speed-up against {_text(base)}, {sentences.layout_name(layout)}"
        blocks += [title, _matrix(rows, speedups.loc[mine], numbers.ratio)]
    return [*blocks, "### Largest error", _matrix(rows, errors, numbers.rounding_units)]


def _matrix(rows: pd.DataFrame, values: pd.DataFrame, shown: Callable[[Any], str]) -> str:
    """Return one row per case; a cell without a number, or that failed, shows its status."""
    if values.size > MOST_CELLS:
        return f"{values.size:,} cells are too many to show here; the HTML report has them."
    verdicts = views.verdict_matrix(rows)
    head = ["case", *map(_text, values.index)]
    body = [
        [
            _text(label),
            *(_cell(verdicts.loc[name, label], values.loc[name, label], shown) for name in values.index),
        ]
        for label in values.columns
    ]
    return _table(head, body)


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
            f"### {_text(title)}",
            f"{_text(sentences.work(pairs[0]))}.",
            _table(_PAIR, map(_pair, pairs)),
        ]
    return blocks


def _pair(pair: dict[str, Any]) -> list[str]:
    return [
        _text(pair["implementation"]),
        *(numbers.count(pair[f"parameters{end}"]) for end in ("", "_plain")),
        *(numbers.count(pair[f"dense_macs{end}"]) for end in ("", "_plain")),
        *(numbers.seconds(pair[f"time_median_s{end}"]) for end in ("", "_plain")),
        numbers.ratio(pair["time_ratio"]),
    ]


def _failures(rows: pd.DataFrame) -> list[str]:
    failed = records(views.failures(rows))
    lines = [_failure(row) for row in failed[:MOST_FAILURES]]
    more = len(failed) - MOST_FAILURES
    lines += [f"and {more:,} more"] if more > 0 else []
    return ["### Failures", "\n".join(lines)] if lines else []


def _failure(row: dict[str, Any]) -> str:
    reason = f": {_text(row['reason'])}" if row["reason"] else ""
    command = f"<br>{_code(row['reproduce'])}" if row["reproduce"] else ""
    layer = f" ({row['layer']})" if row["layer"] else ""
    return (
        f"- {row['status']}{layer}, {_text(row['implementation'])} on {_text(row['label'])}{reason}{command}"
    )


def _skipped(rows: pd.DataFrame) -> list[str]:
    lines = [f"- {_text(line)}" for line in sentences.skipped(rows)]
    number = int(views.skipped(rows)["records"].sum())
    return (
        [_folded(f"Not judged: {numbers.many(number, 'record')}, with reasons", "\n".join(lines))]
        if lines
        else []
    )


def _environments(frame: pd.DataFrame) -> list[str]:
    return [
        _folded(
            f"Environment of run {run.get('run', '')}",
            _table(["what", "value"], [[_text(key), _text(value)] for key, value in facts.items()]),
        )
        for run in runs(frame)
        if (facts := sentences.environment(run))
    ]
