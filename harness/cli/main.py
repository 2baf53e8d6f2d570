"""The command line: the group of commands, each loaded when it is called, and what becomes an exit code."""

import errno
import importlib
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import click

from ..errors import HarnessError
from ..machine.environment import open_standard_streams
from .console import say, tell
from .exit_codes import BUG, INTERRUPTED, MISTAKE, PASSED


class Place(NamedTuple):
    """Where a command is, the module and the attribute there, and the first paragraph of its help."""

    module: str
    attribute: str
    help: str


COMMANDS: Mapping[str, Place] = {
    "check": Place(
        "judging",
        "check",
        "Try everything on implementations, or on all of a plugin file: the conformance test of a plugin.",
    ),
    "compare": Place(
        "comparing",
        "compare",
        "Is OTHER faster or slower than BASE, and as right? Two implementations, or two commits, timed now.",
    ),
    "doctor": Place(
        "maintenance",
        "doctor",
        "Explain this host: what it is, what disturbs measurements on it, and what is missing.",
    ),
    "init": Place(
        "maintenance",
        "init",
        "Start in a repository of your own: a plugin, a suite, and what asv needs; nothing is overwritten.",
    ),
    "list": Place("listing", "list_", "List implementations, what they support, and what is missing."),
    "merge": Place(
        "reporting",
        "merge",
        "Merge folders of results, from other machines or shards, into --results: without loss, once each.",
    ),
    "report": Place("reporting", "report", "Report stored runs, by id or folder; the latest by default."),
    "run": Place("judging", "run", "Verify, time and report: the whole, on suite 'smoke' by default."),
    "schema": Place(
        "listing", "schema", "Print the JSON Schema of a record, of run.json or of a suite file."
    ),
    "selftest": Place(
        "maintenance",
        "selftest",
        "Test the tester: wrong and unusual kernels, or with --timing identical and slower ones.",
    ),
    "shrink": Place(
        "judging",
        "shrink",
        "Find the smallest problem at which an implementation fails; `verify --shrink` by another name.",
    ),
    "suite": Place("listing", "suite", "Look at suites of problems."),
    "time": Place("judging", "time", "Time the implementations that are right, side by side."),
    "track": Place(
        "tracking",
        "track",
        "Verify and time the implementations of many commits, through asv; say what changed at which.",
    ),
    "verify": Place("judging", "verify", "Judge implementations: right or wrong, and how exact."),
}
"""The commands. They are listed without being loaded; a test holds these texts to those of the commands."""


class LazyGroup(click.Group):
    """A group that loads a command when it is called, and lists all without loading any."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 click's signature
        """Return the names of the commands, in order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 likewise
        """Return a command, loaded; None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        place = COMMANDS[cmd_name]
        module = importlib.import_module(f".{place.module}", __package__)
        command: click.Command = getattr(module, place.attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 likewise
        """Write the list of commands as click does, from their texts alone."""
        width = formatter.width - 6 - max(map(len, COMMANDS))
        rows = [
            (name, click.Command(name, help=COMMANDS[name].help).get_short_help_str(width))
            for name in sorted(COMMANDS)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def main(arguments: Sequence[str] | None = None) -> int:  # noqa: PLR0911 one for each exit code
    """Run the command line and return the exit code.

    0: all passed or unsupported; 1: something failed; 2: the user's mistake, in one line; 3: a bug
    of convharness, with its traceback; 4: nothing was judged.
    """
    try:
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
    except Exception:  # noqa: BLE001 the last resort: what nothing foresaw is our bug
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


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="convharness", message="%(prog)s %(version)s")
def cli() -> None:
    """Is this convolution right, how fast is it, and did it get worse since the last commit?"""
