"""Tracks commits, one `asv run` for each; what was interrupted goes on where it was.

asv checks out, builds, runs our engine in its `setup_cache` and keeps its own files. Our records are
made on the way and are the truth: a commit is done when its run is complete and asv has its file. What
happens is yielded as it happens; nothing here prints.
"""

import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ..engine.session import Session, started
from ..machine.environment import machine
from ..measure.stopwatch import Effort
from ..oracle.verdict import FAILURES
from ..problems.suite import Suite
from ..runs.run import Tracked
from ..runs.settings import Settings
from ..runs.store import is_finished, read_rows, read_run, run_folders
from .asv import process
from .asv.job import wishes
from .asv.manifest import Manifest, suites_of
from .asv.process import Advance
from .events import Event, Suspicion
from .repository import Commit, Repository
from .snapshots import WORKING_TREE, version_of
from .timeline import stored_events
from .tracking_plan import TrackingPlan
from .versions import purpose_of

State = Literal["measured", "kept", "nothing", "failed"]

CONFIRMED_S = 1.0
"""How long each implementation is timed where a suspicion is examined, in seconds."""

_MOST_TRIES = 3
"""An undecided comparison is repeated, three times as long."""


@dataclass(frozen=True)
class Itinerary:
    """The commits that are tracked next, the oldest first."""

    commits: Sequence[Commit]


@dataclass(frozen=True)
class Outcome:
    """The result of a commit; `reason` says why there is none, `broken` what does not import or build."""

    commit: Commit
    state: State
    records: int = 0
    failed: int = 0
    broken: tuple[str, ...] = ()
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Comparing:
    """Two commits are compared side by side: some implementations, for `budget_s` seconds each.

    `title` names the later commit; `tries` counts from 1. The session is carried out when the next event
    is asked for, unless that was done before.
    """

    title: str
    implementations: tuple[str, ...]
    cases: int
    budget_s: float
    tries: int
    session: Session


@dataclass(frozen=True)
class NotComparable:
    """Two commits cannot be compared: the suites of today no longer have the cases that may have changed."""

    title: str


Happening = Itinerary | Advance | Outcome | Comparing | NotComparable


def track(plan: TrackingPlan, commits: Sequence[Commit]) -> Iterator[Itinerary | Advance | Outcome]:
    """Track commits one after the other, and yield what comes of each.

    What is done is kept; what was begun goes on. A commit that fails does not stop the rest.
    """
    yield Itinerary(commits)
    for commit in commits:
        folder = _run_of(plan, commit)
        if folder is not None and is_finished(folder) and _has_file(plan, commit):
            yield _outcome(commit, folder, "kept", 0.0)
            continue
        start = time.monotonic()
        reason = yield from _measured(plan, commit)
        folder = _run_of(plan, commit)
        seconds = time.monotonic() - start
        if folder is None or not is_finished(folder):
            yield Outcome(commit, "failed", reason=reason, seconds=seconds)
        else:
            yield _outcome(commit, folder, "measured", seconds)


def _measured(plan: TrackingPlan, commit: Commit) -> Generator[Advance, None, str]:
    """Let asv run on a commit, again if new names were found; return why it failed."""
    benchmarks = plan.configuration.benchmarks
    if not Manifest.read(benchmarks).implementations:
        _learn(benchmarks, _names_at(plan.repository, commit))
    again = plan.repository, commit, plan.configuration, plan.job
    reason = yield from process.run(*again)
    folder = _run_of(plan, commit)
    if folder is not None and is_finished(folder):
        purpose = read_run(folder).purpose
        if isinstance(purpose, Tracked) and _learn(benchmarks, purpose.contents):
            reason = yield from process.run(*again)
    return reason


def _names_at(repository: Repository, commit: Commit) -> list[str]:
    """Return names for asv to begin with: it runs nothing where there are no benchmarks."""
    for name in (WORKING_TREE, commit.hash):
        if found := version_of(repository, name).registry().implementations:
            return [one.own_name for one in found]
    return ["none.yet"]


def _learn(benchmarks: Path, names: Iterable[str]) -> bool:
    """Add names to what asv knows; say whether there were new ones."""
    manifest = Manifest.read(benchmarks)
    new = [name for name in names if name not in manifest.implementations]
    if new:
        manifest.implementations += new
        manifest.write(benchmarks)
    return bool(new)


def _run_of(plan: TrackingPlan, commit: Commit) -> Path | None:
    """Return the latest run of a commit on this machine with these wishes, finished or not."""
    job = plan.job
    asked = wishes(suites_of(plan.configuration.benchmarks, job.suites), job.patterns)
    wanted = (commit.hash, machine(), job.level, job.seed, job.threads)
    for folder in reversed(run_folders(plan.results)):
        run = read_run(folder)
        facts = (run.commit, run.machine, run.settings.level, run.settings.seed, run.settings.threads)
        if isinstance(run.purpose, Tracked) and run.purpose.wishes == asked and facts == wanted:
            return folder
    return None


def _has_file(plan: TrackingPlan, commit: Commit) -> bool:
    """Say whether asv has results of a commit, with this number of threads."""
    name = f"{commit.hash[:8]}-*OMP_NUM_THREADS{plan.job.threads}*.json"
    return any(plan.configuration.results.glob(f"*/{name}"))


def _outcome(commit: Commit, folder: Path, state: State, seconds: float) -> Outcome:
    rows = list(read_rows(folder))
    purpose = read_run(folder).purpose
    broken = tuple(map(str, purpose.broken)) if isinstance(purpose, Tracked) else ()
    failed = sum(row.status in FAILURES for row in rows)
    nothing = not rows and not broken
    return Outcome(commit, "nothing" if nothing else state, len(rows), failed, broken, seconds=seconds)


def confirm(plan: TrackingPlan) -> Iterator[Comparing | NotComparable]:
    """Compare side by side what may have changed, until no suspicion is left that this machine can decide."""
    tries: Counter[Suspicion] = Counter()
    while True:
        _, suspicions = stored_events(plan.repository, plan.line, plan.results, plan.thresholds)
        pairs: dict[tuple[str, str], list[Suspicion]] = {}
        for one in suspicions:
            if tries[one] < _MOST_TRIES and one.machine == machine():
                pairs.setdefault((one.before.hash, one.after.hash), []).append(one)
        if not pairs:
            return
        for pair, mine in pairs.items():
            number = 1 + max(tries[one] for one in mine)
            tries.update(mine)
            event = _comparison(plan, pair, mine, number)
            yield event
            if isinstance(event, Comparing):
                event.session.finish()
            else:
                tries.update(dict.fromkeys(mine, _MOST_TRIES))


def _comparison(
    plan: TrackingPlan, pair: tuple[str, str], suspicions: Sequence[Suspicion], number: int
) -> Comparing | NotComparable:
    """Return what measures the suspicious implementations and cases of two commits side by side.

    With each try that takes three times as long.
    """
    versions = [version_of(plan.repository, name) for name in pair]
    names = sorted({one.series[2] for one in suspicions})
    chosen = [
        one for version in versions for one in version.registry().implementations if one.own_name in names
    ]
    suites = _of_cases(suites_of(plan.configuration.benchmarks), {one.series[:2] for one in suspicions})
    if not suites:
        return NotComparable(versions[1].title)
    job = plan.job
    budget = 3 ** (number - 1) * max(CONFIRMED_S, 2 * (job.budget_s or 0))
    effort = Effort(budget_s=budget)
    settings = Settings(level="quick", seed=job.seed, threads=job.threads, timed=True, effort=effort)
    purpose = purpose_of(versions)
    this = started(settings, {"commit": purpose.other.commit, "dirty": False}, plan.command, purpose=purpose)
    session = Session(this, suites, chosen, plan.results)
    return Comparing(versions[1].title, tuple(names), sum(map(len, suites)), budget, number, session)


def _of_cases(suites: Sequence[Suite], wanted: set[tuple[str, str]]) -> list[Suite]:
    """Return suites with the wanted cases only, by suite and label; those that have none are left out."""
    some = [
        replace(suite, cases=tuple(case for case in suite if (suite.name, case.label) in wanted))
        for suite in suites
    ]
    return [suite for suite in some if len(suite)]


def bisect(plan: TrackingPlan, *, confirmed: bool = True) -> Iterator[Happening]:
    """Track commits in the middle of untracked ranges, until every change has a commit of its own.

    What cannot be tracked is passed over. With `confirmed`, times are compared side by side as well.
    """
    tried: set[str] = set()
    while True:
        found, _ = stored_events(plan.repository, plan.line, plan.results, plan.thresholds)
        wanted = [_middle(one, tried) for one in found if one.between]
        commits = list({one.hash: one for one in wanted if one is not None}.values())
        if not commits:
            return
        tried |= {one.hash for one in commits}
        yield from track(plan, commits)
        if confirmed:
            yield from confirm(plan)


def _middle(event: Event, tried: set[str]) -> Commit | None:
    """Return the commit that halves those of which one may have brought an event."""
    left = [one for one in event.between if one.hash not in tried]
    return left[len(left) // 2] if left else None
