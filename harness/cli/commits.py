"""The commands over commits: compare two of them now, track many, say what happened at which."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import CommitError, ResultsError, SelectionError
from . import options
from .console import Steps, say, show, stdout_kept
from .session import FAILED, MISTAKE, PASSED, begun, carried_out, settings_of

if TYPE_CHECKING:
    from ..commits.asv import Order
    from ..commits.changes import Change, Gate
    from ..commits.events import Event, Suspicion
    from ..commits.history import TrackedCommit
    from ..commits.repository import Commit, Repository
    from ..commits.snapshots import Version
    from ..commits.tracker import Configuration, Outcome
    from ..plugins.declaration import Implementation
    from ..plugins.registry import Registry, Unusable
    from ..reports.report import Report
    from ..runs.run import Compared

CONFIRMED_S = 1.0
"""How long each implementation is timed where a suspicion is looked into."""

_MOST_TRIES = 3
"""What a comparison cannot tell is compared again, three times as long."""

_LAST = 20
"""So many commits are tracked where none was and nobody says which."""


def are_commits(base: str, other: str) -> bool:
    """Say whether two words name commits of the repository of this folder, or its working tree.

    Raises `SelectionError` where only one of them does, and `CommitError` outside a repository where
    they cannot be names of implementations either.
    """
    from ..commits.repository import Repository
    from ..commits.snapshots import WORKING_TREE

    try:
        repository = Repository(Path.cwd())
    except CommitError as error:
        if any("." in one.strip(".") for one in (base, other)):
            return False
        names = f"{base!r} and {other!r} are no names of implementations (FAMILY.NAME)"
        raise CommitError(f"{names}, and for commits: {error}") from None
    found = [one == WORKING_TREE or repository.resolve(one) is not None for one in (base, other)]
    if any(found) and not all(found):
        name = (base, other)[found.index(False)]
        repository.check_is_whole()
        raise SelectionError(f"{name!r} is no commit, as the other one is; `git log --oneline` lists commits")
    return all(found)


def compare_commits(  # noqa: PLR0913 what the options say
    base: str,
    other: str,
    *,
    gate: "Gate | None",
    everything: bool,
    markdown: Path | None,
    format_name: str,
    results: Path,
    threads: int,
    patterns: Sequence[str],
    suites: Sequence[str],
    problems: Sequence[str],
    cases: Sequence[str],
    dtypes: Sequence[str],
    **judging: Any,
) -> int:
    """Judge and time what differs between two commits side by side, and say what changed."""
    from ..machine.environment import limit_threads

    limit_threads(threads)
    from ..commits.changes import Thresholds, changes
    from ..commits.events import newly_broken
    from ..commits.repository import Repository
    from ..commits.snapshots import version_of
    from ..engine.session import Session
    from ..files.atomic import write_text
    from ..problems.selection import select_suites
    from ..reports.changes import Comparison
    from ..reports.formats import CHANGES, render

    if format_name not in CHANGES:
        said = f"two commits are not reported as {format_name}; take table, markdown, json or csv"
        raise click.UsageError(said)
    repository = Repository(Path.cwd())
    results = _placed(results, repository)
    with stdout_kept():
        suites = suites or ([] if problems else _tracked_suites(repository))
        wanted = select_suites(suites, problems, cases=cases, dtypes=dtypes)
        versions = [version_of(repository, name) for name in (base, other)]
        if versions[0].label == versions[1].label:
            raise SelectionError(f"{base} and {other} are the same commit, {versions[0].title}")
        chosen, same, broken = _differing(versions, patterns, everything=everything)
        rows: list[dict[str, Any]] = []
        if chosen:
            this = begun(settings_of(timed=True, threads=threads, **judging), purpose=_purpose(versions))
            session = Session(this, wanted, chosen, results)
            carried_out(session)
            rows = list(session.rows)
    labels = [one.label for one in versions]
    thresholds = gate.thresholds if gate is not None else Thresholds()
    found = changes(rows, labels[0], labels[1], thresholds)
    news = [str(one) for one in newly_broken(*broken)]
    comparison = Comparison(found, [one.title for one in versions], same, news)
    if markdown is not None:
        write_text(markdown, render("markdown", comparison, CHANGES))
    show(render(format_name, comparison, CHANGES))
    return _verdict(found, gate, news)


def _placed(results: Path, repository: "Repository") -> Path:
    """Return where records are kept: in the repository's root, wherever one stands, unless somebody says."""
    source = click.get_current_context().get_parameter_source("results")
    if source is not click.core.ParameterSource.DEFAULT:
        return results
    place = repository.root / results
    return place if Path.cwd() != repository.root else results


def _tracked_suites(repository: "Repository") -> list[str]:
    """Return the suites that the repository itself says are its own."""
    from ..commits.asv import MANIFEST, Manifest, found_from

    folder = repository.root / "suites"
    if not (folder / MANIFEST).is_file():
        return []
    return [found_from(folder, source) for source in Manifest.read(folder).suites]


def _purpose(versions: "Sequence[Version]") -> "Compared":
    """Return what a run is for that compares two versions."""
    from ..runs.run import Compared, Side

    return Compared(*(Side(one.label, one.commit.hash if one.commit else None) for one in versions))


def _differing(
    versions: "Sequence[Version]", patterns: Sequence[str], *, everything: bool
) -> "tuple[list[Implementation], list[str], list[Sequence[Unusable]]]":
    """Return what has to be measured, the names of what is the same in both, and what is unusable in each.

    Raises `SelectionError` where nothing is offered, or nothing matches.
    """
    registries = [version.registry() for version in versions]
    for version, registry in zip(versions, registries, strict=True):
        for mistake in registry.broken:
            say(f"error: {version.label}: {mistake}")
        for one in registry.unavailable:
            say(f"{version.label}: {one}")
    names = _matching(versions, registries, patterns)
    sides = [{one.own_name: one for one in registry.implementations} for registry in registries]
    same = [
        name
        for name in names
        if name in sides[0]
        and name in sides[1]
        and not everything
        and versions[0].is_same(versions[1], sides[0][name])
    ]
    chosen = [side[name] for name in names if name not in same for side in sides if name in side]
    return chosen, same, [[*one.broken, *one.unavailable] for one in registries]


def _matching(
    versions: "Sequence[Version]", registries: "Sequence[Registry]", patterns: Sequence[str]
) -> list[str]:
    from ..errors import did_you_mean
    from ..plugins.registry import is_wanted

    names = sorted({one.own_name for registry in registries for one in registry.implementations})
    if not names and not any(registry.broken for registry in registries):
        where = " and ".join(version.label for version in versions)
        raise SelectionError(
            f"there are no implementations at {where}: no folder 'implementations' with marked functions,"
            " and no package with entry points 'convharness.implementations'"
        )
    for pattern in patterns:
        if not any(is_wanted(name, [pattern]) for name in names):
            raise SelectionError(f"no implementation matches {pattern!r}{did_you_mean(pattern, names)}")
    return [name for name in names if is_wanted(name, patterns)]


def _verdict(found: "Sequence[Change]", gate: "Gate | None", broken: Sequence[str]) -> int:
    """Return the exit code: what the gate stops, or without one what fails afterwards."""
    from ..oracle.verdict import FAILURES

    if gate is None:
        if any(one.after is not None and one.after["status"] in FAILURES for one in found):
            return FAILED
        return MISTAKE if broken else PASSED
    if gate.stops(found) or (broken and "wrong" in gate.effects):
        return FAILED
    return PASSED


@click.command("track")
@click.argument("span", required=False, metavar="[RANGE]")
@options.tracking
def track(span: str | None, **chosen: Any) -> int:
    """Verify and time the implementations of many commits, through asv; say what changed at which.

    RANGE is one of git's, such as v1.0..HEAD. Without it: all commits since the latest that was tracked,
    or the last 20.
    """
    list_only, new = chosen.pop("list_only"), chosen.pop("new")
    if list_only:
        listing = ("list_only", "gate", "results", "format_name", "history_file")
        ignored = [word for name, word in options.said().items() if name not in listing]
        if ignored:
            raise click.UsageError(
                f"--regressions lists what is known and measures nothing; leave {' and '.join(ignored)} out"
            )
        return _list(**chosen)
    if span and new:
        raise click.UsageError("--new says which commits, and so does a RANGE; leave one of them out")
    return _track(span, **chosen)


def _track(  # noqa: PLR0913 what the options say
    span: str | None,
    *,
    every: int,
    bisect: bool,
    publish: bool,
    gate: "Gate | None",
    format_name: str,
    results: Path,
    suites: Sequence[str],
    patterns: Sequence[str],
    threads: int,
    level: str,
    seed: int,
    budget: float,
    confirm: bool,
    history_file: Path | None,
) -> int:
    from ..commits.asv import MANIFEST, Order, module_of
    from ..commits.repository import Repository
    from ..commits.tracker import alone_in, configured
    from ..reports.numbers import many

    repository = Repository(Path.cwd())
    results = _placed(results, repository)
    order = Order(
        results=str(results.resolve()),
        patterns=list(patterns),
        suites=[module_of(source) for source in suites],
        budget_s=budget,
        level=level,
        seed=seed,
        threads=threads,
    )
    with alone_in(repository), stdout_kept():
        line = repository.line("HEAD")
        wanted = _thinned(_wanted(repository, line, results, span), every)
        line = _line_of(repository, line, wanted)
        configuration = configured(repository, results, suites, threads)
        if configuration.results.resolve() != (results / "asv").resolve():
            say(f"asv's own files are in {configuration.results}, as {configuration.path.name} says")
        plan = _Plan(repository, line, configuration, order, results, threads, gate)
        if repository.is_dirty(but=f"suites/{MANIFEST}"):  # to which tracking itself appends
            say("commits are measured, not uncommitted changes; `convharness compare HEAD .` measures those")
        failed = [one for one in _walked(plan, wanted) if one.state == "failed"]
        if failed:
            say(f"{len(failed)} of {many(len(wanted), 'commit')} could not be tracked")
        if confirm:
            _confirm(plan)
        if bisect:
            _bisect(plan, confirm=confirm)
        found, left = _events(repository, line, results, gate)
        if publish:
            _publish(plan)
    if history_file is not None:
        _write_history(history_file, repository, results, line)
    _show_events(found, left, format_name)
    asked = {commit.hash for commit in wanted}
    mine = [one for one in found if one.commit.hash in asked or asked & {other.hash for other in one.between}]
    return FAILED if failed or _is_stopped(mine, gate) else PASSED


@dataclass(frozen=True)
class _Plan:
    """What the steps of tracking share."""

    repository: "Repository"
    line: "Sequence[Commit]"
    configuration: "Configuration"
    order: "Order"
    results: Path
    threads: int
    gate: "Gate | None"


def _wanted(
    repository: "Repository", line: "Sequence[Commit]", results: Path, span: str | None
) -> "list[Commit]":
    """Return the commits that are asked for, the oldest first."""
    from ..commits.history import tracked

    if span is not None:
        return repository.commits(span)
    known = [one.position for one in tracked(results, line)]
    if known:
        found = list(line[max(known) + 1 :]) or [line[-1]]
    else:
        found = list(line[-_LAST:])
        say(f"no commit was tracked so far; these are the last ones ({len(found)}), a RANGE says others")
    return found


def _thinned(commits: "Sequence[Commit]", every: int) -> "list[Commit]":
    """Return every so many of some commits, counted from the newest, which is always among them."""
    return list(commits[::-1][::every][::-1])


def _line_of(
    repository: "Repository", line: "Sequence[Commit]", wanted: "Sequence[Commit]"
) -> "list[Commit]":
    """Return the line of commits that the wanted ones are on: that of HEAD, or their own."""
    on_line = {commit.hash for commit in line}
    if all(commit.hash in on_line for commit in wanted):
        return list(line)
    return repository.line(wanted[-1].hash)


def _walked(plan: "_Plan", commits: "Sequence[Commit]") -> "Iterator[Outcome]":
    """Track commits and say of each what came of it."""
    from ..commits.tracker import walk

    with Steps(len(commits)) as steps:
        outcomes = walk(plan.repository, commits, plan.configuration, plan.order, steps.within)
        for number, outcome in enumerate(outcomes, 1):
            steps.done(f"{number}/{len(commits)} {_told(outcome)}")
            yield outcome


def _told(outcome: "Outcome") -> str:
    """Return what came of a commit, in a line, and what is wrong with it."""
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


def _events(
    repository: "Repository",
    line: "Sequence[Commit]",
    results: Path,
    gate: "Gate | None",
    known: "Sequence[TrackedCommit] | None" = None,
) -> "tuple[list[Event], list[Suspicion]]":
    """Return what happened on a line of commits, by the thresholds of a gate, and what is still open."""
    from dataclasses import replace

    from ..commits.events import compared, events
    from ..commits.history import tracked
    from ..commits.snapshots import relevant

    thresholds = None if gate is None else gate.thresholds
    known = tracked(results, line) if known is None else known
    found, left = events(known, line, compared(results), thresholds)
    narrowed = []
    for one in found:
        if one.between and one.since is not None:  # commits that touch no plugin are not to blame
            family = one.implementation and one.implementation.partition(".")[0]
            touching = relevant(repository, [*one.between, one.commit], one.since, family)
            between = tuple(commit for commit in touching if commit.hash != one.commit.hash)
            narrowed.append(replace(one, between=between))
        else:
            narrowed.append(one)
    return narrowed, left


def _confirm(plan: "_Plan") -> None:
    """Compare side by side what may have changed, until nothing is left that can be looked into here."""
    from ..machine.environment import machine

    tries: Counter[Suspicion] = Counter()
    while True:
        _, suspicions = _events(plan.repository, plan.line, plan.results, plan.gate)
        pairs: dict[tuple[str, str], list[Suspicion]] = {}
        for one in suspicions:
            if tries[one] < _MOST_TRIES and one.machine == machine():
                pairs.setdefault((one.before.hash, one.after.hash), []).append(one)
        if not pairs:
            return
        for (before, after), mine in pairs.items():
            longer = 3 ** max(tries[one] for one in mine)
            tries.update(mine)
            if not _look_into(plan, before, after, mine, longer):
                tries.update(dict.fromkeys(mine, _MOST_TRIES))


def _look_into(
    plan: "_Plan", before: str, after: str, suspicions: "Sequence[Suspicion]", longer: int
) -> bool:
    """Measure some implementations and cases of two commits side by side, so many times longer than usual.

    Return whether there was anything to measure: the suites of today may no longer have the cases.
    """
    from dataclasses import replace

    from ..commits.asv import suites_of
    from ..commits.snapshots import version_of
    from ..engine.session import Session
    from ..machine.environment import limit_threads
    from ..reports.numbers import many

    limit_threads(plan.threads)
    versions = [version_of(plan.repository, name) for name in (before, after)]
    names = {one.series[2] for one in suspicions}
    chosen = [
        one for version in versions for one in version.registry().implementations if one.own_name in names
    ]
    wanted = {one.series[:2] for one in suspicions}
    suites = [
        replace(suite, cases=tuple(case for case in suite if (suite.name, case.label) in wanted))
        for suite in suites_of(plan.configuration.benchmarks)
    ]
    suites = [suite for suite in suites if len(suite)]
    if not suites:
        say(f"{versions[1].title}: the cases that may have changed are in no suite any more")
        return False
    budget = longer * max(CONFIRMED_S, 2 * (plan.order.budget_s or 0))
    what = f"is {', '.join(sorted(names))} another on {many(sum(map(len, suites)), 'case')}?"
    say(f"{versions[1].title}: {what} ({budget:g} s each{', as less could not tell' * (longer > 1)})")
    settings = settings_of(
        timed=True, threads=plan.threads, budget=budget, level="quick", seed=plan.order.seed
    )
    carried_out(Session(begun(settings, purpose=_purpose(versions)), suites, chosen, plan.results))
    return True


def _bisect(plan: "_Plan", *, confirm: bool) -> None:
    """Track commits in the middle of what is between, until every change has a commit of its own.

    What cannot be tracked is passed over.
    """
    tried: set[str] = set()
    while True:
        found, _ = _events(plan.repository, plan.line, plan.results, plan.gate)
        wanted = [_middle(one, tried) for one in found if one.between]
        commits = list({one.hash: one for one in wanted if one is not None}.values())
        if not commits:
            return
        tried |= {one.hash for one in commits}
        for _ in _walked(plan, commits):
            pass
        if confirm:
            _confirm(plan)


def _middle(event: "Event", tried: set[str]) -> "Commit | None":
    """Return the commit that halves those of which one may have brought an event."""
    left = [one for one in event.between if one.hash not in tried]
    return left[len(left) // 2] if left else None


def _publish(plan: "_Plan") -> None:
    """Let asv make its site and write our page of the history, and say where they are."""
    from ..commits.history import tracked
    from ..commits.tracker import published
    from ..files.atomic import write_text
    from ..reports.formats import FORMATS, render
    from ..reports.report import Report
    from ..runs.store import make_folder

    known = tracked(plan.results, plan.line)
    if not known:
        raise ResultsError("there is nothing to publish: no commit of this line was tracked")
    latest = Report.of([plan.results / "runs" / known[-1].run.id])
    report = _with_history(latest, plan.repository, plan.results, plan.line)
    page = make_folder(plan.results / "reports") / "history.html"
    say(f"the history is {write_text(page, render('html', report, FORMATS))}")
    say(
        f"asv's site is {published(plan.configuration, plan.line)}; `asv preview` or any web server serves it"
    )


def with_history(report: "Report", results: Path) -> "Report":
    """Return a report that knows what was tracked at other commits, if anything was, for HTML."""
    from ..commits.repository import Repository

    try:
        repository = Repository(Path.cwd())
        return _with_history(report, repository, results, repository.line("HEAD"))
    except CommitError:
        return report


def _with_history(
    report: "Report", repository: "Repository", results: Path, line: "Sequence[Commit]"
) -> "Report":
    from dataclasses import replace

    from ..commits.history import history

    known = history(results, line)
    if known.empty:
        return report
    return replace(report, history=known, events=_events(repository, line, results, None)[0])


def _write_history(path: Path, repository: "Repository", results: Path, line: "Sequence[Commit]") -> None:
    """Write the table of all commits, as the file's name says."""
    from ..commits.history import asv_results, history, manifests_of
    from ..runs.store import write_frame

    frame = history(results, line, asv_results(repository, results), manifests_of(repository))
    write_frame(path, frame)
    say(f"{path} has {len(frame):,} rows of {frame['commit'].nunique()} commits")


def _list(
    *, gate: "Gate | None", results: Path, format_name: str, history_file: Path | None, **_: Any
) -> int:
    """Say what happened at which commit, as far as it is known."""
    from ..commits.history import tracked
    from ..commits.repository import Repository

    repository = Repository(Path.cwd())
    repository.check_is_whole()
    results = _placed(results, repository)
    line = repository.line("HEAD")
    if not (known := tracked(results, line)):
        raise ResultsError(f"no commit of this line was tracked in {results}; do it with: convharness track")
    if history_file is not None:
        _write_history(history_file, repository, results, line)
    found, left = _events(repository, line, results, gate, known)
    _show_events(found, left, format_name)
    return FAILED if _is_stopped(found, gate) else PASSED


def _show_events(found: "Sequence[Event]", left: "Sequence[Suspicion]", format_name: str) -> None:
    from ..reports.events import Regressions
    from ..reports.formats import EVENTS, render

    show(render(format_name, Regressions(found, left), EVENTS))


def _is_stopped(found: "Sequence[Event]", gate: "Gate | None") -> bool:
    """Say whether a gate stops any of the events; what does not import is wrong."""
    stopped = set(gate.effects) if gate is not None else set()
    return any({"wrong" if kind == "broken" else kind for kind in one.kinds} & stopped for one in found)


@click.command("merge")
@click.argument(
    "sources", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@options.results
def merge(sources: Sequence[Path], results: Path) -> int:
    """Merge folders of results, from other machines or shards, into --results: without loss, once each."""
    from ..runs.merging import merge as merged

    done = merged(sources, results)
    say(f"{results}: {done}")
    return PASSED


@click.command("init")
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False), metavar="[DIR]")
def init(folder: Path) -> int:
    """Start in a repository of your own: a plugin, a suite, and what asv needs; nothing is overwritten."""
    from ..commits.scaffold import start

    for path, is_new in start(folder):
        say(f"{'wrote' if is_new else 'kept '} {path}")
    say("next: git add and commit these, then `convharness track`, or plain `asv run`")
    return PASSED
