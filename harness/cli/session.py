"""What the commands that run something share: words to settings, records to disk and to the screen."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import SelectionError, did_you_mean
from .console import progress, say

if TYPE_CHECKING:
    from ..plugins.declaration import Implementation
    from ..plugins.registry import Registry
    from ..problems.suite import Suite
    from ..runs.run import Purpose, Run
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


def selected(
    registry: "Registry", patterns: Sequence[str], files: Sequence[str] = ()
) -> "tuple[Implementation, ...]":
    """Return what matches the patterns, or with `files` that and all that these hold."""
    try:
        chosen = registry.select(patterns) if patterns or not files else ()
    except SelectionError:
        # What was asked for may well be in the file that has just been reported not to load.
        if registry.broken:
            raise click.exceptions.Exit(MISTAKE) from None
        raise
    held = tuple(one for file in files for one in registry.of_file(Path(file)) if one not in chosen)
    if files and not (held or chosen):
        raise click.exceptions.Exit(MISTAKE)
    return chosen + held


def check_baseline(baseline: str | None, implementations: "Sequence[Implementation]") -> None:
    """Refuse a baseline that is not there; raises `SelectionError`."""
    names = [one.name for one in implementations]
    if baseline is not None and baseline not in names:
        hint = did_you_mean(baseline, names)
        raise SelectionError(f"the baseline {baseline!r} is not among the implementations{hint}")


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


def _without_resume(words: Sequence[str]) -> list[str]:
    """Return a command line without that option and its value."""
    kept: list[str] = []
    before = ""
    for word in words:
        is_value = before == "--resume" and not word.startswith("-")
        if not (is_value or word == "--resume" or word.startswith("--resume=")):
            kept.append(word)
        before = word
    return kept


def recorded(
    suites: "Sequence[Suite]",
    implementations: "Sequence[Implementation]",
    settings: "Settings",
    results: Path,
    resumed: Path | None = None,
    *,
    purpose: "Purpose | None" = None,
) -> "tuple[Run, list[Row]]":
    """Run, append each record to the results at once, and return them as rows.

    A run with a purpose of its own is not resumed by its words.
    """
    from ..commits import repository
    from ..engine.runner import run
    from ..machine import environment
    from ..oracle.verdict import FAILURES
    from ..runs.journal import RunWriter, check_same
    from ..runs.run import Compared
    from ..runs.store import compact, is_finished, new_run, read_run

    total = sum(len(suite) for suite in suites) * len(implementations)
    facts = environment.describe(settings.threads) | repository.facts(Path.cwd())
    if isinstance(purpose, Compared):
        facts["commit"] = purpose.other.commit
    if settings.timed:
        facts |= _limits(settings.threads)
    if resumed is None:
        words = click.get_current_context().obj
        this = new_run(
            facts,
            settings,
            shlex.join(["convharness", *words]),
            None if settings.exit_first else total,
            purpose=purpose,
            arguments=() if purpose else _without_resume(words),
        )
    else:
        this = read_run(resumed)
        check_same(this, settings, facts)
        results = resumed.resolve().parent.parent
    with RunWriter(results, this, again=resumed is not None) as writer, progress(total) as advance:
        done = {
            (row["suite"], row["case"], row["implementation"]): row["status"] in FAILURES
            for row in writer.rows
        }
        if resumed is not None:
            say(f"run {this.id} has {len(done):,} records and {_state(is_finished(resumed))}")
        try:
            for record in run(suites, implementations, settings, done=done, ceilings=facts.get("ceilings")):
                writer.append(record)
                advance(f"{record.case.label} × {record.implementation.name}", record.verdict.failed)
        except KeyboardInterrupt:
            advice = f"; go on with: convharness run --resume {this.id}{_elsewhere(results)}"
            say(f"{len(writer.rows):,} records are in {writer.folder}{'' if purpose else advice}")
            raise
    if writer.restored:
        say(f"error: something else wrote into {writer.folder}; what was recorded is there again")
    compact(writer.folder)
    say(f"records are in {writer.folder}")
    return this, writer.rows


def _limits(threads: int) -> dict[str, Any]:
    """Return what is known of the machine's speed, and of how well differences can be seen on it."""
    from ..engine.timer_selftest import Marks
    from ..machine import calibration
    from ..workers import ceilings_of

    return {"ceilings": ceilings_of(threads), "timer": calibration.read("timer", threads, Marks)}


def _state(finished: bool) -> str:  # noqa: FBT001 it is called in one place
    return "is complete" if finished else "goes on"


def _elsewhere(results: Path) -> str:
    """Return the option that names a folder of results that is not the usual one."""
    return "" if results == Path("results") else f" --results {shlex.quote(str(results))}"
