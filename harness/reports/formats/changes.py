"""What changed between two commits, for a terminal, as Markdown or as CSV."""

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from ...commits.changes import REGRESSIONS, Change
from ...oracle.verdict import FAILURES
from .. import numbers
from ..changes import WORDS, Comparison
from . import listing, terminal_blocks
from .markdown_blocks import folded, plain_text, table_of
from .terminal_blocks import Block, text_of, titled

_COLUMNS = {
    "case": "left",
    "implementation": "left",
    "change": "left",
    "time before": "right",
    "after": "right",
    "ratio": "right",
    "95 % interval": "left",
    "smallest visible": "right",
    "error before": "right",
    "error after": "right",
    "reason": "left",
}

STYLES = {
    **dict.fromkeys((*REGRESSIONS, "broken"), "red"),
    "faster": "green",
    "repaired": "green",
    "exact": "green",
}


def table(comparison: Comparison) -> str:
    """Return a line for each change, and a sentence, for a terminal."""
    blocks: list[Block] = []
    if comparison.changes:
        shown = terminal_blocks.table(_COLUMNS)
        for one in comparison.ranked():
            text, *cells = _cells(one)
            style = next((STYLES.get(effect, "yellow") for effect in one.effects), "dim")
            shown.add_row(one.case, Text(one.implementation, style="bold"), Text(text, style=style), *cells)
        blocks += titled(comparison.title, shown)
    blocks += [Text(f"does not import: {mistake}", style="red") for mistake in comparison.broken]
    return text_of([*blocks, Text(comparison.sentence())])


def comma_separated(comparison: Comparison) -> str:
    """Return the rows as CSV."""
    rows = comparison.rows()
    return listing.comma_separated([{**row, "effects": " ".join(row["effects"])} for row in rows])


def markdown(comparison: Comparison) -> str:
    """Return a section with the changes; pairs without a change are in a part that is folded away."""
    changed = [one for one in comparison.ranked() if one.effects]
    alike = [one for one in comparison.ranked() if not one.effects]
    lines = [f"### {comparison.title}", comparison.sentence()]
    lines += [f"- does not import: `{mistake}`" for mistake in comparison.broken]
    if changed:
        lines.append(_rows(changed))
    if alike:
        lines.append(folded(f"{numbers.many(len(alike), 'pair')} without a change", _rows(alike)))
    return "\n\n".join(lines) + "\n"


def _cells(one: Change) -> list[str]:
    """Return the words of a change, its figures and its reason."""
    row = one.row()
    return [
        ", ".join(WORDS[effect] for effect in one.effects) or _unchanged(one),
        numbers.seconds(row["time_before_s"]),
        numbers.seconds(row["time_after_s"]),
        numbers.multiple(row["time_ratio"]),
        numbers.interval(row["time_ratio_low"], row["time_ratio_high"]),
        numbers.percent(row["detectable"]),
        numbers.rounding_units(row["error_before_u"]),
        numbers.rounding_units(row["error_after_u"]),
        "" if row["status_after"] in (None, "passed") else f"{row['status_after']}: {row['reason']}",
    ]


def _unchanged(one: Change) -> str:
    """Return the words for a change without an effect."""
    if one.decision is not None:
        if one.decision.word in ("slower", "faster"):
            return f"{one.decision.word}, below the threshold"
        return one.decision.word
    row = one.after or one.before
    status = numbers.MISSING if row is None else row.status
    return f"{status}, as before" if status in FAILURES else status


def _rows(some: Sequence[Change]) -> str:
    body: list[Sequence[Any]] = []
    for one in some:
        text, *cells = _cells(one)
        body.append([plain_text(cell) for cell in (one.case, one.implementation, text, *cells)])
    return table_of(list(_COLUMNS), body)
