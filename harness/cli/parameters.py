"""What the values of options may be: each is checked where it is read, before anything is measured."""

import math
import os
from pathlib import Path
from typing import Any

import click

from ..commits.changes import Gate, parse_gate


def finite(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    """Return a number that is one; a range lets not-a-number and infinity through."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a number to measure with; write it like 0.5")
    return value


def share_of_one(_: click.Context, __: click.Parameter, value: str) -> float:
    """Return a share of one, which may be said in percent: 0.01 or 1%."""
    text = value.strip()
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise click.BadParameter(f"{value!r} is not a share; write it like 1% or 0.01")
    return share


_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


def duration(_: click.Context, __: click.Parameter, value: str) -> float:
    """Return the seconds of a duration such as 30s, 10m or 1.5h; without a unit it is in seconds."""
    text = value.strip()
    try:
        seconds = float(text.rstrip("smh")) * _UNITS_S[text[-1:] if text[-1:] in _UNITS_S else "s"]
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise click.BadParameter(f"{value!r} is not a duration; write it like 30s, 10m or 1h")
    return seconds


def gate(_: click.Context, __: click.Parameter, value: str | None) -> Gate | None:
    """Return the gate that a text describes."""
    if value is None:
        return None
    return parse_gate(value)


class Output(click.Path):
    """A file that will be written, at the end of what may take long: that it can be is seen at once.

    With `suffixes`, its name has to end in one of them.
    """

    name = "file"

    def __init__(self, *suffixes: str) -> None:
        super().__init__(path_type=Path, dir_okay=False, writable=True)
        self._suffixes = suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path; what cannot be written is a mistake."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if self._suffixes and path.suffix not in self._suffixes:
            self.fail(
                f"{path} is written as its name says; end it in {' or '.join(self._suffixes)}", param, ctx
            )
        if not path.parent.is_dir():
            self.fail(f"{path} cannot be written: {path.parent} is not a folder; make it first", param, ctx)
        if not os.access(path.parent, os.W_OK):
            self.fail(f"{path} cannot be written: {path.parent} may not be written to", param, ctx)
        return path
