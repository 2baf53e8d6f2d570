"""The command line: words to settings, records to text, statuses to an exit code."""

import os
import shlex
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .errors import HarnessError

if TYPE_CHECKING:
    from .plugin import Implementation
    from .records import Record, Run
    from .registry import Registry
    from .runner import Settings
    from .suite import Suite

PASSED, FAILED, MISTAKE, BUG, INTERRUPTED = 0, 1, 2, 3, 130
FORMATS = ("table", "json", "jsonl", "csv", "markdown", "junit")

Row = dict[str, Any]
Command = Callable[..., Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    0: all passed or unsupported; 1: something failed; 2: the user's mistake, in one line; 3: a bug
    of convharness, with its traceback.
    """
    try:
        return cli.main(args=arguments, prog_name="convharness", standalone_mode=False) or PASSED
    except HarnessError as error:
        return _complain(error)
    except click.ClickException as error:
        return _complain(error.format_message())
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted; the records so far are kept")
        return INTERRUPTED
    except Exception:  # noqa: BLE001 the last resort: what nobody foresaw is our bug
        traceback.print_exc()
        _say("this is a bug of convharness; please report it with the lines above")
        return BUG


def _complain(message: object) -> int:
    for line in str(message).splitlines():
        _say(f"error: {line}")
    return MISTAKE


def _print(text: str) -> None:
    """Print to stdout; a reader that has seen enough, such as `head`, is no error."""
    try:
        click.echo(text.rstrip("\n"))
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more when it exits; there is nobody left to complain to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _say(text: str) -> None:
    """Tell the person, not the program that reads our output."""
    click.echo(f"convharness: {text}", err=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="convharness", message="%(prog)s %(version)s")
def cli() -> None:
    """Is this convolution right, how fast is it, and did it get worse since the last commit?"""


def _selecting(command: Command) -> Command:
    """Add the options that select what is run."""
    for option in (
        click.option(
            "--plugin",
            "plugins",
            multiple=True,
            metavar="FILE",
            help="A Python file with implementations of your own.",
        ),
        click.option(
            "-k",
            "--implementation",
            "patterns",
            multiple=True,
            metavar="GLOB",
            help="Only implementations whose name matches.",
        ),
        click.option(
            "-c", "--case", "cases", multiple=True, metavar="GLOB", help="Only cases whose label matches."
        ),
        click.option(
            "--dtype",
            "dtypes",
            multiple=True,
            metavar="NAME",
            help="Ask every case for this data type instead of its own.",
        ),
        click.option(
            "--problem",
            "problems",
            multiple=True,
            metavar="STRING",
            help="One problem, such as n1c64h56w56-o64k3p1-float32.",
        ),
        click.option(
            "--suite",
            "suites",
            multiple=True,
            metavar="NAME|FILE",
            help="A suite that comes with convharness, or a TOML file.",
        ),
    ):
        command = option(command)
    return command


def _running(command: Command) -> Command:
    """Add the options that say how to judge, where results go and how they are shown."""
    for option in (
        click.option(
            "--format",
            "format_name",
            type=click.Choice(FORMATS),
            default="table",
            show_default=True,
            help="What is printed.",
        ),
        click.option(
            "--results",
            type=click.Path(path_type=Path),
            default=Path("results"),
            show_default=True,
            metavar="DIR",
            help="Where records are kept.",
        ),
        click.option(
            "--threads",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            help="Threads of every library.",
        ),
        click.option(
            "--seed",
            type=click.IntRange(min=0),
            default=0,
            show_default=True,
            help="Seed of all data and orders.",
        ),
        click.option(
            "--level",
            type=click.Choice(("quick", "standard", "thorough")),
            default="standard",
            show_default=True,
            help="How much data the oracle tries.",
        ),
    ):
        command = option(command)
    return _selecting(command)


def _timing(command: Command) -> Command:
    """Add the options that say how long to measure and against what to compare."""
    for option in (
        click.option("--baseline", metavar="NAME", help="Implementation that speed-ups refer to."),
        click.option(
            "--rounds",
            type=click.IntRange(min=1),
            default=20,
            show_default=True,
            help="Most samples per implementation and case.",
        ),
        click.option(
            "--budget",
            type=click.FloatRange(min=0, min_open=True),
            default=0.25,
            show_default=True,
            metavar="SECONDS",
            help="Time per implementation and case; slow ones take fewer samples.",
        ),
    ):
        command = option(command)
    return _running(command)


@cli.command("verify")
@_running
def verify(**options: Any) -> int:
    """Judge implementations: right or wrong, and how exact."""
    return _run(timed=False, **options)


@cli.command("time")
@_timing
def time(**options: Any) -> int:
    """Time the implementations that are right, side by side."""
    return _run(timed=True, **options)


@cli.command("run")
@_timing
def run(**options: Any) -> int:
    """Verify, time and report: the whole, on the suite 'smoke' if nothing else is said."""
    return _run(timed=True, with_reports=True, **options)


def _run(
    *,
    timed: bool,
    with_reports: bool = False,
    format_name: str,
    results: Path,
    threads: int,
    baseline: str | None = None,
    **options: Any,
) -> int:
    # Thread pools take their size from the environment when their library loads, so this comes first.
    from .environment import limit_threads

    limit_threads(threads)
    with _stdout_kept():
        registry, implementations, suites = _select(**{name: options.pop(name) for name in _SELECTION})
        _check_baseline(baseline, implementations)
        settings = _settings(timed=timed, threads=threads, **options)
        run, rows = _recorded(suites, implementations, settings, results)
    _show(rows, [run], format_name, baseline)
    if with_reports:
        _write_reports(rows, run, results, baseline)
    return _exit_code(rows, registry)


_SELECTION = ("suites", "problems", "cases", "dtypes", "patterns", "plugins")


def _select(
    *,
    suites: Sequence[str],
    problems: Sequence[str],
    cases: Sequence[str],
    dtypes: Sequence[str],
    patterns: Sequence[str],
    plugins: Sequence[str],
) -> "tuple[Registry, tuple[Implementation, ...], list[Suite]]":
    from .selection import select_suites

    chosen = select_suites(suites, problems, cases=cases, dtypes=dtypes)
    registry = _discover(plugins)
    try:
        implementations = registry.select(patterns)
    except HarnessError:
        # What was asked for may well be in the file that has just been reported not to load.
        if registry.broken:
            raise click.exceptions.Exit(MISTAKE) from None
        raise
    return registry, implementations, chosen


def _discover(plugins: Sequence[str]) -> "Registry":
    """Return the registry, having told what could not be had and why."""
    from .registry import discover

    registry = discover(plugins)
    for mistake in registry.broken:
        _say(f"error: {mistake}")
    for one in registry.unavailable:
        _say(f"{one.family} is not available: {one.reason}")
    return registry


def _check_baseline(baseline: str | None, implementations: "Sequence[Implementation]") -> None:
    from .errors import SelectionError, did_you_mean

    names = [one.name for one in implementations]
    if baseline is not None and baseline not in names:
        raise SelectionError(
            f"the baseline {baseline!r} is not among the implementations{did_you_mean(baseline, names)}"
        )


def _settings(*, rounds: int = 20, budget: float = 0.25, **options: Any) -> "Settings":
    from .runner import Settings
    from .sampling import Effort

    return Settings(effort=Effort(rounds=rounds, budget_s=budget), **options)


def _recorded(
    suites: "Sequence[Suite]",
    implementations: "Sequence[Implementation]",
    settings: "Settings",
    results: Path,
) -> "tuple[Run, list[Row]]":
    """Run, append each record to the results at once, and return them as rows."""
    from dataclasses import asdict

    from . import environment
    from .results import RunWriter, compact, new_run
    from .runner import run

    facts = environment.describe(settings.threads)
    this = new_run(facts, asdict(settings), shlex.join(["convharness", *sys.argv[1:]]))
    total = sum(len(suite) for suite in suites) * len(implementations)
    rows = []
    with RunWriter(results, this) as writer, _progress(total) as advance:
        for record in run(suites, implementations, settings):
            rows.append(writer.append(record))
            advance(record)
    compact(writer.folder)
    _say(f"records are in {writer.folder}")
    return this, rows


@contextmanager
def _stdout_kept() -> Iterator[None]:
    """Send to stderr whatever plugins print, from Python or from C, so that stdout is only ours."""
    sys.stdout.flush()
    ours = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(ours, 1)
        os.close(ours)


@contextmanager
def _progress(total: int) -> "Iterator[Callable[[Record], None]]":
    """Show a bar on a terminal's stderr, and nothing where nobody watches."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    failed = 0
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=total)

        def advance(record: "Record") -> None:
            nonlocal failed
            failed += record.verdict.failed
            words = f"{record.case.label} × {record.implementation.name}"
            bar.update(task, advance=1, description=f"{words}  ({failed} failed)" if failed else words)

        yield advance


def _show(rows: "Sequence[Row]", runs: "Sequence[Run]", format_name: str, baseline: str | None) -> None:
    from .results import encode_rows, frame_of

    if format_name in ("json", "jsonl"):
        text = encode_rows(rows, lines=format_name == "jsonl")
    else:
        from .reports import render

        text = render(format_name, frame_of(rows, runs), baseline=baseline)
    _print(text)


def _write_reports(rows: "Sequence[Row]", run: "Run", results: Path, baseline: str | None) -> None:
    from .reports import render
    from .results import frame_of, write_text

    frame = frame_of(rows, [run])
    for format_name, suffix in (("html", "html"), ("markdown", "md"), ("csv", "csv")):
        text = render(format_name, frame, baseline=baseline)
        path = write_text(results / "reports" / f"{run.id}.{suffix}", text)
        if format_name == "html":
            _say(f"the report is {path}")


def _exit_code(rows: Iterable[Row], registry: "Registry") -> int:
    from .verdict import FAILURES

    if any(row["status"] in FAILURES for row in rows):
        return FAILED
    return MISTAKE if registry.broken else PASSED


@cli.command("report")
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option(
    "--format",
    "format_name",
    type=click.Choice((*FORMATS, "html")),
    default="table",
    show_default=True,
    help="What is written.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write to a file instead of stdout.",
)
@click.option("--baseline", metavar="NAME", help="Implementation that speed-ups refer to.")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    metavar="DIR",
    help="Where records are kept.",
)
def report(
    runs: Sequence[str], format_name: str, output: Path | None, baseline: str | None, results: Path
) -> int:
    """Report stored runs: by id, the beginning of one, or folder; the latest if none is named."""
    from .reports import render
    from .results import encode_rows, find_run, load, read_rows, write_text

    folders = [find_run(name, results) for name in runs or ["latest"]]
    if format_name in ("json", "jsonl"):
        rows = (row for folder in folders for row in read_rows(folder))
        text = encode_rows(rows, lines=format_name == "jsonl")
    else:
        text = render(format_name, load(folders), baseline=baseline)
    if output is None:
        _print(text)
    else:
        _say(f"the report is {write_text(output, text)}")
    return PASSED


@cli.command("list")
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="FILE",
    help="A Python file with implementations of your own.",
)
@click.option(
    "-k",
    "--implementation",
    "patterns",
    multiple=True,
    metavar="GLOB",
    help="Only implementations whose name matches.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(("table", "json")),
    default="table",
    show_default=True,
    help="What is printed.",
)
def list_(plugins: Sequence[str], patterns: Sequence[str], format_name: str) -> int:
    """List implementations with what they support, and what is unavailable and why."""
    from .listing import implementation_rows

    registry = _discover(plugins)
    rows = implementation_rows(registry, patterns)
    _print_rows(rows, format_name)
    return MISTAKE if plugins and registry.broken else PASSED


@cli.group()
def suite() -> None:
    """Look at suites of problems."""


@suite.command("list")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(("table", "json")),
    default="table",
    show_default=True,
    help="What is printed.",
)
def suite_list(format_name: str) -> int:
    """List the suites that come with convharness."""
    from .listing import suite_rows

    _print_rows(suite_rows(), format_name)
    return PASSED


@suite.command("show")
@click.argument("name", metavar="NAME|FILE")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(("table", "json")),
    default="table",
    show_default=True,
    help="What is printed.",
)
def suite_show(name: str, format_name: str) -> int:
    """Show the cases of a suite with their problems and costs."""
    from .listing import case_rows
    from .suite import find_suite

    _print_rows(case_rows(find_suite(name)), format_name)
    return PASSED


def _print_rows(rows: Sequence[Row], format_name: str) -> None:
    if format_name == "json":
        from .results import encode_rows

        _print(encode_rows(rows))
        return
    from .listing import table

    _print(table(rows))
