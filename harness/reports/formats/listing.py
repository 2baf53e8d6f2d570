"""Rows with any columns as text, for lists of choices and for the findings of a check."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from typing import Any

from rich.text import Text

from . import markdown_blocks, terminal_blocks

Rows = Sequence[Mapping[str, Any]]


def table(rows: Rows) -> str:
    """Return rows as a table without colours, as wide as it needs to be, with numbers to the right."""
    names = _names(rows)
    shown = terminal_blocks.table({name: "right" if _is_numeric(name, rows) else "left" for name in names})
    for row in rows:
        shown.add_row(*(Text(_grouped(row.get(name))) for name in names))
    return terminal_blocks.text_of([shown], color=False)


def markdown(rows: Rows) -> str:
    """Return rows as a table of Markdown."""
    names = _names(rows)
    body = [list(map(markdown_blocks.plain_text, cells)) for cells in _texts(rows, names)]
    return markdown_blocks.table_of(names, body, len(names)) + "\n"


def comma_separated(rows: Rows) -> str:
    """Return rows as CSV, with a line of names first."""
    names = _names(rows)
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([names, *_texts(rows, names)])
    return text.getvalue()


def _names(rows: Rows) -> list[str]:
    """Return the columns that any row has, in order of appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _texts(rows: Rows, names: Sequence[str]) -> Iterator[list[str]]:
    """Yield the cells of each row; what is not there is empty."""
    for row in rows:
        yield ["" if row.get(name) is None else str(row[name]) for name in names]


def _is_numeric(name: str, rows: Rows) -> bool:
    return all(isinstance(row.get(name), (int, float)) for row in rows)


def _grouped(value: Any) -> str:
    """Return a cell for a person: the thousands of numbers are set apart."""
    if isinstance(value, (int, float)):
        return f"{value:,g}" if isinstance(value, float) else f"{value:,}"
    return "" if value is None else str(value)
