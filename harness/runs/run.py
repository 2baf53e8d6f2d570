"""A run's own facts, which lie beside its records: when, where and how it was made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .record import COLUMNS, NESTED_COLUMNS, Record


@dataclass(frozen=True)
class Run:
    """One run: when, where and how, and how many records it planned; they lie beside it.

    `arguments` are the words of the command line and `folder` where they were said, so that it can go
    on if it was interrupted.
    """

    id: str
    started_at: str
    command: str
    environment: Mapping[str, Any]
    settings: Mapping[str, Any]
    planned: int | None = None
    arguments: Sequence[str] = ()
    folder: str | None = None

    def columns(self) -> dict[str, Any]:
        """Return the columns that all records of the run share."""
        return {
            "run": self.id,
            "started_at": self.started_at,
            "machine": self.environment.get("machine"),
            "commit": self.environment.get("commit"),
        }

    def row(self, record: Record) -> dict[str, Any]:
        """Return a record as it is stored: its own columns and those of the run, in order."""
        row = {**self.columns(), **record.row()}
        return {name: row[name] for name in (*COLUMNS, *NESTED_COLUMNS)}
