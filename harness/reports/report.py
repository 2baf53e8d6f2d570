"""What a report is made of: the records of stored runs, the runs, and the history of the commits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from ..commits.events import Event
from ..runs.row import Row
from ..runs.run import Run
from ..runs.store import frame_of, load, read_rows, read_run

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Report:
    """Records as they are stored, in the order of the runs; speed-ups are against `baseline`.

    They are `given`, or are read from `folders` when they are needed. `history` has a row for each
    commit, implementation and case, `events` are the changes at each commit; both are empty without a
    repository. Every table that is derived from the records is made once, on first use. Tables that
    need a baseline raise `SelectionError` where no record is of it.
    """

    given: Sequence[Row]
    runs: Sequence[Run]
    baseline: str | None = None
    history: "pd.DataFrame | None" = None
    events: Sequence[Event] = ()
    folders: Sequence[Path] = ()

    @classmethod
    def of(cls, folders: Iterable[Path], baseline: str | None = None) -> Self:
        """Return the report of stored runs; raises `ResultsError` for a folder that is not a run."""
        folders = list(folders)
        runs = [read_run(folder) for folder in folders]
        return cls((), runs, baseline, folders=folders)

    def rows(self) -> Sequence[dict[str, Any]]:
        """Return the records with how each compares with the baseline, if anything was timed.

        Raises `ResultsError` where a stored record is damaged.
        """
        records = self.given or [row for folder in self.folders for row in read_rows(folder)]
        rows = [msgspec.structs.asdict(row) for row in records]
        if not any(row.time_median_s for row in records):
            return rows
        from .views.comparisons import comparison_of

        columns_of = comparison_of(self.comparisons)
        return [{**row, **columns_of(row)} for row in rows]

    @cached_property
    def stored(self) -> "pd.DataFrame":
        """Return all records as they are stored, one row each; raises `ResultsError` where one is damaged."""
        return load(self.folders) if self.folders else frame_of(self.given)

    @cached_property
    def frame(self) -> "pd.DataFrame":
        """Return the newest record of each case and implementation, prepared for the views."""
        from .views.frames import prepare

        return prepare(self.stored, self.runs)

    @cached_property
    def baselines(self) -> Mapping[str, str]:
        """Return the baseline of each layout that has one."""
        from .views.comparisons import baselines

        return baselines(self.frame, self.baseline)

    @cached_property
    def comparisons(self) -> "pd.DataFrame":
        """Return how each timed record compares with the baseline of its layout."""
        from .views.comparisons import compared

        return compared(self.frame, self.baselines)

    @cached_property
    def compared(self) -> "pd.DataFrame":
        """Return the rows of `frame` with the columns of `comparisons`."""
        from .views.comparisons import with_comparisons

        return with_comparisons(self.frame, self.comparisons)
