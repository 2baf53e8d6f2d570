"""What changed between two commits, for a terminal, for Markdown or as records."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from ..commits.changes import REGRESSIONS, Change, summary
from ..errors import SelectionError
from ..oracle.verdict import FAILURES
from . import numbers
from .markdown import plain_text, table_of
from .screen import Block, table, text_of, titled

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
WORDS: Mapping[str, str] = {
    "wrong": "wrong",
    "slower": "slower",
    "imprecise": "less exact",
    "removed": "removed",
    "added": "added",
    "repaired": "repaired",
    "faster": "faster",
    "exact": "more exact",
    "broken": "does not import",
}
"""What people read for each effect."""

_NOTHING = Change("", "", "", None, None)

STYLES = {
    **dict.fromkeys((*REGRESSIONS, "broken"), "red"),
    "faster": "green",
    "repaired": "green",
    "exact": "green",
}


def render(
    format_name: str,
    found: Sequence[Change],
    titles: Sequence[str],
    same: Sequence[str],
    broken: Sequence[str],
) -> str:
    """Return the changes in a format: 'comparison' or 'table', 'markdown', 'json', 'jsonl' or 'csv'.

    `titles` name the two versions, `same` the implementations that were not measured as they are equal,
    `broken` what does not import afterwards, and did before.
    """
    rows = [*(one.row() for one in found), *map(_broken_row, broken)]
    if format_name in ("json", "jsonl"):
        from ..runs.store import encode_rows

        return encode_rows(rows, lines=format_name == "jsonl")
    if format_name == "csv":
        import pandas as pd

        flat = [{**row, "effects": " ".join(row["effects"])} for row in rows]
        return pd.DataFrame(flat).to_csv(index=False, lineterminator="\n")
    if format_name == "markdown":
        return _markdown(found, titles, same, broken)
    if format_name in ("comparison", "table"):
        return text_of(_blocks(found, titles, same, broken))
    raise SelectionError(
        f"two commits are not reported as {format_name!r}; take table, markdown, json or csv"
    )


def _broken_row(mistake: str) -> dict[str, Any]:
    """Return what does not import as a row beside those of changes, of which it has neither case nor name."""
    blank: dict[str, Any] = dict.fromkeys(_NOTHING.row())
    return {**blank, "effects": ["broken"], "reason": mistake}


def sentence(found: Sequence[Change], same: Sequence[str], broken: Sequence[str]) -> str:
    """Return in a sentence what changed."""
    parts = [f"{count:,} {WORDS[effect]}" for effect, count in summary(found).items()]
    if broken:
        parts.insert(0, f"{numbers.many(len(broken), 'file')} not importing")
    said = ", ".join(parts) if parts else "no change that is worth a word"
    judged = f"{numbers.many(len(found), 'pair')} of implementation and case compared"
    left = f"; {numbers.many(len(same), 'implementation')} the same in both, not measured" if same else ""
    return f"{judged}: {said}{left}."


def _blocks(
    found: Sequence[Change], titles: Sequence[str], same: Sequence[str], broken: Sequence[str]
) -> list[Block]:
    blocks: list[Block] = []
    if found:
        shown = table(_COLUMNS)
        for one in sorted(found, key=_rank):
            text, *cells = _cells(one)
            style = next((STYLES.get(effect, "yellow") for effect in one.effects), "dim")
            shown.add_row(one.case, Text(one.implementation, style="bold"), Text(text, style=style), *cells)
        blocks += titled(f"{titles[1]} against {titles[0]}", shown)
    blocks += [Text(f"does not import: {mistake}", style="red") for mistake in broken]
    return [*blocks, Text(sentence(found, same, broken))]


def _rank(one: Change) -> tuple[int, str, str]:
    order = list(WORDS)
    return (min(map(order.index, one.effects), default=len(order)), one.implementation, one.case)


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
    """Return what there is to say of something that shows no effect."""
    if one.decision is not None:
        if one.decision.word in ("slower", "faster"):
            return f"{one.decision.word}, below the threshold"
        return one.decision.word
    status = str((one.after or one.before or {}).get("status", numbers.MISSING))
    return f"{status}, as before" if status in FAILURES else status


def _markdown(
    found: Sequence[Change], titles: Sequence[str], same: Sequence[str], broken: Sequence[str]
) -> str:
    """Return a section with what changed, and what did not in a part that is folded away."""
    changed = [one for one in sorted(found, key=_rank) if one.effects]
    alike = [one for one in sorted(found, key=_rank) if not one.effects]
    lines = [f"### {titles[1]} against {titles[0]}", sentence(found, same, broken)]
    lines += [f"- does not import: `{mistake}`" for mistake in broken]
    if changed:
        lines.append(_rows(changed))
    if alike:
        summary_line = f"<details><summary>{numbers.many(len(alike), 'pair')} without a change</summary>"
        lines += [summary_line, _rows(alike), "</details>"]
    return "\n\n".join(lines) + "\n"


def _rows(some: Sequence[Change]) -> str:
    body: list[Sequence[Any]] = []
    for one in some:
        text, *cells = _cells(one)
        body.append([plain_text(cell) for cell in (one.case, one.implementation, text, *cells)])
    return table_of(list(_COLUMNS), body)
