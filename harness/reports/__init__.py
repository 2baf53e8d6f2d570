"""Report formats, each one function from stored records to text; nothing here runs anything.

`FORMATS` is the list of them. A format loads its module, and with it pandas, when it is first called.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from ..errors import SelectionError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd


class Format(Protocol):
    """Turn records (one row per case and implementation) into text."""

    def __call__(self, frame: pd.DataFrame, *, baseline: str | None = None) -> str:
        """Return the report as one string; speed-ups are against `baseline`."""


def _lazy(module: str) -> Format:
    def format_frame(frame: pd.DataFrame, *, baseline: str | None = None) -> str:
        loaded = cast("Format", import_module(f"{__name__}.{module}").render)
        return loaded(frame, baseline=baseline)

    return format_frame


FORMATS: dict[str, Format] = {
    "table": _lazy("terminal"),
    "comparison": _lazy("comparison"),
    "csv": _lazy("tables"),
    "markdown": _lazy("markdown"),
    "junit": _lazy("junit"),
    "html": _lazy("html"),
}


def render(format_name: str, frame: pd.DataFrame, baseline: str | None = None) -> str:
    """Return `frame` in the format of that name."""
    if format_name not in FORMATS:
        hint = did_you_mean(format_name, FORMATS)
        raise SelectionError(f"there is no report format {format_name!r}{hint}")
    return FORMATS[format_name](frame, baseline=baseline)
