"""The formats: for each kind of subject a table from a name to a function that makes text of it.

A new format is one row. A format loads its module, and with it pandas or rich, when it is first called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ...errors import SelectionError, did_you_mean

if TYPE_CHECKING:
    from ..changes import Comparison
    from ..events import Regressions
    from ..report import Report

Subject = TypeVar("Subject")
Rows = Sequence[Mapping[str, Any]]


class HasRows(Protocol):
    """What can be written as rows of plain values."""

    def rows(self) -> Rows:
        """Return the rows."""


def _lazy(module: str, function: str) -> Callable[[Any], str]:
    """Return a function of a module beside this one, which is imported when it is called."""

    def show(subject: Any) -> str:
        text: str = getattr(import_module(f"{__package__}.{module}"), function)(subject)
        return text

    return show


def _of_frame(module: str) -> Callable[[Report], str]:
    """Return a format that shows the frame of a report: `render` of a module beside this one."""

    def show(report: Report) -> str:
        loaded = import_module(f"{__package__}.{module}")
        text: str = loaded.render(report.frame, baseline=report.baseline)
        return text

    return show


def _array(rows: Rows) -> str:
    """Return rows as one array of JSON."""
    return _encoded(rows, lines=False)


def _lines(rows: Rows) -> str:
    """Return rows as lines of JSON."""
    return _encoded(rows, lines=True)


def _encoded(rows: Rows, *, lines: bool) -> str:
    from ...runs.store import encode_rows

    return encode_rows(rows, lines=lines)


def _of_rows(encode: Callable[[Rows], str]) -> Callable[[HasRows], str]:
    """Return a format that shows the rows of a subject."""
    return lambda subject: encode(subject.rows())


FORMATS: Mapping[str, Callable[[Report], str]] = {
    "table": _of_frame("terminal"),
    "json": _of_rows(_array),
    "jsonl": _of_rows(_lines),
    "csv": _of_frame("csv"),
    "markdown": _of_frame("markdown"),
    "junit": _of_frame("junit"),
    "comparison": _of_frame("comparison"),
    "html": _of_frame("html.page"),
}
"""The formats of records."""

CHANGES: Mapping[str, Callable[[Comparison], str]] = {
    "comparison": _lazy("changes", "table"),
    "table": _lazy("changes", "table"),
    "json": _of_rows(_array),
    "jsonl": _of_rows(_lines),
    "csv": _lazy("changes", "comma_separated"),
    "markdown": _lazy("changes", "markdown"),
}
"""The formats of what changed between two commits."""

EVENTS: Mapping[str, Callable[[Regressions], str]] = {
    "table": _lazy("events", "table"),
    "json": _of_rows(_array),
    "markdown": _lazy("events", "markdown"),
}
"""The formats of what happened at which commit."""

LISTS: Mapping[str, Callable[[Rows], str]] = {
    "table": _lazy("lists", "table"),
    "json": _array,
    "csv": _lazy("lists", "comma_separated"),
    "markdown": _lazy("lists", "markdown"),
}
"""The formats of rows with any columns."""


def render(format_name: str, subject: Subject, formats: Mapping[str, Callable[[Subject], str]]) -> str:
    """Return a subject in a format of its kind; raises `SelectionError` for a name that is not there."""
    if format_name not in formats:
        hint = did_you_mean(format_name, formats)
        raise SelectionError(f"there is no report format {format_name!r}{hint}")
    return formats[format_name](subject)
