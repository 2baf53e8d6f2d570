"""The command that compares two implementations, or two commits, side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ..api.comparing import comparison_of
from ..commits.asv.configuration import tracked_suites
from ..commits.changes import Gate
from ..commits.repository import Repository
from ..commits.snapshots import Version
from ..commits.versions import are_commits, differing, purpose_of, versions_of
from ..engine.choice import chosen_suites
from ..engine.session import Session
from ..files.atomic import write_text
from ..machine.environment import limit_threads
from ..oracle.verdict import FAILURES
from ..plugins.registry import Registry
from ..reports.changes import Comparison
from ..reports.formats import CHANGES, render
from ..runs.run import Selection
from . import options
from .console import say, show, stdout_kept
from .exit_codes import FAILED, MISTAKE, PASSED
from .judging import judged
from .running import begun, carried_out, placed, selection_of, settings_of

if TYPE_CHECKING:
    from ..runs.row import Row


@click.command()
@click.argument("base", metavar="BASE")
@click.argument("other", metavar="OTHER")
@options.comparing
def compare(base: str, other: str, **chosen: Any) -> int:
    """Is OTHER faster or slower than BASE, and as right? Two implementations, or two commits, timed now.

    Of commits, such as main and HEAD, all implementations are compared that are not the same in both;
    '.' is the working tree with its changes.
    """
    if base == other:
        raise click.UsageError(
            f"{base} cannot be compared with itself; name another one: every comparison has an A/A control"
        )
    if are_commits(base, other, Path.cwd()):
        _refuse("plugins", "resume")
        return _compare_commits(base, other, **chosen)
    gate, everything, markdown = (chosen.pop(name) for name in ("gate", "everything", "markdown"))
    if gate is not None or everything or markdown or chosen["patterns"]:
        raise click.UsageError(
            "--fail-on, --all, --markdown and --implementation are for two commits, and"
            f" {base!r} and {other!r} are none here"
        )
    return judged(timed=True, **{**chosen, "patterns": (base, other), "baseline": base})


def _refuse(*names: str) -> None:
    """Refuse options that contradict the others."""
    said = options.said()
    for name in names:
        if name in said:
            raise click.UsageError(f"{said[name]} is not for comparing commits")


def _compare_commits(
    base: str,
    other: str,
    *,
    gate: Gate | None,
    everything: bool,
    markdown: Path | None,
    format_name: str,
    **chosen: Any,
) -> int:
    """Judge and time what differs between two commits side by side, and say what changed."""
    settings = settings_of(timed=True, **chosen)
    limit_threads(settings.threads)
    if format_name not in CHANGES:
        said = f"two commits are not reported as {format_name}; take table, markdown, json or csv"
        raise click.UsageError(said)
    repository = Repository(Path.cwd())
    results = placed(chosen["results"], repository)
    with stdout_kept():
        selection = _selection(chosen, repository)
        suites = chosen_suites(selection)
        versions = versions_of(repository, base, other)
        found = differing(versions, _told(versions), selection.patterns, everything=everything)
        rows: Sequence[Row] = ()
        if found.implementations:
            this = begun(settings, purpose=purpose_of(versions))
            session = Session(this, suites, found.implementations, results)
            carried_out(session)
            rows = session.rows
    comparison = comparison_of(versions, found, rows, gate.thresholds if gate else None)
    if markdown is not None:
        write_text(markdown, render("markdown", comparison, CHANGES))
    show(render(format_name, comparison, CHANGES))
    return _exit_code(comparison, gate)


def _selection(chosen: Mapping[str, Any], repository: Repository) -> Selection:
    """Return what the options select; where they name no problems, the suites of the repository's own."""
    selection = selection_of(chosen)
    if selection.suites or selection.problems:
        return selection
    return msgspec.structs.replace(selection, suites=tuple(tracked_suites(repository)))


def _told(versions: Sequence[Version]) -> list[Registry]:
    """Return what versions offer, having told what could not be had and why."""
    registries = [version.registry() for version in versions]
    for version, registry in zip(versions, registries, strict=True):
        for mistake in registry.broken:
            say(f"error: {version.label}: {mistake}")
        for one in registry.unavailable:
            say(f"{version.label}: {one}")
    return registries


def _exit_code(comparison: Comparison, gate: Gate | None) -> int:
    """Return the exit code: what the gate stops, or without one what fails afterwards."""
    if gate is None:
        if any(one.after is not None and one.after.status in FAILURES for one in comparison.changes):
            return FAILED
        return MISTAKE if comparison.broken else PASSED
    is_stopped = gate.stops(comparison.changes) or (comparison.broken and "wrong" in gate.effects)
    return FAILED if is_stopped else PASSED
