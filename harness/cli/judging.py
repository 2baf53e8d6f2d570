"""The commands that judge implementations, and time those that are right."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ..engine.choice import Asked, asked, check_baseline, chosen_suites
from ..engine.coverage import DECLARED
from ..engine.session import Session, as_before
from ..files.atomic import write_text
from ..machine.environment import limit_threads
from ..problems.suite_files import CONFORMANCE, HUGE
from ..reports.formats import FORMATS, render
from ..reports.numbers import many, seconds
from ..reports.report import Report
from ..runs.journal import interrupted_run
from ..runs.run import Plain
from ..runs.store import make_folder
from . import options
from .console import say, show, stdout_kept
from .exit_codes import FAILED, MISTAKE, NOTHING_JUDGED, PASSED
from .running import begun, carried_out, discovered, selected, selection_of, settings_of


@click.command()
@options.verifying
def verify(**chosen: Any) -> int:
    """Judge implementations: right or wrong, and how exact."""
    return judged(timed=False, **chosen)


@click.command()
@click.argument("names", nargs=-1, metavar="NAME|FILE...")
@options.thorough
@options.seed
@options.threads
@options.results
@options.format_of(*options.FORMATS)
@options.all_jobs
@options.time
@options.huge
@options.exit_first
@options.timeout
@options.memory
@options.resume
def check(names: Sequence[str], *, huge: bool, **chosen: Any) -> int:
    """Try everything on implementations, or on all of a plugin file: the conformance test of a plugin."""
    if not names and chosen["resume"] is None:
        raise click.UsageError("name an implementation, or a plugin file")
    files = [name for name in names if name.endswith(".py")]
    if huge and "time_s" not in options.said():
        chosen["time_s"] = None
    return judged(
        timed=False,
        suites=(CONFORMANCE, HUGE) if huge else (CONFORMANCE,),
        plugins=files,
        patterns=[name for name in names if name not in files],
        only_plugins=bool(files),
        **chosen,
    )


@click.command()
@options.verifying
def shrink(**chosen: Any) -> int:
    """Find the smallest problem at which an implementation fails; `verify --shrink` by another name."""
    return judged(timed=False, **{**chosen, "shrink": True})


@click.command()
@options.timing
def time(**chosen: Any) -> int:
    """Time the implementations that are right, side by side."""
    return judged(timed=True, **chosen)


@click.command()
@options.timing
def run(**chosen: Any) -> int:
    """Verify, time and report: the whole, on suite 'smoke' by default."""
    return judged(timed=True, purpose=Plain(is_reported=True), **chosen)


def judged(
    *,
    format_name: str,
    results: Path,
    resume: str | None = None,
    purpose: Plain | None = None,
    **chosen: Any,
) -> int:
    """Judge what the options select, store and show it; return the exit code."""
    resumed = _taken_up(resume, results)
    if resumed is not None and _is_all_there_is("resume", "results", "format_name"):
        selection, settings, purpose = as_before(resumed)
    else:
        selection, settings = selection_of(chosen, resumed), settings_of(**chosen)
        purpose = purpose or Plain()
    limit_threads(settings.threads)
    with stdout_kept():
        suites = chosen_suites(selection)
        registry = discovered(selection.plugins)
        implementations = selected(selection, registry)
        check_baseline(settings.baseline, implementations)
        what = asked(selection, suites, implementations, settings)
        _say_what_is_added(what)
        this = replace(begun(settings, purpose=purpose, selection=selection), untried=what.untried)
        session = Session(this, what.suites, implementations, results, resumed=resumed)
        if settings.time_s is not None:
            most = seconds(settings.time_s * len(implementations))
            say(f"{many(session.planned, 'record')} are planned; --time lets them take {most} at most")
        carried_out(session, resumed)
        for name, count in session.left.items():
            say(f"the time of {name} was up with {many(count, 'case')} left; a longer --time asks more")
    report = Report(session.rows, [session.run], settings.baseline)
    show(render(format_name, report, FORMATS))
    if purpose.is_reported:
        _write_reports(report, session.run.id, results)
    if session.has_failed:
        return FAILED
    if registry.broken:
        return MISTAKE
    return PASSED if session.has_judged else NOTHING_JUDGED


def _say_what_is_added(what: Asked) -> None:
    """Say which cases were added to try what implementations declare."""
    for suite in what.suites:
        if suite.name == DECLARED and suite.implementations:
            names = ", ".join(sorted(suite.implementations))
            say(f"{many(len(suite), 'case')} added for {names}: {suite.description}")


def _taken_up(name: str | None, results: Path) -> Path | None:
    """Return the folder of the run that is to go on, or None where a new one begins."""
    if name is None:
        return None
    folder = interrupted_run(name, results)
    if folder is None:
        say("there is no run to resume; this is a new one")
    return folder


def _is_all_there_is(*names: str) -> bool:
    """Say whether the command line has nothing but these options."""
    context = click.get_current_context()
    given = {
        name
        for name in context.params
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    return given <= set(names)


def _write_reports(report: Report, name: str, results: Path) -> None:
    folder = make_folder(results / "reports")
    for format_name, suffix in (("markdown", "md"), ("csv", "csv"), ("html", "html")):
        path = write_text(folder / f"{name}.{suffix}", render(format_name, report, FORMATS))
    say(f"the report is {path}")
