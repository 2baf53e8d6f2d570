"""What all tests of faults share: no process of a test outlives it."""

import os
import time
from collections.abc import Iterator

import psutil
import pytest


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Fail the test if a worker that it started still runs after it."""
    before = {one.pid for one in psutil.process_iter()}
    yield
    end = time.monotonic() + 2
    while (left := _left_since(before)) and time.monotonic() < end:
        time.sleep(0.02)
    assert [] == left


def _left_since(before: set[int]) -> list[str]:
    """Return the command lines of new processes that carry the mark of a worker of this process."""
    found = []
    for one in psutil.process_iter():
        try:
            mark = one.environ().get("CONVHARNESS_WORKER", "")
            if one.pid not in before and mark.startswith(f"{os.getpid()}-"):
                found.append(" ".join(one.cmdline()))
        except psutil.Error:
            continue
    return found
