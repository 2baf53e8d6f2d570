"""Columns of tables, with their types, units, groups and meanings, as the fields of a struct declare them."""

from dataclasses import dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

Kind = Literal["text", "integer", "number", "boolean", "time", "nested"]
"""What the cells of a column hold; any of them may be empty."""

_KINDS: dict[Any, Kind] = {str: "text", int: "integer", float: "number", bool: "boolean"}


@dataclass(frozen=True)
class Group:
    """Columns that belong together; a call declares one of them: `Annotated[str | None, group(…)]`."""

    name: str

    def __call__(self, about: str, unit: str = "", *, heading: str = "") -> Meta:
        """Return the declaration of a column, with the fields of `Column`."""
        shown = {"unit": unit} if unit else None
        extra = {"group": self.name, "unit": unit, "heading": heading}
        return Meta(description=about, extra_json_schema=shown, extra=extra)


@dataclass(frozen=True)
class Column:
    """A column of a table: what it holds, in which unit, and where it belongs.

    `type` is the Python type of a cell, as it is decoded. `unit` is empty for text, counts and pure
    numbers; `heading` is empty for what the HTML table of records leaves to the page of a record.
    """

    name: str
    kind: Kind
    about: str
    unit: str = ""
    group: str = ""
    heading: str = ""
    type: Any = None

    @property
    def is_numeric(self) -> bool:
        """Say whether the cells are numbers."""
        return self.kind in ("integer", "number")


def columns_of(row: type[msgspec.Struct]) -> tuple[Column, ...]:
    """Return the columns that the fields of a row declare, in order."""
    return tuple(_column(field) for field in msgspec.structs.fields(row))


def _column(field: msgspec.structs.FieldInfo) -> Column:
    cell, meta = get_args(field.type)
    return Column(field.name, _kind(cell), meta.description, **meta.extra, type=cell)


def _kind(cell: Any) -> Kind:
    """Return what a cell of a Python type holds."""
    members = [one for one in get_args(cell) if one is not NoneType]
    if get_origin(cell) is Literal:
        return "text"
    return _KINDS.get(members[0] if members else cell, "nested")
