"""The command line: words to settings, records to text, statuses to an exit code."""

import errno
import shlex
import signal
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .console import progress, say, show, stdout_kept, tell
from .errors import HarnessError, ResultsError, SelectionError, did_you_mean

if TYPE_CHECKING:
    from .plugin import Implementation
    from .records import Run
    from .registry import Registry
    from .runner import Settings
    from .suite import Suite

PASSED, FAILED, MISTAKE, BUG, INTERRUPTED = 0, 1, 2, 3, 130

Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:  # noqa: PLR0911 one for each exit code
    """Run the command line and return the exit code.

    0: all passed or unsupported; 1: something failed; 2: the user's mistake, in one line; 3: a bug
    of convharness, with its traceback.
    """
    try:
        from .environment import open_standard_streams

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
    files = [name for name in names if name.endswith(".py")]
    patterns = [name for name in names if name not in files]
    return _run(
        timed=False,
        suites=("features", "corner"),
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
    from .environment import limit_threads

    limit_threads(1)
    if timing:
        return _test_timer(seed, results, format_name, budget, repetitions)
    from . import selftest as zoo
    from .listing import text_of
    from .results import make_folder, write_text

    found = []
    with stdout_kept(), progress(zoo.size()) as advance:
        for finding in zoo.findings(level=level, seed=seed):
            found.append(finding)
            advance(finding.kernel, not finding.is_as_it_should_be)
    reached = zoo.score(found)
    folder = make_folder(results / "selftest")
    matrix = zoo.rows(found)
    stored = write_text(folder / f"{level}-{seed}.csv", text_of(matrix, "csv"))
    if format_name == "table":
        show(text_of(zoo.marks(found), "table"))
        show(text_of(zoo.layer_rows(found), "table"))
        show(str(reached))
    else:
        _show_rows(matrix, format_name)
        say(str(reached))
    if level != "thorough":
        say(f"level {level} leaves layers out, and so misses some; thorough is what has to refuse all")
    say(f"the kill matrix is {stored}")
    return PASSED if reached.is_perfect else FAILED


def _test_timer(seed: int, results: Path, format_name: str, budget: float, repetitions: int) -> int:
    from . import kept, paces
    from .listing import text_of
    from .results import make_folder, write_text

    found: list[paces.Trial] = []
    with stdout_kept(), progress(len(paces.KERNELS) * repetitions + len(paces.WITHIN_S)) as advance:
        for trials in paces.trials(tuple(paces.KERNELS), budget_s=budget, repetitions=repetitions, seed=seed):
            found += trials
            advance(trials[0].kernel, any(not one.slowdown and one.is_found for one in trials))
        smallest = []
        for within_s in paces.WITHIN_S:
            smallest.append(paces.smallest(seed, within_s))
            advance(f"smallest slow-down within {within_s:g} s", smallest[-1] is None)
    marks = paces.marks(found, budget, smallest)
    kept.write("timer", marks.threads, marks)
    rows = [one.row() for one in found]
    name = f"timing-{marks.measured_at.replace(':', '')}.csv"
    stored = write_text(make_folder(results / "selftest") / name, text_of(rows, "csv"))
    if format_name == "table":
        show(text_of(paces.kernel_rows(found), "table"))
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
    from .environment import limit_threads

    limit_threads(threads)
    from .doctor import examine, screen_of
    from .registry import discover
    from .workers import examined

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
    """Time two implementations against each other: is OTHER faster or slower than BASE?"""
    if base == other:
        raise click.UsageError(f"{base} cannot be compared with itself; every comparison has its twin in it")
    return _run(timed=True, patterns=(base, other), baseline=base, **chosen)


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
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write to a file instead of stdout.",
)
@options.baseline
@options.results
def report(
    runs: Sequence[str], format_name: str, output: Path | None, baseline: str | None, results: Path
) -> int:
    """Report stored runs, by id or folder; the latest by default."""
    from .reports import render
    from .results import encode_rows, find_run, load, read_rows, read_run, write_text

    folders = [find_run(name, results) for name in runs or ["latest"]]
    if format_name in ("json", "jsonl"):
        stored = [row for folder in folders for row in read_rows(folder)]
        rows = _compared(stored, [read_run(folder) for folder in folders], baseline)
        text = encode_rows(rows, lines=format_name == "jsonl")
    else:
        text = render(format_name, load(folders), baseline=baseline)
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
    from .listing import implementation_rows

    with stdout_kept():
        registry = _discover(plugins)
    _show_rows(implementation_rows(registry, patterns), format_name)
    return MISTAKE if registry.broken else PASSED


@cli.group()
def suite() -> None:
    """Look at suites of problems."""


@suite.command("list")
@options.format_of("table", "json")
def suite_list(format_name: str) -> int:
    """List the suites that come with convharness."""
    from .listing import suite_rows

    _show_rows(suite_rows(), format_name)
    return PASSED


@suite.command("show")
@click.argument("name", metavar="NAME|FILE")
@options.format_of("table", "json")
def suite_show(name: str, format_name: str) -> int:
    """Show the cases of a suite with their problems and costs."""
    from .listing import case_rows
    from .suite import find_suite

    _show_rows(case_rows(find_suite(name)), format_name)
    return PASSED


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
    from .environment import limit_threads

    limit_threads(threads)
    from .selection import select_suites

    with stdout_kept():
        wanted = select_suites(suites, problems, cases=cases, dtypes=dtypes)
        registry = _discover(plugins)
        implementations = _select(registry, patterns, plugins if only_plugins else ())
        _check_baseline(baseline, implementations)
        settings = _settings(timed=timed, threads=threads, baseline=baseline, **judging)
        run, rows = _recorded(wanted, implementations, settings, results, resumed)
    _show_records(rows, [run], format_name, baseline)
    if with_reports:
        _write_reports(rows, run, results, baseline)
    return _exit_code(rows, registry)


def _discover(plugins: Sequence[str]) -> "Registry":
    """Return the registry, having told what could not be had and why."""
    from .registry import discover
    from .workers import examined

    registry = discover(plugins, examine=examined)
    for mistake in registry.broken:
        say(f"error: {mistake}")
    for one in registry.unavailable:
        say(f"{one.family} is not available: {one.reason}")
    return registry


def _select(
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


def _check_baseline(baseline: str | None, implementations: "Sequence[Implementation]") -> None:
    names = [one.name for one in implementations]
    if baseline is not None and baseline not in names:
        hint = did_you_mean(baseline, names)
        raise SelectionError(f"the baseline {baseline!r} is not among the implementations{hint}")


def _settings(
    *,
    budget: float = 0.3,
    precision: float = 0.01,
    cache: str = "warm",
    memory_gib: float | None = None,
    **judging: Any,
) -> "Settings":
    from .runner import Settings
    from .sampling import Effort

    if memory_gib is not None:
        judging["memory_bytes"] = int(memory_gib * 2**30)
    return Settings(effort=Effort(budget_s=budget, precision=precision, cache=cache), **judging)


def _taken_up(name: str | None, results: Path) -> Path | None:
    """Return the folder of the run that is to go on, or None where a new one begins."""
    if name is None:
        return None
    from .journal import interrupted_run

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
    from .results import read_run

    run = read_run(folder)
    if not run.arguments:
        raise ResultsError(f"{folder} was not started from the command line; start it again")
    if run.folder and Path(run.folder) != Path.cwd():
        raise ResultsError(f"run {run.id} was started in {run.folder}; go on with it there")
    words = [*run.arguments, "--resume", str(folder), "--results", str(results)]
    if not _is_all_there_is("resume", "results"):
        words += ["--format", format_name]
    return cli.main(args=words, prog_name="convharness", standalone_mode=False, obj=words) or PASSED


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


def _recorded(
    suites: "Sequence[Suite]",
    implementations: "Sequence[Implementation]",
    settings: "Settings",
    results: Path,
    resumed: Path | None = None,
) -> "tuple[Run, list[Row]]":
    """Run, append each record to the results at once, and return them as rows."""
    from dataclasses import asdict

    from . import environment
    from .journal import RunWriter, check_same
    from .results import compact, is_finished, new_run, read_run
    from .runner import run
    from .verdict import FAILURES

    total = sum(len(suite) for suite in suites) * len(implementations)
    facts = environment.describe(settings.threads)
    if settings.timed:
        facts |= _limits(settings.threads)
    if resumed is None:
        words = click.get_current_context().obj
        this = new_run(
            facts,
            asdict(settings),
            shlex.join(["convharness", *words]),
            None if settings.exit_first else total,
            arguments=_without_resume(words),
        )
    else:
        this = read_run(resumed)
        check_same(this, asdict(settings), facts)
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
            say(
                f"{len(writer.rows):,} records are in {writer.folder};"
                f" go on with: convharness run --resume {this.id}{_elsewhere(results)}"
            )
            raise
    if writer.restored:
        say(f"error: something else wrote into {writer.folder}; what was recorded is there again")
    compact(writer.folder)
    say(f"records are in {writer.folder}")
    return this, writer.rows


def _limits(threads: int) -> dict[str, Any]:
    """Return what is known of the machine's speed, and of how well differences can be seen on it."""
    from . import kept
    from .paces import Marks
    from .workers import ceilings_of

    return {"ceilings": ceilings_of(threads), "timer": kept.read("timer", threads, Marks)}


def _state(finished: bool) -> str:  # noqa: FBT001 it is called in one place
    return "is complete" if finished else "goes on"


def _elsewhere(results: Path) -> str:
    """Return the option that names a folder of results that is not the usual one."""
    return "" if results == Path("results") else f" --results {shlex.quote(str(results))}"


def _show_records(
    rows: "Sequence[Row]", runs: "Sequence[Run]", format_name: str, baseline: str | None
) -> None:
    from .results import encode_rows, frame_of

    if format_name in ("json", "jsonl"):
        show(encode_rows(_compared(rows, runs, baseline), lines=format_name == "jsonl"))
        return
    from .reports import render

    show(render(format_name, frame_of(rows, runs), baseline=baseline))


def _compared(rows: "Sequence[Row]", runs: "Sequence[Run]", baseline: str | None) -> "Sequence[Row]":
    """Return records with how each compares with the baseline, if anything was timed."""
    if not any(row.get("time_median_s") for row in rows):
        return rows
    from .reports.views import comparison_of
    from .results import frame_of

    compared = comparison_of(frame_of(rows, runs), baseline)
    return [{**row, **compared(row)} for row in rows]


def _write_reports(rows: "Sequence[Row]", run: "Run", results: Path, baseline: str | None) -> None:
    from .reports import render
    from .results import frame_of, make_folder, write_text

    frame = frame_of(rows, [run])
    folder = make_folder(results / "reports")
    for format_name, suffix in (("markdown", "md"), ("csv", "csv"), ("html", "html")):
        text = render(format_name, frame, baseline=baseline)
        path = write_text(folder / f"{run.id}.{suffix}", text)
    say(f"the report is {path}")


def _exit_code(rows: Iterable[Row], registry: "Registry") -> int:
    from .verdict import FAILURES

    if any(row["status"] in FAILURES for row in rows):
        return FAILED
    return MISTAKE if registry.broken else PASSED


def _show_rows(rows: Sequence[Row], format_name: str) -> None:
    if format_name == "json":
        from .results import encode_rows

        show(encode_rows(rows))
        return
    from .listing import text_of

    show(text_of(rows, format_name))
