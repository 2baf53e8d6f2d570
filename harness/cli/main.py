"""The command line: words to settings, records to text, statuses to an exit code."""

import errno
import signal
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import HarnessError, ResultsError
from . import commits, options
from .console import progress, say, show, stdout_kept, tell
from .session import (
    FAILED,
    MISTAKE,
    PASSED,
    Row,
    check_baseline,
    discovered,
    recorded,
    selected,
    settings_of,
)

if TYPE_CHECKING:
    from ..plugins.registry import Registry
    from ..reports.report import Report

BUG, INTERRUPTED = 3, 130


def main(arguments: Sequence[str] | None = None) -> int:  # noqa: PLR0911 one for each exit code
    """Run the command line and return the exit code.

    0: all passed or unsupported; 1: something failed; 2: the user's mistake, in one line; 3: a bug
    of convharness, with its traceback.
    """
    try:
        from ..machine.environment import open_standard_streams

        open_standard_streams()
        words = sys.argv[1:] if arguments is None else list(arguments)
        with _interruptible():
            return cli.main(args=words, prog_name="convharness", standalone_mode=False, obj=words) or PASSED
    except HarnessError as error:
        return _complain(error)
    except click.exceptions.NoArgsIsHelpError as error:
        tell(error.format_message())
        return MISTAKE
    except click.ClickException as error:
        return _complain(error.format_message())
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return _complain(f"cannot write: {error.strerror}")
    except (KeyboardInterrupt, click.Abort):
        say("interrupted")
        return INTERRUPTED
    except Exception:  # noqa: BLE001 the last resort: what nobody foresaw is our bug
        traceback.print_exc()
        say("this is a bug of convharness; please report it with the lines above")
        return BUG


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let a hang-up and a request to terminate end a run as Ctrl-C does: with what there is, and cleanly."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.default_int_handler) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def _complain(message: object) -> int:
    for line in str(message).splitlines():
        say(f"error: {line}")
    return MISTAKE


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="convharness", message="%(prog)s %(version)s")
def cli() -> None:
    """Is this convolution right, how fast is it, and did it get worse since the last commit?"""


@cli.command("verify")
@options.verifying
def verify(**chosen: Any) -> int:
    """Judge implementations: right or wrong, and how exact."""
    return _run(timed=False, **chosen)


@cli.command("check")
@click.argument("names", nargs=-1, metavar="NAME|FILE...")
@options.thorough
@options.seed
@options.threads
@options.results
@options.format_of(*options.FORMATS)
@options.jobs
@options.exit_first
@options.timeout
@options.memory
@options.resume
def check(names: Sequence[str], **chosen: Any) -> int:
    """Try everything on implementations, or on all of a plugin file: the conformance test of a plugin."""
    if not names and chosen["resume"] is None:
        raise click.UsageError("name an implementation, or a plugin file")
    from ..problems.suite_files import CONFORMANCE

    files = [name for name in names if name.endswith(".py")]
    patterns = [name for name in names if name not in files]
    return _run(
        timed=False,
        suites=CONFORMANCE,
        plugins=files,
        patterns=patterns,
        only_plugins=bool(files),
        problems=(),
        cases=(),
        dtypes=(),
        **chosen,
    )


@cli.command("shrink")
@options.verifying
def shrink(**chosen: Any) -> int:
    """Find the smallest problem at which an implementation fails; `verify --shrink` by another name."""
    return _run(timed=False, **{**chosen, "shrink": True})


@cli.command("selftest")
@options.thorough
@options.seed
@options.results
@options.format_of("table", "json", "csv", "markdown")
@options.of_the_timer
def selftest(
    level: str, seed: int, results: Path, format_name: str, *, timing: bool, budget: float, repetitions: int
) -> int:
    """Test the tester: wrong and unusual kernels, or with --timing identical and slower ones."""
    from ..machine.environment import limit_threads

    limit_threads(1)
    if timing:
        return _test_timer(seed, results, format_name, budget, repetitions)
    from ..files.atomic import write_text
    from ..oracle import selftest as zoo
    from ..reports.formats.lists import comma_separated, table
    from ..runs.store import make_folder

    found = []
    with stdout_kept(), progress(zoo.size()) as advance:
        for finding in zoo.findings(level=level, seed=seed):
            found.append(finding)
            advance(finding.kernel, not finding.is_as_it_should_be)
    reached = zoo.score(found)
    folder = make_folder(results / "selftest")
    matrix = zoo.rows(found)
    stored = write_text(folder / f"{level}-{seed}.csv", comma_separated(matrix))
    if format_name == "table":
        show(table(zoo.marks(found)))
        show(table(zoo.layer_rows(found)))
        show(str(reached))
    else:
        _show_rows(matrix, format_name)
        say(str(reached))
    if level != "thorough":
        say(f"level {level} leaves layers out, and so misses some; thorough is what has to refuse all")
    say(f"the kill matrix is {stored}")
    return PASSED if reached.is_perfect else FAILED


def _test_timer(seed: int, results: Path, format_name: str, budget: float, repetitions: int) -> int:
    from ..engine import timer_selftest
    from ..files.atomic import write_text
    from ..machine import calibration
    from ..reports.formats.lists import comma_separated, table
    from ..runs.store import make_folder

    found: list[timer_selftest.Trial] = []
    with (
        stdout_kept(),
        progress(len(timer_selftest.KERNELS) * repetitions + len(timer_selftest.WITHIN_S)) as advance,
    ):
        for trials in timer_selftest.trials(
            tuple(timer_selftest.KERNELS), budget_s=budget, repetitions=repetitions, seed=seed
        ):
            found += trials
            advance(trials[0].kernel, any(not one.slowdown and one.is_found for one in trials))
        smallest = []
        for within_s in timer_selftest.WITHIN_S:
            smallest.append(timer_selftest.smallest(seed, within_s))
            advance(f"smallest slow-down within {within_s:g} s", smallest[-1] is None)
    marks = timer_selftest.marks(found, budget, smallest)
    calibration.write("timer", marks.threads, marks)
    rows = [one.row() for one in found]
    name = f"timing-{marks.measured_at.replace(':', '')}.csv"
    stored = write_text(make_folder(results / "selftest") / name, comma_separated(rows))
    if format_name == "table":
        show(table(timer_selftest.kernel_rows(found)))
        show(str(marks))
    else:
        _show_rows(rows, format_name)
        say(str(marks))
    say(f"all pairs are in {stored}")
    return PASSED


@cli.command("doctor")
@options.threads
@options.plugins
@options.format_of("table", "json", "markdown")
def doctor(threads: int, plugins: Sequence[str], format_name: str) -> int:
    """Explain this host: what it is, what disturbs measurements on it, and what is missing."""
    from ..machine.environment import limit_threads

    limit_threads(threads)
    from ..engine.doctor import examine, screen_of
    from ..plugins.discovery import discover
    from ..workers import examined

    with stdout_kept():
        findings = list(examine(discover(plugins, examine=examined), threads))
    if format_name == "table":
        show(screen_of(findings))
    else:
        _show_rows([finding.row() for finding in findings], format_name)
    return PASSED


@cli.command("compare")
@click.argument("base", metavar="BASE")
@click.argument("other", metavar="OTHER")
@options.comparing
def compare(base: str, other: str, **chosen: Any) -> int:
    """Is OTHER faster or slower than BASE, and as right? Two implementations, or two commits, timed now.

    Of commits, such as main and HEAD, all implementations are compared that are not the same in both;
    '.' is the working tree with its changes.
    """
    if base == other:
        raise click.UsageError(f"{base} cannot be compared with itself; every comparison has its twin in it")
    gate, everything, markdown = (chosen.pop(name) for name in ("gate", "everything", "markdown"))
    if commits.are_commits(base, other):
        _refuse("plugins", "resume")
        for name in ("plugins", "resume"):
            chosen.pop(name)
        return commits.compare_commits(
            base, other, gate=gate, everything=everything, markdown=markdown, **chosen
        )
    if gate is not None or everything or markdown or chosen["patterns"]:
        raise click.UsageError(
            "--fail-on, --all, --markdown and --implementation are for two commits, and"
            f" {base!r} and {other!r} are none here"
        )
    return _run(timed=True, **{**chosen, "patterns": (base, other), "baseline": base})


def _refuse(*names: str) -> None:
    """Refuse options that make no sense with what else was asked for."""
    said = options.said()
    for name in names:
        if name in said:
            raise click.UsageError(f"{said[name]} is not for comparing commits")


@cli.command("time")
@options.timing
def time(**chosen: Any) -> int:
    """Time the implementations that are right, side by side."""
    return _run(timed=True, **chosen)


@cli.command("run")
@options.timing
def run(**chosen: Any) -> int:
    """Verify, time and report: the whole, on suite 'smoke' by default."""
    return _run(timed=True, with_reports=True, **chosen)


@cli.command("report")
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@options.format_of(*options.FORMATS, "comparison", "html")
@click.option(
    "-o",
    "--output",
    type=options.Output(),
    metavar="FILE",
    help="Write to a file instead of stdout.",
)
@options.baseline
@options.results
def report(
    runs: Sequence[str], format_name: str, output: Path | None, baseline: str | None, results: Path
) -> int:
    """Report stored runs, by id or folder; the latest by default."""
    from ..files.atomic import write_text
    from ..reports.formats import FORMATS, render
    from ..reports.report import Report
    from ..runs.store import find_run

    shown = Report.of((find_run(name, results) for name in runs or ["latest"]), baseline)
    if format_name == "html":
        shown = commits.with_history(shown, results)
    text = render(format_name, shown, FORMATS)
    if output is None:
        show(text)
    else:
        say(f"the report is {write_text(output, text)}")
    return PASSED


@cli.command("list")
@options.implementations
@options.plugins
@options.format_of("table", "json")
def list_(patterns: Sequence[str], plugins: Sequence[str], format_name: str) -> int:
    """List implementations, what they support, and what is missing."""
    from ..reports.listing import implementation_rows

    with stdout_kept():
        registry = discovered(plugins)
    _show_rows(implementation_rows(registry, patterns), format_name)
    return MISTAKE if registry.broken else PASSED


@cli.group()
def suite() -> None:
    """Look at suites of problems."""


@suite.command("list")
@options.format_of("table", "json")
def suite_list(format_name: str) -> int:
    """List the suites that come with convharness."""
    from ..reports.listing import suite_rows

    _show_rows(suite_rows(), format_name)
    return PASSED


@suite.command("show")
@click.argument("name", metavar="NAME|FILE")
@options.format_of("table", "json")
def suite_show(name: str, format_name: str) -> int:
    """Show the cases of a suite with their problems and costs."""
    from ..problems.suite_files import find_suite
    from ..reports.listing import case_rows

    _show_rows(case_rows(find_suite(name)), format_name)
    return PASSED


cli.add_command(commits.track)
cli.add_command(commits.merge)
cli.add_command(commits.init)


def _run(  # noqa: PLR0913 what the options say
    *,
    timed: bool,
    with_reports: bool = False,
    format_name: str,
    results: Path,
    threads: int,
    baseline: str | None = None,
    patterns: Sequence[str],
    plugins: Sequence[str],
    suites: Sequence[str],
    problems: Sequence[str],
    cases: Sequence[str],
    dtypes: Sequence[str],
    only_plugins: bool = False,
    resume: str | None = None,
    **judging: Any,
) -> int:
    resumed = _taken_up(resume, results)
    if resumed is not None and _is_all_there_is("resume", "results", "format_name"):
        return _resume(resumed, results, format_name)
    # Thread pools take their size from the environment when their library loads, so this comes first.
    from ..machine.environment import limit_threads

    limit_threads(threads)
    from ..problems.selection import select_suites
    from ..reports.formats import FORMATS, render
    from ..reports.report import Report

    with stdout_kept():
        wanted = select_suites(suites, problems, cases=cases, dtypes=dtypes)
        registry = discovered(plugins)
        implementations = selected(registry, patterns, plugins if only_plugins else ())
        check_baseline(baseline, implementations)
        settings = settings_of(timed=timed, threads=threads, baseline=baseline, **judging)
        run, rows = recorded(wanted, implementations, settings, results, resumed)
    report = Report(rows, [run], baseline)
    show(render(format_name, report, FORMATS))
    if with_reports:
        _write_reports(report, run.id, results)
    return _exit_code(rows, registry)


def _taken_up(name: str | None, results: Path) -> Path | None:
    """Return the folder of the run that is to go on, or None where a new one begins."""
    if name is None:
        return None
    from ..runs.journal import interrupted_run

    folder = interrupted_run(name, results)
    if folder is None:
        say("there is no run to go on with; this is a new one")
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


def _resume(folder: Path, results: Path, format_name: str) -> int:
    """Say again what was said when a run was started, and go on with it."""
    from ..runs.store import read_run

    run = read_run(folder)
    if not run.arguments:
        raise ResultsError(f"{folder} was not started from the command line; start it again")
    if run.folder and Path(run.folder) != Path.cwd():
        raise ResultsError(f"run {run.id} was started in {run.folder}; go on with it there")
    words = [*run.arguments, "--resume", str(folder), "--results", str(results)]
    if not _is_all_there_is("resume", "results"):
        words += ["--format", format_name]
    return cli.main(args=words, prog_name="convharness", standalone_mode=False, obj=words) or PASSED


def _write_reports(report: "Report", name: str, results: Path) -> None:
    from ..files.atomic import write_text
    from ..reports.formats import FORMATS, render
    from ..runs.store import make_folder

    folder = make_folder(results / "reports")
    for format_name, suffix in (("markdown", "md"), ("csv", "csv"), ("html", "html")):
        path = write_text(folder / f"{name}.{suffix}", render(format_name, report, FORMATS))
    say(f"the report is {path}")


def _exit_code(rows: Iterable[Row], registry: "Registry") -> int:
    from ..oracle.verdict import FAILURES

    if any(row["status"] in FAILURES for row in rows):
        return FAILED
    return MISTAKE if registry.broken else PASSED


def _show_rows(rows: Sequence[Row], format_name: str) -> None:
    from ..reports.formats import LISTS, render

    show(render(format_name, rows, LISTS))
