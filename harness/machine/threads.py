"""The threads of the process: how many there are, and whether a call uses more than its own."""

import os
import threading
from collections.abc import Callable
from time import process_time_ns, thread_time_ns

_CALLS = 5


def count() -> int:
    """Return how many threads the process runs, where the system tells, else those of Python."""
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208 it is asked for often, and a path is slow
    except OSError:
        return threading.active_count()


def are_used_by(call: Callable[[], object]) -> bool:
    """Say whether others than the calling thread worked during each of a few calls.

    The clock of the thread is read outside that of the process, so that a lone thread never has the
    process ahead of it. What else the process does, such as showing progress, does not meet every
    call.
    """
    return all(_others_ran(call) for _ in range(_CALLS))


def _others_ran(call: Callable[[], object]) -> bool:
    own = thread_time_ns()
    everyone = process_time_ns()
    call()
    everyone = process_time_ns() - everyone
    own = thread_time_ns() - own
    return everyone > own
