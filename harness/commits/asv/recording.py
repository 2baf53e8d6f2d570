"""What asv runs for each commit: one run of our engine, of whose records asv reads figures.

asv walks over commits, keeps and compares results; it does not hold the stopwatch. Its `setup_cache` calls
`record_commit` in a fresh process.
"""

import os
import sys
from collections.abc import Callable, Sequence
from math import exp
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from ...engine.session import Session, started
from ...machine.environment import limit_threads
from ...measure.stopwatch import Effort
from ...oracle.verdict import FAILURES
from ...plugins.declaration import Implementation
from ...plugins.discovery import discover
from ...plugins.registry import is_wanted
from ...problems.suite import Suite
from ...runs.row import Row
from ...runs.run import Run, Tracked
from ...runs.settings import Settings
from ...runs.store import read_run, run_folders
from ...workers import die_with_parent, examined
from .. import repository
from ..snapshots import content_of, files_of, offered
from .benchmark_values import key, write_figures
from .job import Job, wishes
from .manifest import suites_of


def record_commit(folder: str | Path) -> None:
    """Verify and time the commit's implementations, and leave the figures in the working folder.

    `folder` is that of the benchmarks, whose manifest names the suites. The plugins are those of asv's
    checkout; without one (asv's environment type 'existing') they are the installed ones. The records
    also become a run of their own, which an interrupted `convharness track` goes on with.
    """
    job = Job.received()
    if job.is_resumable:
        die_with_parent()
    threads = int(os.environ.get("OMP_NUM_THREADS") or 1)
    limit_threads(threads)
    suites = suites_of(Path(folder), job.suites)
    budget = job.budget_s or float(os.environ.get("CONVHARNESS_BUDGET") or Effort.budget_s)
    settings = Settings(
        level=job.level,
        seed=job.seed,
        threads=threads,
        timed=True,
        reference=True,
        effort=Effort(budget_s=budget),
    )
    commit = os.environ.get("ASV_COMMIT")
    source = {"commit": commit, "dirty": False} if commit else repository.facts(Path.cwd())
    results = Path(job.results) if job.results else Path(os.environ.get("ASV_CONF_DIR", ".")) / "results"
    implementations, purpose = _offered(commit, suites, job.patterns)
    this = started(settings, source, "convharness track" if job.is_resumable else "asv run", purpose=purpose)
    resumed = begun(results, this) if job.is_resumable else None
    session = Session(this, suites, implementations, results, resumed=resumed)
    told = _teller(job.progress, session.planned)
    for row in session.rows:
        told(row)
    for _ in session.records():
        told(session.rows[-1])
    figures = {key(row.suite, row.implementation, row.case): _figures(row) for row in session.rows}
    write_figures(figures)


def _teller(path: str | None, total: int) -> Callable[[Row], None]:
    """Return what tells of a record: asv ends a process that has been silent for too long."""
    file = Path(path).open("a", encoding="utf-8") if path else None  # noqa: SIM115 open as long as we are

    def tell(row: Row) -> None:
        words = f"{row.case} × {row.implementation}"
        sys.stdout.write(f"{words} {row.status}\n")
        sys.stdout.flush()
        if file is not None:
            file.write(f"{total}\t{words}\t{row.status}\n")
            file.flush()

    return tell


def _offered(
    commit: str | None, suites: Sequence[Suite], patterns: Sequence[str]
) -> tuple[list[Implementation], Tracked]:
    """Return what is wanted of what the commit offers, and what a run of it is for.

    A commit without a folder of implementations or a package of them offers nothing.
    """
    place = os.environ.get("ASV_ENV_DIR")
    checkout = Path(place) / "project" if place else None
    if place is None or checkout is None or not checkout.is_dir():
        registry, contents = discover(examine=examined), {}
    else:
        registry = offered(checkout, Path(place) / "sites" / (commit or "unknown"))
        files = files_of(checkout)
        contents = {one.name: content_of(files, one) for one in registry.implementations}
    chosen = [one for one in registry.implementations if is_wanted(one.name, patterns)]
    return chosen, Tracked(wishes(suites, patterns), contents, registry.broken, registry.unavailable)


def begun(results: Path, this: Run) -> Path | None:
    """Return the folder of the latest run of the same commit, machine and settings, finished or not."""
    for folder in reversed(run_folders(results)):
        if _decisive(read_run(folder)) == _decisive(this):
            return folder
    return None


def _decisive(run: Run) -> Any:
    """Return what must be equal for one tracked run to stand for another."""
    tracked = (run.purpose.wishes, run.purpose.contents) if isinstance(run.purpose, Tracked) else None
    return msgspec.to_builtins([run.commit, run.machine, run.software, run.settings, tracked])


def _figures(row: Row) -> dict[str, Any]:
    """Return what asv keeps of a record."""
    error = row.error_u
    figures: dict[str, Any] = {
        "status": row.status,
        "reason": row.reason,
        "failed": row.status in FAILURES,
        "error": None if error is None else float(f"{error:.3g}"),
    }
    if row.samples_s:
        number = row.number
        own = [median(samples) for _, samples in row.timed_passes if samples]
        relative = [exp(value) for _, value in row.relative or ()]
        figures |= {
            "time": {"samples": own, "number": number},
            "relative_time": {"samples": relative, "number": number} if relative else None,
            "plan": row.plan_s,
            "memory": row.peak_memory_bytes,
        }
    return figures
