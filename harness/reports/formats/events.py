"""What changed at which commit, for a terminal or as Markdown."""

from rich.text import Text

from ..events import COLUMNS, Regressions, cells
from . import terminal_blocks
from .changes import STYLES
from .markdown_blocks import plain_text, table_of
from .terminal_blocks import Block, text_of

_STYLES = {"commit": "bold", "implementation": "bold", "date": "dim", "confidence": "dim", "subject": "dim"}


def table(subject: Regressions) -> str:
    """Return a line for each step, and a sentence, for a terminal."""
    blocks: list[Block] = []
    if steps := subject.steps():
        lines = terminal_blocks.table(COLUMNS)
        for event, step in steps:
            styles = {**_STYLES, "change": STYLES.get(step.kind, "yellow")}
            shown = cells(event, step)
            lines.add_row(*(Text(shown[name], style=styles.get(name, "")) for name in COLUMNS))
        blocks += [lines, Text()]
    return text_of([*blocks, Text(subject.sentence())])


def markdown(subject: Regressions) -> str:
    """Return a line for each step, and a sentence, as Markdown."""
    body = [[plain_text(text) for text in cells(event, step).values()] for event, step in subject.steps()]
    lines = [table_of(list(COLUMNS), body)] if body else []
    return "\n\n".join([*lines, subject.sentence()]) + "\n"
