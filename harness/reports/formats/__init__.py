"""The formats: for each kind of subject a table from a name to the function that renders it as text.

A new format is one row. A format loads its module, and with it pandas or rich, when it is first called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from ...errors import SelectionError, did_you_mean

if TYPE_CHECKING:
    from ..changes import Comparison
    from ..events import Regressions
    from ..report import Report

Subject = TypeVar("Subject")
Rows = Sequence[Mapping[str, Any]]


def _lazy(module: str, function: str = "render") -> Callable[[Any], str]:
    """Return a function of a module of this package, which is imported when it is called."""

    def show(subject: Any) -> str:
        text: str = getattr(import_module(f"{__package__}.{module}"), function)(subject)
        return text

    return show


FORMATS: Mapping[str, Callable[[Report], str]] = {
    "table": _lazy("terminal"),
    "json": _lazy("json", "array"),
    "jsonl": _lazy("json", "lines"),
    "csv": _lazy("csv"),
    "markdown": _lazy("markdown"),
    "junit": _lazy("junit"),
    "comparison": _lazy("comparison"),
    "html": _lazy("html.page"),
}
"""The formats of records."""

CHANGES: Mapping[str, Callable[[Comparison], str]] = {
    "comparison": _lazy("changes", "table"),
    "table": _lazy("changes", "table"),
    "json": _lazy("json", "array"),
    "jsonl": _lazy("json", "lines"),
    "csv": _lazy("changes", "comma_separated"),
    "markdown": _lazy("changes", "markdown"),
}
"""The formats of what changed between two commits."""

EVENTS: Mapping[str, Callable[[Regressions], str]] = {
    "table": _lazy("events", "table"),
    "json": _lazy("json", "array"),
    "markdown": _lazy("events", "markdown"),
}
"""The formats of what changed at which commit."""

LISTS: Mapping[str, Callable[[Rows], str]] = {
    "table": _lazy("listing", "table"),
    "json": _lazy("json", "array_of"),
    "csv": _lazy("listing", "comma_separated"),
    "markdown": _lazy("listing", "markdown"),
}
"""The formats of rows with any columns."""


def render(format_name: str, subject: Subject, formats: Mapping[str, Callable[[Subject], str]]) -> str:
    """Return a subject in a format of its kind; raises `SelectionError` for a name that is not there."""
    if format_name not in formats:
        hint = did_you_mean(format_name, formats)
        raise SelectionError(f"there is no report format {format_name!r}{hint}")
    return formats[format_name](subject)
