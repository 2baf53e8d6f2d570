"""Where text goes: results to stdout and nothing else, everything for people to stderr."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, Self

import click

from ..errors import ResultsError


def show(text: str) -> None:
    """Print to stdout; a reader that stops early, such as `head`, is not an error."""
    try:
        click.echo(text.rstrip("\n"))
        sys.stdout.flush()
    except OSError as error:
        # Python flushes once more when it exits, and would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if not isinstance(error, BrokenPipeError):
            raise ResultsError(f"cannot write to stdout: {error.strerror}") from None


def tell(text: str) -> None:
    """Print to stderr, for the user, not for the program that reads stdout."""
    click.echo(text, err=True)


def say(text: str) -> None:
    """Print a message for the user, under the program's name."""
    tell(f"convharness: {text}")


@contextmanager
def stdout_kept() -> Iterator[None]:
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
def progress(total: int) -> Iterator[Callable[[str, bool], None]]:
    """Show a bar on a terminal's stderr, and nothing elsewhere.

    What it yields takes the words for one step, and whether that failed.
    """
    if not sys.stderr.isatty():
        yield lambda _words, _failed: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    failed = 0
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=total)

        def advance(words: str, has_failed: bool) -> None:  # noqa: FBT001 it is called in two places
            nonlocal failed
            failed += has_failed
            bar.update(task, advance=1, description=f"{words}  ({failed} failed)" if failed else words)

        yield advance


class Steps:
    """Walks of long steps, on a terminal's stderr as a bar with the time left; each step leaves a line."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._total = self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def begin(self, total: int) -> None:
        """Begin a walk of some steps."""
        self._stop()
        self._total, self._count = total, 0
        if total and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeRemainingColumn(compact=True),
                TextColumn("left  {task.description}"),
            )
            self._bar = Progress(
                *columns, console=Console(stderr=True), transient=True, speed_estimate_period=3600
            )
            self._bar.start()
            self._task = self._bar.add_task("starting", total=total)

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def within(self, done: int, of: int, words: str) -> None:
        """Say how far the present step is."""
        if self._bar is not None and of:
            self._bar.update(self._task, completed=self._count + done / of, description=words)

    def done(self, words: str) -> None:
        """End a step, with a line that stays; with the last one the walk ends."""
        self._count += 1
        if self._bar is not None:
            self._bar.update(self._task, completed=self._count)
        say(f"{self._count}/{self._total} {words}")
        if self._count == self._total:
            self._stop()
