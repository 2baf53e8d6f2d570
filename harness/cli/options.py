"""The options that commands share, as decorators; what they mean is the commands' business."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..measure.stopwatch import Effort
from ..oracle import LEVELS
from ..reports import formats
from ..runs.settings import Settings
from . import parameters

Command = Callable[..., Any]
Option = Callable[[Command], Command]

FORMATS = tuple(name for name in formats.FORMATS if name not in ("comparison", "html"))
"""What a command prints of records; a comparison has two sides, and HTML is a file of its own."""


def repeated(*names: str, metavar: str, help: str) -> Option:  # noqa: A002 click's word
    """Return an option that may be given several times."""
    return click.option(*names, multiple=True, metavar=metavar, help=help)


def format_of(*formats: str) -> Option:
    """Return the option `--format` with these formats, of which the first is the default."""
    choice = click.Choice(formats)
    text = "What is printed."
    return click.option(
        "--format", "format_name", type=choice, default=formats[0], show_default=True, help=text
    )


def said() -> dict[str, str]:
    """Return the parameters given on the command line: each name, with the option as users write it."""
    context = click.get_current_context()
    return {
        str(one.name): one.opts[0] if isinstance(one, click.Option) else str(one.metavar).strip("[]")
        for one in context.command.params
        if context.get_parameter_source(str(one.name)) is click.core.ParameterSource.COMMANDLINE
    }


plugins = repeated(
    "--plugin", "plugins", metavar="FILE", help="A Python file with implementations of your own."
)
implementations = repeated(
    "-k", "--implementation", "patterns", metavar="GLOB", help="Only implementations whose name matches."
)
baseline = click.option("--baseline", metavar="NAME", help="Implementation that speed-ups refer to.")
results = click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    metavar="DIR",
    help="Where records are kept.",
)

_level = click.option(
    "--level",
    type=click.Choice(LEVELS),
    default=Settings.level,
    show_default=True,
    help="How much the oracle tries.",
)
thorough = click.option(
    "--level",
    type=click.Choice(LEVELS),
    default=LEVELS[-1],
    show_default=True,
    help="How much the oracle tries.",
)
seed = click.option(
    "--seed",
    type=click.IntRange(min=0, max=2**63 - 1),
    default=Settings.seed,
    show_default=True,
    help="Seed of all data and orders.",
)
threads = click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=Settings.threads,
    show_default=True,
    help="Threads of every library.",
)


def _jobs(default: int | Callable[[], int], shown: bool | str) -> Option:  # noqa: FBT001 click's show_default
    """Return the option for the number of processes that judge."""
    return click.option(
        "-j",
        "--jobs",
        type=click.IntRange(min=1, max=1024),
        default=default,
        show_default=shown,
        help="Processes that judge.",
    )


jobs = _jobs(Settings.jobs, shown=True)
all_jobs = _jobs(lambda: len(os.sched_getaffinity(0)), shown="all processors")
time = click.option(
    "--time",
    "time_s",
    callback=parameters.duration,
    default="3m",
    show_default=True,
    metavar="DURATION",
    help="Time for each implementation, such as 30s or 10m; what promises most comes first.",
)
huge = click.option(
    "--huge",
    is_flag=True,
    help="Also arrays beyond 2³¹ bytes and elements: 5 to 30 GiB; without --time, no limit of time.",
)
exit_first = click.option(
    "-x", "--exitfirst", "exit_first", is_flag=True, help="Leave an implementation at its first failure."
)
_shrink = click.option(
    "--shrink", is_flag=True, help="Lead failures back to the smallest problem that shows them."
)
_SELECTING = (
    repeated(
        "--suite", "suites", metavar="NAME|FILE", help="A suite that comes with convharness, or a file."
    ),
    repeated(
        "--problem", "problems", metavar="STRING", help="A problem, such as n1c64h56w56-o64k3p1-float32."
    ),
    repeated("-c", "--case", "cases", metavar="GLOB", help="Only cases whose label matches."),
    repeated("--dtype", "dtypes", metavar="NAME", help="Ask every case for this data type."),
    implementations,
    plugins,
)
timeout = click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    callback=parameters.finite,
    default=Settings.timeout_s,
    show_default=True,
    metavar="SECONDS",
    help="Time that one call may take.",
)
memory = click.option(
    "--memory",
    "memory_gib",
    type=click.FloatRange(min=0, min_open=True),
    callback=parameters.finite,
    metavar="GIB",
    help="Memory that an implementation may take; by default half of the machine's.",
)
resume = click.option(
    "--resume",
    is_flag=False,
    flag_value="latest",
    metavar="[RUN]",
    help="Go on with an interrupted run, by default the latest.",
)
_formats = format_of(*FORMATS)
_JUDGING = (_level, seed, threads, results, _formats, timeout, memory, resume)


def _budget(default: float, text: str) -> Option:
    """Return the option for how long to measure."""
    return click.option(
        "--budget",
        type=click.FloatRange(min=0, min_open=True, max=1e6),
        callback=parameters.finite,
        default=default,
        show_default=True,
        metavar="SECONDS",
        help=text,
    )


_TIMING = (
    _budget(Effort.budget_s, "Time per implementation and case; slow ones take fewer samples."),
    click.option(
        "--precision",
        callback=parameters.share_of_one,
        default=f"{Effort.precision:.0%}",
        show_default=True,
        metavar="SHARE",
        help="Done when every ratio is known so precisely, to either side, at 95 %.",
    ),
    click.option(
        "--cache",
        type=click.Choice(("warm", "cold")),
        default=Effort.cache,
        show_default=True,
        help="Whether calls find their data in the processor's caches.",
    ),
    baseline,
)


def of_the_timer(command: Command) -> Command:
    """Add what says how to test the timer."""
    return _with(
        command,
        (
            click.option("--timing", is_flag=True, help="Test the timer instead of the oracle."),
            _budget(1.0, "Time per kernel; with --timing."),
            click.option(
                "--repetitions",
                type=click.IntRange(min=1),
                default=3,
                show_default=True,
                help="How often everything is tried; with --timing.",
            ),
        ),
    )


def comparing(command: Command) -> Command:
    """Add what selects problems, and says how to judge and how long to measure."""
    judging = tuple(option for option in _JUDGING if option is not _formats)
    formats = format_of("comparison", *FORMATS)
    return _with(
        command, _SELECTING + judging + (formats, jobs) + _TIMING[:-1] + (fail_on, everything, markdown)
    )


fail_on = click.option(
    "--fail-on",
    "gate",
    callback=parameters.gate,
    metavar="LIST",
    help="Exit with 1 for any of slower[:5%], wrong, imprecise[:2], with thresholds.",
)
markdown = click.option(
    "--markdown",
    type=parameters.Output(),
    metavar="FILE",
    help="Of two commits, write the table of changes to a file, too.",
)
everything = click.option(
    "--all", "everything", is_flag=True, help="Of two commits, measure also what is the same in both."
)


def tracking(command: Command) -> Command:
    """Add what says which commits are tracked and how, and what is shown of them."""
    return _with(
        command,
        (
            click.option("--new", is_flag=True, help="All commits since the latest that was tracked."),
            click.option(
                "--every",
                type=click.IntRange(min=1),
                default=1,
                show_default=True,
                metavar="N",
                help="Every N-th commit, counted from the newest.",
            ),
            click.option(
                "--regressions", "list_only", is_flag=True, help="Measure nothing; list what is known."
            ),
            click.option(
                "--history",
                "history_file",
                type=parameters.Output(".csv", ".parquet"),
                metavar="FILE",
                help="Write all that is known of these commits as CSV or Parquet.",
            ),
            click.option("--bisect", is_flag=True, help="Find the commit of a change among untracked ones."),
            click.option("--publish", is_flag=True, help="Make asv's site, and a page of the history."),
            click.option(
                "--confirm/--no-confirm",
                default=True,
                show_default=True,
                help="Compare commits side by side where a time may have changed.",
            ),
            fail_on,
            repeated("--suite", "suites", metavar="NAME|FILE", help="A suite to track; smoke if none is."),
            implementations,
            threads,
            _level,
            seed,
            _budget(Effort.budget_s, "Time per implementation and case."),
            results,
            format_of(*formats.EVENTS),
        ),
    )


def verifying(command: Command) -> Command:
    """Add what selects problems and implementations and says how to judge them."""
    return _with(command, _SELECTING + _JUDGING + (jobs, exit_first, _shrink))


def timing(command: Command) -> Command:
    """Add that, how long to measure, and against what to compare."""
    return _with(command, _SELECTING + _JUDGING + (jobs,) + _TIMING)


def _with(command: Command, options: tuple[Option, ...]) -> Command:
    # Decorators apply from the inside out, and `--help` shows options in the opposite order.
    for option in reversed(options):
        command = option(command)
    return command
