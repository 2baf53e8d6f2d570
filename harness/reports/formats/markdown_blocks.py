"""Pieces of GitHub Markdown: text as it is, code, tables, and parts that are folded away."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any


def plain_text(value: Any) -> str:
    """Return text that Markdown shows as it is, in a table cell too."""
    plain = escape(_one_line(value), quote=False)
    return "".join(f"\\{letter}" if letter in "\\|`*_[]~#" else letter for letter in plain)


def code(value: Any) -> str:
    """Return text as inline code, whatever it contains."""
    return f"<code>{_in_tag(value)}</code>"


def folded(summary: str, body: str) -> str:
    """Return a part that is shown when its summary is clicked."""
    return f"<details><summary>{_in_tag(summary)}</summary>\n\n{body}\n\n</details>"


def table_of(head: Sequence[str], rows: Iterable[Sequence[str]], names: int = 1) -> str:
    """Return a table whose first columns are names, to the left, and the others numbers, to the right."""
    rule = [*[":--"] * names, *["--:"] * (len(head) - names)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def _in_tag(value: Any) -> str:
    return escape(_one_line(value), quote=False).replace("|", "&#124;").replace("`", "&#96;")


def _one_line(value: Any) -> str:
    return " ".join(str(value).split())
