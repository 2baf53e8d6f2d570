"""One run from its start to its end: what is chosen is judged, timed and stored, record by record.

It neither prints nor knows a command line; what watches it takes the records as they are written.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from ..errors import ResultsError
from ..machine import calibration, environment
from ..oracle.verdict import FAILURES
from ..plugins.declaration import Implementation
from ..problems.suite import Suite
from ..runs.journal import RunWriter, check_same
from ..runs.record import Record
from ..runs.row import Row
from ..runs.run import Plain, Purpose, Run, Selection
from ..runs.settings import Settings
from ..runs.store import compact, new_run, read_run
from ..workers import ceilings_of
from .runner import Key, run
from .timer_selftest import Marks


def started(
    settings: Settings,
    source: Mapping[str, Any],
    command: str,
    *,
    purpose: Purpose | None = None,
    selection: Selection | None = None,
) -> Run:
    """Return a run that starts now on this machine.

    `source` are the facts of the working folder: its `commit`, and whether it is `dirty`. `command` is
    how the run was asked for, for people to read.
    """
    environment.limit_threads(settings.threads)
    facts = environment.describe(settings.threads) | dict(source)
    return new_run(facts, settings, command, purpose=purpose, selection=selection)


def as_before(folder: Path) -> tuple[Selection, Settings, Plain]:
    """Return what a stored run selected, its settings and its purpose, to go on with it.

    Raises `ResultsError` for a run that does not say what was selected, or that was started elsewhere:
    files are selected by their paths from there.
    """
    run = read_run(folder)
    if run.selection is None or not isinstance(run.purpose, Plain):
        raise ResultsError(f"{folder} does not say what was selected; start it again")
    if run.folder and Path(run.folder) != Path.cwd():
        raise ResultsError(f"run {run.id} was started in {run.folder}; go on with it there")
    return run.selection, run.settings, run.purpose


class Session:
    """One run: every suite and implementation judged by its settings, timed if these say so, and stored.

    With `resumed`, the folder of an earlier run, that run goes on: what it has records of is left out, and
    `this` says as what kind of run it is taken up.

    Raises `ResultsError` where the folder cannot be written, or where the earlier run was started with
    other settings, on another machine or commit, or with another selection.
    """

    def __init__(
        self,
        this: Run,
        suites: Sequence[Suite],
        implementations: Sequence[Implementation],
        results: Path,
        *,
        resumed: Path | None = None,
    ) -> None:
        self.planned = sum(
            len(suite) for suite in suites for one in implementations if suite.is_for(one.name)
        )
        """How many records there will be, if no implementation is left at its first failure."""
        settings = this.settings
        self._ceilings = ceilings_of(settings.threads) if settings.timed else None
        if resumed is None:
            self.run = replace(
                this,
                planned=None if settings.exit_first or settings.time_s else self.planned,
                environment={**this.environment, **self._limits(settings)},
            )
        else:
            self.run = read_run(resumed)
            check_same(self.run, this)
            results = resumed.resolve().parent.parent
        self._chosen = suites, implementations
        self._writer = RunWriter(results, self.run, again=resumed is not None)
        self._is_over = False

    def _limits(self, settings: Settings) -> dict[str, Any]:
        """Return what is known of the machine's speed, and of how well differences can be seen on it."""
        if not settings.timed:
            return {}
        return {
            "ceilings": self._ceilings,
            "timer": calibration.read("timer", settings.threads, Marks),
        }

    @property
    def folder(self) -> Path:
        """Return the folder of the run."""
        return self._writer.folder

    @property
    def rows(self) -> Sequence[Row]:
        """Return the records so far as they are stored, with those from before the run was resumed."""
        return self._writer.rows

    @property
    def is_restored(self) -> bool:
        """Say whether something else had changed the records, which were then put back."""
        return self._writer.restored

    @property
    def has_failed(self) -> bool:
        """Say whether any record says that an implementation is not right."""
        return any(row.status in FAILURES for row in self.rows)

    @property
    def has_judged(self) -> bool:
        """Say whether any record says that an implementation is right, or that it is not."""
        return any(row.status == "passed" or row.status in FAILURES for row in self.rows)

    @property
    def left(self) -> Mapping[str, int]:
        """Return how many cases an implementation was not asked as its time was up, by name."""
        if self.run.settings.time_s is None:
            return {}
        suites, implementations = self._chosen
        asked = Counter(row.implementation for row in self.rows)
        failed = {row.implementation for row in self.rows if row.status in FAILURES}
        found = {
            one.name: sum(len(suite) for suite in suites if suite.is_for(one.name)) - asked[one.name]
            for one in implementations
            if not (self.run.settings.exit_first and one.name in failed)
        }
        return {name: count for name, count in found.items() if count}

    def records(self) -> Iterator[Record]:
        """Yield the records that are not there yet, each when it is on disk; then write them as columns.

        Asked again at the end, there are none.

        Raises `ResultsError` where a record cannot be written; those before it are kept.
        """
        if self._is_over:
            return
        with self._writer as writer:
            for record in run(*self._chosen, self.run.settings, done=self._done(), ceilings=self._ceilings):
                writer.append(record)
                yield record
        compact(writer.folder)
        self._is_over = True

    def finish(self) -> Self:
        """Make all records that are not there yet, and return the session; raises what `records` raises."""
        for _ in self.records():
            pass
        return self

    def _done(self) -> dict[Key, bool]:
        """Return what is known from before, and whether it failed."""
        return {(row.suite, row.case, row.implementation): row.status in FAILURES for row in self.rows}
