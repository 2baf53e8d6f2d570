"""Blocks of text and tables on a terminal; nothing is ever cut off."""

import sys
from collections.abc import Iterable
from io import StringIO

from rich.console import Console, RenderableType
from rich.table import Column, Table
from rich.text import Text

WIDTH_WITHOUT_TERMINAL = 160

Forms = list[RenderableType]
"""One thing in several forms, the widest first."""

Block = RenderableType | Forms

_WIDEST = 10_000
_PADDING = 2


def text_of(blocks: Iterable[Block], width: int | None = None, color: bool | None = None) -> str:  # noqa: FBT001 passed on
    """Return blocks as text; width and colour are those of standard output unless given."""
    terminal = Console(file=sys.stdout)
    color = terminal.is_terminal and not terminal.no_color if color is None else color
    width = width or (terminal.width if terminal.is_terminal else WIDTH_WITHOUT_TERMINAL)
    text = StringIO()
    system = (terminal.color_system or "standard") if color else None
    console = Console(file=text, width=_WIDEST, force_terminal=color, color_system=system, highlight=False)  # type: ignore[arg-type]
    for block in blocks:
        choices = block if isinstance(block, list) else [block]
        chosen = next((choice for choice in choices if _needs(console, choice) <= width), choices[-1])
        console.print(chosen, width=max(width, _needs(console, chosen)), soft_wrap=isinstance(chosen, Text))
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def _needs(console: Console, block: RenderableType) -> int:
    """Return the columns below which rich would cut something off."""
    if not isinstance(block, Table):
        return console.measure(block).minimum
    return sum(_column_needs(console, column) + _PADDING for column in block.columns)


def _column_needs(console: Console, column: Column) -> int:
    """Return the width of a column; rich takes that of its longest word even where it does not wrap."""
    measured = [console.measure(cell) for cell in (column.header, *column.cells)]
    return max(one.maximum if column.no_wrap else one.minimum for one in measured)


def table(columns: dict[str, str]) -> Table:
    """Return an empty table of named columns, to the left or to the right, that cuts nothing off."""
    empty = Table(box=None, pad_edge=False, padding=(0, _PADDING, 0, 0))
    for name, justify in columns.items():
        wraps = name == "reason"
        empty.add_column(Text(name), justify=justify, no_wrap=not wraps, overflow="fold", header_style="dim")  # type: ignore[arg-type]
    return empty


def titled(title: str, *blocks: Block) -> list[Block]:
    """Return blocks under a title, and an empty line."""
    return [Text(title, style="bold"), *blocks, Text()]
