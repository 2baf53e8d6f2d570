"""What was measured over commits, as one table; from our own runs, and from asv's files what no run has.

`times` are in seconds and cannot be compared between days; `relative_time` is the time over that of
the engine's own reference in the same rounds, which can be compared much better.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..measure.stats import Estimate, over_processes
from ..oracle.verdict import Status
from ..plugins.broken import BrokenPlugin
from ..plugins.registry import Unavailable
from ..runs.columns import Column
from ..runs.row import TABLE as RECORD_TABLE
from ..runs.run import Run, Tracked
from ..runs.store import finished_runs, read_rows_as
from .asv.configuration import asv_results, manifests_of
from .asv.manifest import Manifest
from .asv.results import asv_rows
from .repository import Commit, Repository

if TYPE_CHECKING:
    import pandas as pd

_own = partial(Column, group="commit")
_of_record = {column.name: column for column in RECORD_TABLE}

TABLE = (
    _own("commit", "text", "the commit"),
    _own("position", "integer", "its place on the line of first parents, from 0 for the oldest"),
    _own("date", "time", "when it was committed"),
    _own("subject", "text", "first line of its message"),
    _own("machine", "text", "where it was tracked; for asv's files, asv's name of the machine"),
    _own("environment", "text", "with which Python, threads and level; for asv's files, asv's name of it"),
    *(_of_record[name] for name in ("suite", "case", "problem", "implementation", "library")),
    *(_of_record[name] for name in ("status", "reason")),
    _own("content", "text", "hash of what the implementation is made of: equal where nothing has changed"),
    *(_of_record[name] for name in ("error_u", "time_median_s", "time_low_s", "time_high_s")),
    _own("relative_time", "number", "time over that of the engine's own reference in the same rounds"),
    _own("relative_low", "number", "lower end of its 95 % interval"),
    _own("relative_high", "number", "upper end of the interval"),
    _own("relative_error", "number", "standard error of its logarithm"),
    *(_of_record[name] for name in ("plan_s", "peak_memory_bytes", "run")),
    _own("source", "text", "`run`, or `asv` for what only asv's files have"),
)
"""The columns of a history."""

COLUMNS = tuple(column.name for column in TABLE)
"""Their names, in order."""


class TrackedRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The columns of a stored record that histories and events are made of, of the same types as in `Row`."""

    run: str | None = None
    suite: str
    case: str
    problem: str | None = None
    implementation: str
    library: str | None = None
    status: Status
    reason: str | None = None
    error_u: float | None = None
    time_median_s: float | None = None
    time_low_s: float | None = None
    time_high_s: float | None = None
    plan_s: float | None = None
    peak_memory_bytes: int | None = None
    relative: list[tuple[int, float]] | None = None
    reproduce: str | None = None


_SHOWN = tuple(name for name in TrackedRow.__struct_fields__ if name in COLUMNS)
"""The columns that a history takes as they are."""


@dataclass(frozen=True)
class TrackedCommit:
    """What is known of one commit on one machine: facts of its run, what that was for, and its records."""

    commit: Commit
    position: int
    run: Run
    purpose: Tracked
    rows: Sequence[TrackedRow]

    @property
    def place(self) -> tuple[str, str]:
        """Return the machine and the environment: what may be compared with each other."""
        return str(self.run.machine), environment_of(self.run)

    @property
    def broken(self) -> Sequence[BrokenPlugin]:
        """Return what does not import or build."""
        return self.purpose.broken

    @property
    def missing(self) -> Sequence[Unavailable]:
        """Return what lacks a library."""
        return self.purpose.unavailable

    @property
    def contents(self) -> Mapping[str, str]:
        """Return for each implementation a hash of what it is made of."""
        return self.purpose.contents


def environment_of(run: Run) -> str:
    """Return what else than commit and machine decides what is found, as people read it."""
    settings, threads = run.settings, run.settings.threads
    python = ".".join((run.software[0] or "").split(".")[:2])
    words = f"Python {python}, {threads} thread{'' if threads == 1 else 's'}, {settings.level} level"
    return f"{words}, seed {settings.seed}" if settings.seed else words


def tracked(results: Path, line: Sequence[Commit]) -> list[TrackedCommit]:
    """Return the finished runs that were tracked at commits of a line, in its order.

    Of several at one commit, machine and environment the later one counts where both have the same
    record. Raises `ResultsError` for a damaged run.
    """
    places = {commit.hash: place for place, commit in enumerate(line)}
    found: dict[tuple[int, tuple[str, str]], TrackedCommit] = {}
    for folder, run in finished_runs(results):
        place = places.get(str(run.commit))
        if place is None or not isinstance(run.purpose, Tracked):
            continue
        one = TrackedCommit(line[place], place, run, run.purpose, list(read_rows_as(TrackedRow, folder)))
        key = place, one.place
        found[key] = one if key not in found else _both(found[key], one)
    return [found[key] for key in sorted(found)]


def _both(earlier: TrackedCommit, later: TrackedCommit) -> TrackedCommit:
    """Return what two runs know of one commit: they may have tracked different parts of it."""
    rows = {(row.suite, row.case, row.implementation): row for row in (*earlier.rows, *later.rows)}
    purpose = msgspec.structs.replace(later.purpose, contents={**earlier.contents, **later.contents})
    return replace(later, purpose=purpose, rows=list(rows.values()))


def load_history(folder: Path | str = ".", results: Path | str | None = None) -> "pd.DataFrame":
    """Return all that is known of the commits of a repository's HEAD and its first parents.

    `folder` is anywhere in the repository, `results` where records are kept, by default in the folder
    `results` of its root; asv's files are looked for in `asv` below that, or where the repository's own
    asv.conf.json says if `results` is not given. There is a row for each commit, machine, environment,
    case and implementation; the columns are those of `COLUMNS`.

    Raises `CommitError` where there is no repository, and `ResultsError` for damaged results.
    """
    repository = Repository(Path(folder))
    place = Path(results) if results is not None else repository.root / "results"
    files = asv_results(repository, place) if results is None else place / "asv"
    return history(place, repository.line("HEAD"), files, manifests_of(repository))


def history(
    results: Path,
    line: Sequence[Commit],
    asv_results: Path | None = None,
    manifests: Sequence[Manifest] = (),
) -> "pd.DataFrame":
    """Return all that is known of a line of commits: a row per commit, place, case and implementation.

    What asv has and no run of ours has comes from asv's files, which know less, and of names only what is
    in the manifests. Columns are `COLUMNS`.
    """
    import pandas as pd

    rows = [row for one in tracked(results, line) for row in _rows(one)]
    if asv_results is not None:
        known = {_identity(row) for row in rows}
        rows += [row for row in asv_rows(asv_results, line, manifests) if _identity(row) not in known]
    rows.sort(key=lambda row: (row["position"], row["suite"], row["implementation"]))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for column in TABLE:
        if column.is_numeric:
            frame[column.name] = pd.to_numeric(frame[column.name])
    frame["date"] = pd.to_datetime(frame["date"], utc=True)
    return frame


def _rows(one: TrackedCommit) -> Iterator[dict[str, Any]]:
    machine, environment = one.place
    for row in one.rows:
        yield {
            **{name: getattr(row, name) for name in _SHOWN},
            **_relative(row),
            "commit": one.commit.hash,
            "position": one.position,
            "date": one.commit.date,
            "subject": one.commit.subject,
            "machine": machine,
            "environment": environment,
            "content": one.contents.get(row.implementation),
            "run": row.run,
            "source": "run",
        }


def relative_estimate(row: TrackedRow) -> Estimate | None:
    """Return the estimate of a record's time over that of the reference, or None without enough processes."""
    return over_processes(row.relative or ())


def _relative(row: TrackedRow) -> dict[str, float | None]:
    """Return the time over the reference's, its bounds at 95 % and its standard error."""
    names = ("relative_time", "relative_low", "relative_high", "relative_error")
    estimate = relative_estimate(row)
    if estimate is None:
        return dict.fromkeys(names)
    return dict(zip(names, (estimate.ratio, *estimate.interval(), estimate.error), strict=True))


def _identity(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["commit"], row["suite"], row["case"], row["implementation"]
