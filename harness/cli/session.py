"""What the commands that run something share: words to settings, records to disk and to the screen."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import SelectionError
from .console import progress, say

if TYPE_CHECKING:
    from ..engine.session import Session
    from ..plugins.declaration import Implementation
    from ..plugins.registry import Registry
    from ..runs.run import Purpose, Run, Selection
    from ..runs.settings import Settings

PASSED, FAILED, MISTAKE = 0, 1, 2

Row = dict[str, Any]


def discovered(plugins: Sequence[str]) -> "Registry":
    """Return the registry, having told what could not be had and why."""
    from ..plugins.discovery import discover
    from ..workers import examined

    registry = discover(plugins, examine=examined)
    for mistake in registry.broken:
        say(f"error: {mistake}")
    for one in registry.unavailable:
        say(str(one))
    return registry


def selected(selection: "Selection", registry: "Registry") -> "tuple[Implementation, ...]":
    """Return what a selection names among the implementations; what does not load has been told."""
    from ..engine.choice import chosen_implementations

    try:
        found = chosen_implementations(selection, registry)
    except SelectionError:
        # What was asked for may well be in the file that has just been reported not to load.
        if registry.broken:
            raise click.exceptions.Exit(MISTAKE) from None
        raise
    if selection.only_plugins and not found:
        raise click.exceptions.Exit(MISTAKE)
    return found


def settings_of(
    *,
    budget: float = 0.3,
    precision: float = 0.01,
    cache: str = "warm",
    memory_gib: float | None = None,
    **judging: Any,
) -> "Settings":
    """Return the settings that options say."""
    from ..measure.stopwatch import Effort
    from ..runs.settings import Settings

    if memory_gib is not None:
        judging["memory_bytes"] = int(memory_gib * 2**30)
    return Settings(effort=Effort(budget_s=budget, precision=precision, cache=cache), **judging)


def begun(
    settings: "Settings", *, purpose: "Purpose | None" = None, selection: "Selection | None" = None
) -> "Run":
    """Return a run that is started now with the words of the command line."""
    from ..commits import repository
    from ..engine.session import started
    from ..runs.run import Compared

    words = click.get_current_context().obj
    command = shlex.join(["convharness", *words])
    facts = repository.facts(Path.cwd())
    if isinstance(purpose, Compared):
        facts["commit"] = purpose.other.commit
    return started(settings, facts, command, purpose=purpose, selection=selection)


def carried_out(session: "Session", resumed: Path | None = None) -> None:
    """Let a session make its records, show how far it is, and say where they are."""
    from ..runs.store import is_finished

    if resumed is not None:
        state = "is complete" if is_finished(resumed) else "goes on"
        say(f"run {session.run.id} has {len(session.rows):,} records and {state}")
    try:
        with progress(session.planned) as advance:
            for record in session.records():
                advance(f"{record.case.label} × {record.implementation.name}", record.verdict.failed)
    except KeyboardInterrupt:
        can_go_on = session.run.selection is not None
        advice = f"; go on with: convharness run --resume {session.run.id}{_elsewhere(session)}"
        say(f"{len(session.rows):,} records are in {session.folder}{advice if can_go_on else ''}")
        raise
    if session.is_restored:
        say(f"error: something else wrote into {session.folder}; what was recorded is there again")
    say(f"records are in {session.folder}")


def _elsewhere(session: "Session") -> str:
    """Return the option that names a folder of results that is not the usual one."""
    results = session.folder.parent.parent
    return "" if results == Path("results") else f" --results {shlex.quote(str(results))}"
