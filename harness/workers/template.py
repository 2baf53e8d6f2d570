"""A worker that has loaded a file and its libraries, and is copied: a new process in milliseconds.

Two implementations are compared in several processes each, because times depend on where a process's
memory happens to lie. A start with PyTorch takes a second; a copy has its own pages and allocates on its
own, and shares with its template only what was loaded. Templates of files that use the same libraries are
themselves copies, of a root that has loaded these libraries.
"""

import os
import select
import subprocess
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL

from ..errors import PluginError
from ..execution.kernel_call import KernelError
from ..machine import process_tree
from ..plugins.declaration import Implementation
from .process import START_S, Ends, Limits, Process, Started
from .protocol.requests import Copy, Preload, Prepare, Reap
from .spawn import spawned

_LATER = {"OPENBLAS_NUM_THREADS": "1"}
"""OpenBLAS starts threads when it loads, and a process with threads cannot be copied; copies start them."""


@dataclass(frozen=True)
class Source:
    """What a template loads: a file or the entry of a package, and the libraries that it uses."""

    path: Path
    origin: str
    family: str
    libraries: tuple[str, ...]
    site: str | None = None

    @property
    def loaded(self) -> tuple[str, ...]:
        """Return the libraries that its root loads."""
        return tuple(sorted({*self.libraries} - {"python"}))

    @classmethod
    def of(cls, implementation: Implementation) -> "Source":
        """Return where an implementation comes from; raises `PluginError` for one that was made here."""
        one = implementation
        if one.source is None:
            raise PluginError(f"{one.name} exists only in this process")
        return cls(one.source, one.origin, one.family, tuple({one.library: None, one.arrays: None}), one.site)


class Root:
    """A process that has loaded libraries and nothing else, and waits to be copied."""

    def __init__(self, libraries: tuple[str, ...], threads: int) -> None:
        self.process = spawned(Limits(), threads, variables=_LATER)
        self._libraries = libraries

    def load(self) -> None:
        """Wait until it has loaded all; raises `KernelError`."""
        self.process.ask(Preload(self._libraries), within_s=START_S)


class Template:
    """A copy of a root that has loaded a source and waits to be copied; raises `KernelError`."""

    def __init__(self, source: Source, root: Root) -> None:
        self.process = copied(root.process, Limits())
        self._source = source

    def load(self) -> None:
        """Wait until it has loaded all; raises `KernelError`."""
        one = self._source
        request = Prepare(str(one.path.absolute()), one.origin, one.family, one.libraries, one.site)
        self.process.ask(request, within_s=START_S)


def copied(process: Process, limits: Limits) -> Process:
    """Return a copy of a root or a template; raises `KernelError` where it cannot be copied."""

    def started(ends: Ends) -> Started:
        files = (ends.channel, ends.file, ends.printing)
        with process.asking:
            return _Copy(process, process.ask(Copy(ends.size), files=files).pid)

    return Process(limits, started)


def _opened_child(parent: int, pid: int) -> int:
    """Return an open file for a child of a process; raises `KernelError` where it is not one.

    A template has loaded a plugin, which may name any process: the one that is named will be ended.
    """
    try:
        opened = os.pidfd_open(pid)
    except OSError:
        opened = -1
    if opened < 0 or process_tree.parent_of(pid) != parent:
        if opened >= 0:
            os.close(opened)
        raise KernelError("contract", f"unexpected reply: process {pid} is not a copy")
    return opened


class _Copy:
    """A started copy, whose parent is the process that was copied."""

    def __init__(self, original: Process, pid: int) -> None:
        self._ended = _opened_child(original.pid, pid)
        self.pid = pid
        self._original = original

    def __del__(self) -> None:
        if hasattr(self, "_ended"):
            os.close(self._ended)

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code, which the system gives to its parent; raises `subprocess.TimeoutExpired`."""
        poll = select.poll()
        poll.register(self._ended, select.POLLIN)
        if not poll.poll(None if timeout is None else 1000 * timeout):
            raise subprocess.TimeoutExpired("a copy", timeout or 0.0)
        try:
            with self._original.asking:
                return self._original.ask(Reap(self.pid)).exit_code
        except KernelError:
            return -SIGKILL  # the original has ended, and all copies with it
