"""Rows of plain values as one array of JSON, or as JSON lines."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ...runs.store import encode_rows

Rows = Sequence[Mapping[str, Any]]


class HasRows(Protocol):
    """What can be written as rows of plain values."""

    def rows(self) -> Rows:
        """Return the rows."""


def array(subject: HasRows) -> str:
    """Return the rows of a subject as one array."""
    return array_of(subject.rows())


def lines(subject: HasRows) -> str:
    """Return the rows of a subject, one a line."""
    return encode_rows(subject.rows(), lines=True)


def array_of(rows: Rows) -> str:
    """Return rows as one array."""
    return encode_rows(rows)
