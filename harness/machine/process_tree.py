"""The processes that a process has started: found by descent or by a mark, and ended.

The mark is an environment variable, which processes inherit: it also finds those that have left
their group and whose parent has ended.
"""

import contextlib
import ctypes
import os
import secrets
import signal
from collections.abc import Callable
from typing import Any

MARK = "CONVHARNESS_WORKER"
"""The environment variable that holds the mark."""

_PR_SET_PDEATHSIG = 1  # prctl.h

_MOST_ROUNDS = 20
"""How often the list of processes is read again: a marked process may start others while it is ended."""


def new_mark() -> str:
    """Return a mark: the number of this process, a hyphen, and random digits."""
    return f"{os.getpid()}-{secrets.token_hex(8)}"


def die_with_parent(how: int = signal.SIGKILL) -> None:
    """Have the system end this process with a signal when its parent ends, for whatever reason."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, how)


def family(pid: int) -> list[Any]:
    """Return a process and its descendants, as `psutil.Process`; the process itself comes first."""
    import psutil

    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def parent_of(pid: int) -> int | None:
    """Return the number of the parent of a process, None where there is no such process."""
    import psutil

    try:
        return int(psutil.Process(pid).ppid())
    except psutil.Error:
        return None


def private_bytes(processes: list[Any]) -> int:
    """Return the memory that processes have in use and do not share with others."""
    import psutil

    used = 0
    for one in processes:
        with contextlib.suppress(psutil.Error):
            memory = one.memory_info()
            used += memory.rss - memory.shared
    return used


def end_descendants(pid: int) -> None:
    """End all descendants of a process, also those that have left its group and cleared their environment."""
    for one in family(pid)[1:]:
        with contextlib.suppress(Exception):  # it may have ended already
            one.kill()


def end_marked(is_wanted: Callable[[str, int], bool]) -> None:
    """End every process that is wanted, by its mark and its number, until none is left."""
    import psutil

    for _ in range(_MOST_ROUNDS):
        left = [one for one in psutil.process_iter() if is_wanted(_mark_of(one), one.pid)]
        for one in left:
            with contextlib.suppress(psutil.Error):
                one.kill()
        if not left:
            return
        psutil.wait_procs(left, timeout=1)


def _mark_of(process: Any) -> str:
    import psutil

    try:
        if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
            return ""
        return str(process.environ().get(MARK, ""))
    except (psutil.Error, OSError):
        return ""
