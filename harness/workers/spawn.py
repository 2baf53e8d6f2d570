"""A worker started as a new Python interpreter."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ..machine.environment import thread_variables
from ..machine.process_tree import MARK, new_mark
from .process import Ends, Limits, Process, Started

_BOOT = (
    # To end with the parent comes first, since imports take time.
    "import ctypes, sys; ctypes.CDLL(None).prctl(1, 9); sys.path[:0] = {first!r}; sys.path += {path!r}\n"
    "from convharness.workers.server import main; main({channel}, {file}, {size})"
)


def spawned(
    limits: Limits,
    threads: int,
    *,
    spins: bool = True,
    variables: Mapping[str, str] | None = None,
    site: str | None = None,
) -> Process:
    """Start a worker whose libraries start `threads` threads.

    The interpreter is isolated (`python -I`): no file of the working folder shadows a module. `variables`
    are added to its environment, and packages in the folder `site` come before the installed ones.
    """
    mark = new_mark()

    def start(ends: Ends) -> Started:
        boot = _BOOT.format(
            first=[site] if site else [],
            path=_module_path(),
            channel=ends.channel,
            file=ends.file,
            size=ends.size,
        )
        return subprocess.Popen(  # noqa: S603 this interpreter, with a program written above
            [sys.executable, "-I", "-c", boot],
            stdin=subprocess.DEVNULL,
            stdout=ends.printing,
            stderr=ends.printing,
            pass_fds=(ends.channel, ends.file),
            start_new_session=True,
            env={**os.environ, **thread_variables(threads), **(variables or {}), MARK: mark},
        )

    return Process(limits, start, mark, spins=spins)


def _module_path() -> list[str]:
    """Return where modules are found; the working folder only where PYTHONPATH names it."""
    here = str(Path.cwd())
    named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return [entry for entry in sys.path if entry and (entry != here or entry in named)]
