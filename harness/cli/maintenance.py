"""The commands about this host and its tools: explain it, test the tester, start a repository."""

from collections.abc import Sequence
from pathlib import Path

import click

from ..commits.scaffold import start
from ..engine import timer_selftest
from ..engine.doctor import examine, screen_of
from ..files.atomic import write_text
from ..machine import calibration
from ..machine.environment import limit_threads
from ..oracle import selftest as zoo
from ..plugins.discovery import discover
from ..reports.formats.listing import comma_separated, table
from ..runs.store import make_folder
from ..workers import examined
from . import options
from .console import progress, say, show, stdout_kept
from .exit_codes import FAILED, PASSED
from .listing import show_rows


@click.command()
@options.threads
@options.plugins
@options.format_of("table", "json", "markdown")
def doctor(threads: int, plugins: Sequence[str], format_name: str) -> int:
    """Explain this host: what it is, what disturbs measurements on it, and what is missing."""
    limit_threads(threads)
    with stdout_kept():
        findings = list(examine(discover(plugins, examine=examined), threads))
    if format_name == "table":
        show(screen_of(findings))
    else:
        show_rows([finding.row() for finding in findings], format_name)
    return PASSED


@click.command()
@options.thorough
@options.seed
@options.results
@options.format_of("table", "json", "csv", "markdown")
@options.of_the_timer
def selftest(
    level: str, seed: int, results: Path, format_name: str, *, timing: bool, budget: float, repetitions: int
) -> int:
    """Test the tester: wrong and unusual kernels, or with --timing identical and slower ones."""
    limit_threads(1)
    if timing:
        return _test_timer(seed, results, format_name, budget, repetitions)
    return _test_oracle(level, seed, results, format_name)


def _test_oracle(level: str, seed: int, results: Path, format_name: str) -> int:
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
        show_rows(matrix, format_name)
        say(str(reached))
    if level != "thorough":
        say(f"level {level} leaves layers out, and so misses some; thorough is what has to refuse all")
    say(f"the kill matrix is {stored}")
    return PASSED if reached.is_perfect else FAILED


def _test_timer(seed: int, results: Path, format_name: str, budget: float, repetitions: int) -> int:

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
        show_rows(rows, format_name)
        say(str(marks))
    say(f"all pairs are in {stored}")
    return PASSED


@click.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False), metavar="[DIR]")
def init(folder: Path) -> int:
    """Start in a repository of your own: a plugin, a suite, and what asv needs; nothing is overwritten."""
    for path, is_new in start(folder):
        say(f"{'wrote' if is_new else 'kept '} {path}")
    say("next: git add and commit these, then `convharness track`, or plain `asv run`")
    return PASSED
