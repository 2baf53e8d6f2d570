"""The command that tracks many commits, and lists what changed at which."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from ..api.reporting import with_history_of
from ..commits import tracker
from ..commits.asv.configuration import asv_results, configured, manifests_of
from ..commits.asv.job import Job
from ..commits.asv.manifest import MANIFEST
from ..commits.asv.process import Advance, published
from ..commits.changes import Gate
from ..commits.events import Event, Suspicion
from ..commits.history import history, tracked
from ..commits.repository import Commit, Repository
from ..commits.timeline import stored_events
from ..commits.tracker import Comparing, Happening, Itinerary, NotComparable, Outcome
from ..commits.tracking_plan import TrackingPlan, alone_in, line_of, thinned, untracked
from ..errors import ResultsError
from ..files.atomic import write_text
from ..reports.events import Regressions
from ..reports.formats import EVENTS, FORMATS, render
from ..reports.numbers import many
from ..reports.report import Report
from ..runs.store import make_folder, write_frame
from . import options
from .console import Steps, say, show, stdout_kept
from .exit_codes import FAILED, PASSED
from .running import carried_out, command_line, placed, settings_of

_LISTING = ("list_only", "gate", "results", "format_name", "history_file")
"""The options that are allowed where nothing is measured."""


@click.command()
@click.argument("span", required=False, metavar="[RANGE]")
@options.tracking
def track(span: str | None, *, list_only: bool, new: bool, **chosen: Any) -> int:
    """Verify and time the implementations of many commits, through asv; say what changed at which.

    RANGE is one of git's, such as v1.0..HEAD. Without it: all commits since the latest that was tracked,
    or the last 20.
    """
    if list_only:
        ignored = [word for name, word in options.said().items() if name not in _LISTING]
        if ignored:
            raise click.UsageError(
                f"--regressions lists what is known and measures nothing; leave {' and '.join(ignored)} out"
            )
        return _list(**{name: chosen[name] for name in _LISTING if name in chosen})
    if span and new:
        raise click.UsageError("--new says which commits, and so does a RANGE; leave one of them out")
    return _track(span, **chosen)


def _track(  # noqa: PLR0913 what the options say
    span: str | None,
    *,
    every: int,
    bisect: bool,
    publish: bool,
    confirm: bool,
    gate: Gate | None,
    format_name: str,
    results: Path,
    suites: Sequence[str],
    history_file: Path | None,
    **chosen: Any,
) -> int:
    repository = Repository(Path.cwd())
    results = placed(results, repository)
    with alone_in(repository), stdout_kept():
        line = repository.line("HEAD")
        wanted = thinned(_wanted(repository, line, results, span), every)
        line = line_of(repository, line, wanted)
        configuration = configured(repository, results, suites, chosen["threads"])
        job = Job.of(settings_of(**chosen), results, suites, chosen["patterns"])
        thresholds = gate.thresholds if gate else None
        plan = TrackingPlan(repository, line, configuration, job, thresholds, command_line())
        _warn(plan, results)
        failed = [one for one in _told(tracker.track(plan, wanted)) if one.state == "failed"]
        if failed:
            say(f"{len(failed)} of {many(len(wanted), 'commit')} could not be tracked")
        if confirm:
            _told(tracker.confirm(plan))
        if bisect:
            _told(tracker.bisect(plan, confirmed=confirm))
        found, left = stored_events(repository, line, results, thresholds)
        if publish:
            _publish(plan)
    if history_file is not None:
        _write_history(history_file, repository, results, line)
    _show_events(found, left, format_name)
    asked = {commit.hash for commit in wanted}
    mine = [one for one in found if asked & {one.commit.hash, *(other.hash for other in one.between)}]
    return FAILED if failed or _is_stopped(mine, gate) else PASSED


def _wanted(
    repository: Repository, line: Sequence[Commit], results: Path, span: str | None
) -> Sequence[Commit]:
    """Return the commits that are asked for, the oldest first."""
    if span is not None:
        return repository.commits(span)
    known = tracked(results, line)
    found = untracked(line, known)
    if not known:
        say(f"no commit was tracked so far; these are the last ones ({len(found)}), a RANGE says others")
    return found


def _warn(plan: TrackingPlan, results: Path) -> None:
    """Say where asv's files are, and that uncommitted changes are not measured."""
    configuration = plan.configuration
    if configuration.results.resolve() != (results / "asv").resolve():
        say(f"asv's own files are in {configuration.results}, as {configuration.path.name} says")
    if plan.repository.is_dirty(but=f"suites/{MANIFEST}"):  # to which tracking itself appends
        say("commits are measured, not uncommitted changes; `convharness compare HEAD .` measures those")


def _told(happenings: Iterable[Happening]) -> list[Outcome]:
    """Say what happens while commits are tracked, and return what came of each."""
    outcomes = []
    with Steps() as steps:
        for one in happenings:
            match one:
                case Itinerary():
                    steps.begin(len(one.commits))
                case Advance():
                    steps.within(one.done, one.planned, one.record)
                case Outcome():
                    steps.done(_outcome(one))
                    outcomes.append(one)
                case Comparing():
                    say(_comparison(one))
                    carried_out(one.session)
                case NotComparable():
                    say(f"{one.title}: the cases that may have changed are in no suite any more")
    return outcomes


def _outcome(outcome: Outcome) -> str:
    """Return the result of a commit in a line, and what is wrong with it."""
    commit = outcome.commit
    found = {
        "measured": f"{outcome.records:,} records in {outcome.seconds:.0f} s",
        "kept": f"{outcome.records:,} records, from before",
        "nothing": "offers no implementations, or none that was asked for",
        "failed": "could not be tracked",
    }[outcome.state]
    failures = f", {outcome.failed:,} failed" if outcome.failed else ""
    lines = [f"{commit.short} {commit.subject[:60]}: {found}{failures}", *outcome.broken]
    if outcome.state == "failed":
        lines += outcome.reason.splitlines()
    return "\n    ".join(lines)


def _comparison(one: Comparing) -> str:
    """Return which comparison is held, and for how long."""
    what = f"is {', '.join(one.implementations)} another on {many(one.cases, 'case')}?"
    longer = ", as less could not tell" if one.tries > 1 else ""
    return f"{one.title}: {what} ({one.budget_s:g} s each{longer})"


def _publish(plan: TrackingPlan) -> None:
    """Let asv make its site and write our page of the history, and say where they are."""
    known = tracked(plan.results, plan.line)
    if not known:
        raise ResultsError("there is nothing to publish: no commit of this line was tracked")
    latest = Report.of([plan.results / "runs" / known[-1].run.id])
    report = with_history_of(latest, plan.repository, plan.line, plan.results)
    page = make_folder(plan.results / "reports") / "history.html"
    say(f"the history is {write_text(page, render('html', report, FORMATS))}")
    site = published(plan.configuration, plan.line)
    say(f"asv's site is {site}; `asv preview` or any web server serves it")


def _write_history(path: Path, repository: Repository, results: Path, line: Sequence[Commit]) -> None:
    """Write the table of all commits, as the file's name says."""
    frame = history(results, line, asv_results(repository, results), manifests_of(repository))
    write_frame(path, frame)
    say(f"{path} has {len(frame):,} rows of {frame['commit'].nunique()} commits")


def _list(*, gate: Gate | None, results: Path, format_name: str, history_file: Path | None) -> int:
    """Say what changed at which commit, as far as it is known."""
    repository = Repository(Path.cwd())
    repository.check_is_whole()
    results = placed(results, repository)
    line = repository.line("HEAD")
    if not tracked(results, line):
        raise ResultsError(f"no commit of this line was tracked in {results}; do it with: convharness track")
    if history_file is not None:
        _write_history(history_file, repository, results, line)
    found, left = stored_events(repository, line, results, gate.thresholds if gate else None)
    _show_events(found, left, format_name)
    return FAILED if _is_stopped(found, gate) else PASSED


def _show_events(found: Sequence[Event], left: Sequence[Suspicion], format_name: str) -> None:
    show(render(format_name, Regressions(found, left), EVENTS))


def _is_stopped(found: Sequence[Event], gate: Gate | None) -> bool:
    """Say whether a gate stops any of the events; what does not import is wrong."""
    stopped = set(gate.effects) if gate is not None else set()
    return any({"wrong" if kind == "broken" else kind for kind in one.kinds} & stopped for one in found)
