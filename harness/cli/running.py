"""What the commands that run something share: options to values, and a session told on the terminal."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ..commits import repository
from ..engine.choice import chosen_implementations
from ..engine.session import Session, started
from ..errors import SelectionError
from ..measure.stopwatch import Effort
from ..plugins.declaration import Implementation
from ..plugins.discovery import discover
from ..plugins.registry import Registry
from ..problems.selection import resolved_names
from ..runs.run import Compared, Purpose, Run, Selection
from ..runs.settings import Settings
from ..runs.store import is_finished, read_run
from ..workers import examined
from .console import progress, say
from .exit_codes import MISTAKE

_SELECTING = ("suites", "problems", "cases", "dtypes", "patterns", "plugins")


def discovered(plugins: Sequence[str]) -> Registry:
    """Return the registry, after a warning for each file that could not be loaded."""
    registry = discover(plugins, examine=examined)
    for mistake in registry.broken:
        say(f"error: {mistake}")
    for one in registry.unavailable:
        say(str(one))
    return registry


def selection_of(chosen: Mapping[str, Any], resumed: Path | None = None) -> Selection:
    """Return what the options of a command select, with the seeds of the run that is resumed, if one is."""
    lists = {name: tuple(map(str, chosen.get(name, ()))) for name in _SELECTING}
    stored = read_run(resumed).selection if resumed is not None else None
    lists["suites"] = tuple(resolved_names(lists["suites"], known=stored.suites if stored else ()))
    return Selection(**lists, only_plugins=chosen.get("only_plugins", False))


def settings_of(
    *,
    budget: float = Effort.budget_s,
    precision: float = Effort.precision,
    cache: str = Effort.cache,
    memory_gib: float | None = None,
    **chosen: Any,
) -> Settings:
    """Return the settings that the options of a command say."""
    judging = {name: value for name, value in chosen.items() if name in Settings.__dataclass_fields__}
    if memory_gib is not None:
        judging["memory_bytes"] = int(memory_gib * 2**30)
    return Settings(effort=Effort(budget_s=budget, precision=precision, cache=cache), **judging)


def selected(selection: Selection, registry: Registry) -> tuple[Implementation, ...]:
    """Return what a selection names among the implementations; what does not load has been told."""
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


def command_line() -> str:
    """Return what was typed, for people to read and type again."""
    return shlex.join(["convharness", *click.get_current_context().obj])


def begun(settings: Settings, *, purpose: Purpose | None = None, selection: Selection | None = None) -> Run:
    """Return a run that is started now by this command line, in this folder."""
    facts = repository.facts(Path.cwd())
    if isinstance(purpose, Compared):
        facts["commit"] = purpose.other.commit
    return started(settings, facts, command_line(), purpose=purpose, selection=selection)


def carried_out(session: Session, resumed: Path | None = None) -> None:
    """Let a session make its records, show how far it is, and say where they are."""
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


def _elsewhere(session: Session) -> str:
    """Return the option that names a folder of results that is not the usual one."""
    results = session.folder.parent.parent
    return "" if results == Path("results") else f" --results {shlex.quote(str(results))}"


def placed(results: Path, there: repository.Repository) -> Path:
    """Return where records of commits are kept: in the repository's root, unless the option says where."""
    source = click.get_current_context().get_parameter_source("results")
    is_said = source is not click.core.ParameterSource.DEFAULT
    return results if is_said or Path.cwd() == there.root else there.root / results
