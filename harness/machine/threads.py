"""The threads of the process: how many there are, and whether a call uses more than its own."""

import os
import threading
from collections.abc import Callable
from time import process_time_ns, thread_time_ns

_CALLS = 5


def count() -> int:
    """Return how many threads the process runs; where the system does not say, those of Python."""
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208 it is called often, and a path is slow
    except OSError:
        return threading.active_count()


def are_used_by(call: Callable[[], object]) -> bool:
    """Say whether threads other than the calling one worked during each of a few calls.

    The clock of the thread is read outside that of the process, so that with a single thread the
    process is never ahead of it. Other work of the process, such as showing progress, does not
    coincide with every call.
    """
    return all(_others_ran(call) for _ in range(_CALLS))


def _others_ran(call: Callable[[], object]) -> bool:
    own = thread_time_ns()
    process = process_time_ns()
    call()
    process = process_time_ns() - process
    own = thread_time_ns() - own
    return process > own
