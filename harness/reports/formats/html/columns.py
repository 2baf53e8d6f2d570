"""The columns of the table of records: those that have a heading, in the units in which they are shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from ....runs.columns import Column
from ....runs.row import TABLE
from ... import numbers

WHOLE = 0


@dataclass(frozen=True)
class RecordColumn:
    """One column of the table of records: a stored column in the unit in which it is shown."""

    title: str
    name: str
    scale: float = 1.0
    digits: int = 2

    @classmethod
    def of(cls, column: Column) -> Self:
        """Return how a stored column is shown."""
        if column.unit in _UNITS:
            unit, scale, digits = _UNITS[column.unit]
            return cls(f"{column.heading} ({unit})", column.name, scale, digits)
        return cls(column.heading, column.name, digits=WHOLE if column.kind == "integer" else 2)

    def text(self, record: Mapping[str, Any]) -> str:
        """Return what the cell shows of a record that has a value."""
        value = record[self.name]
        if self.digits == WHOLE:
            return f"{value:,.0f}"
        return numbers.plain(value * self.scale, self.digits)


_UNITS = {
    "u": ("u", 1.0, 2),
    "s": ("µs", 1e6, 4),
    "GFLOP/s": ("GFLOP/s", 1.0, 3),
    "GB/s": ("GB/s", 1.0, 3),
    "share": ("%", 100.0, 2),
    "bytes": ("MiB", 2.0**-20, 3),
}
"""How a unit is shown: by which name, times what, and to how many digits."""

_FIRST_GROUPS = ("error", "time", "plan", "sampling", "rate", "memory", "work", "implementation")


def _place(column: Column) -> int:
    """Return where the group of a column stands in the table of records; further groups come last."""
    return _FIRST_GROUPS.index(column.group) if column.group in _FIRST_GROUPS else len(_FIRST_GROUPS)


RECORD_COLUMNS = tuple(RecordColumn.of(column) for column in sorted(TABLE, key=_place) if column.heading)
