"""Where text goes: results to stdout and nothing else, everything for people to stderr."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout

import click

from .errors import ResultsError


def show(text: str) -> None:
    """Print to stdout; a reader that has seen enough, such as `head`, is no error."""
    try:
        click.echo(text.rstrip("\n"))
        sys.stdout.flush()
    except OSError as error:
        # Python flushes once more when it exits, and would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if not isinstance(error, BrokenPipeError):
            raise ResultsError(f"cannot write to stdout: {error.strerror}") from None


def tell(text: str) -> None:
    """Tell the person, not the program that reads our output."""
    click.echo(text, err=True)


def say(text: str) -> None:
    """Tell the person one thing, and who says it."""
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
    """Show a bar on a terminal's stderr, and nothing where nobody watches.

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
