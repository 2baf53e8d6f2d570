"""What a report is made of: stored records and the runs that they come from, and what happened before."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..commits.events import Event
from ..runs.record import Run
from ..runs.store import Row, frame_of, read_rows, read_run

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Report:
    """Records as they are stored, in the order of the runs; speed-ups are against `baseline`.

    `history` has a row for each commit, implementation and case, `events` are what happened at which
    commit; both are only there where a repository is known.
    """

    stored: Sequence[Row]
    runs: Sequence[Run]
    baseline: str | None = None
    history: "pd.DataFrame | None" = None
    events: Sequence[Event] = ()

    @classmethod
    def of(cls, folders: Iterable[Path], baseline: str | None = None) -> Self:
        """Return the report of stored runs; raises `ResultsError` where one cannot be read."""
        folders = list(folders)
        runs = [read_run(folder) for folder in folders]
        return cls([row for folder in folders for row in read_rows(folder)], runs, baseline)

    def rows(self) -> Sequence[Row]:
        """Return the records with how each compares with the baseline, if anything was timed."""
        if not any(row.get("time_median_s") for row in self.stored):
            return self.stored
        from .views.comparisons import comparison_of

        compared = comparison_of(self.frame, self.baseline)
        return [{**row, **compared(row)} for row in self.stored]

    @cached_property
    def frame(self) -> "pd.DataFrame":
        """Return the records as a frame, made once, that knows the runs and the history."""
        frame = frame_of(self.stored, self.runs)
        if self.history is not None:
            frame.attrs |= {"history": self.history, "events": self.events}
        return frame
