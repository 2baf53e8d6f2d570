"""Peak memory: what a call needs beyond its inputs, as exactly as Linux counts pages."""

import mmap
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from convharness import Implementation, Problem, Registry, implementation
from convharness.execution.local_host import LocalHost
from convharness.machine import peak_memory as module
from convharness.machine.peak_memory import peak_of
from convharness.numerics.operands import timed_integers
from convharness.workers import WorkerPool, examined
from tests.making import declared

PAGE = mmap.PAGESIZE
"""The system counts whole pages, and allocators add one of their own."""


BATCH = max(64, 2 * (os.cpu_count() or 1))
"""The pages that Linux may leave uncounted per CPU (percpu_counter_batch), and before 6.2 per thread
(TASK_RSS_EVENTS_THRESH): a difference of two figures is off by up to twice that."""

TOLERANCE = (2 * BATCH + 4) * PAGE
"""Uncounted pages, the array's first and last page, the allocator's own, and one page table."""

LARGE = 64 * TOLERANCE
"""Bytes of which the tolerance is 1.6 %."""


@pytest.fixture(autouse=True)
def a_single_cpu() -> Iterator[None]:
    """Pin this thread, and the processes that it starts, to one CPU, for one set of uncounted pages."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    yield
    os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_known_allocation_is_seen(times: int) -> None:
    """The peak of a call is the size of the arrays that it writes."""

    def call() -> list[np.ndarray]:
        return [np.ones(LARGE // 8) for _ in range(times)]

    assert times * LARGE == pytest.approx(peak_of(call), abs=times * TOLERANCE)


def test_the_peak_counts_and_not_what_is_left() -> None:
    """Memory that a call frees before it ends counts towards its peak."""

    def call() -> None:
        np.ones(LARGE // 8)
        np.ones(LARGE // 8)

    assert LARGE == pytest.approx(peak_of(call), abs=TOLERANCE)


def test_untouched_memory_does_not_count() -> None:
    """Memory that is allocated and never touched does not count."""
    assert 0 == pytest.approx(peak_of(lambda: np.empty(LARGE // 8)), abs=TOLERANCE)


def test_memory_kept_by_the_first_call_does_not_count() -> None:
    """Memory that the first call fills and keeps, such as a cache, does not count."""
    kept: list[np.ndarray] = []

    def call() -> None:
        if not kept:
            kept.append(np.ones(LARGE // 8))

    assert 0 == pytest.approx(peak_of(call), abs=TOLERANCE)


def test_an_earlier_peak_does_not_hide_that_of_a_call() -> None:
    """An earlier and higher peak of the process does not hide that of a call."""
    np.ones(4 * LARGE // 8)

    assert LARGE == pytest.approx(peak_of(lambda: np.ones(LARGE // 8)), abs=TOLERANCE)


@pytest.mark.parametrize("name", ["clear_refs", "status"])
def test_the_peak_is_none_if_the_system_does_not_report_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The peak is None if the system does not report it, and the call is made."""
    real, calls = Path, []
    monkeypatch.setattr(
        module, "Path", lambda path: tmp_path / "no" / "such" if path.endswith(name) else real(path)
    )

    assert None is peak_of(lambda: calls.append(1))
    assert len(calls) >= 1


def test_the_peak_is_none_if_the_status_lacks_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The peak is None if the status of the process lacks its line."""
    (tmp_path / "status").write_text("Name:\tpython\nVmRSS:\t 100 kB\n", "ascii")
    monkeypatch.setattr(module, "Path", lambda path: tmp_path / Path(path).name)

    assert None is peak_of(lambda: None)


PROBLEM = Problem.parse("n1c32h96w96-o64k5-float32")
"""Its matrix of windows is more than ten times as large as its output."""

ONE_TAP_BYTES = PROBLEM.im2col_bytes // 25

MADE = """
import numpy as np
from convharness import implementation


@implementation
def output_alone(x, weight):
    return np.ones((1, len(weight), x.shape[2] - 4, x.shape[3] - 4), x.dtype)


@implementation
def im2col(x, weight):
    windows = np.lib.stride_tricks.sliding_window_view(x[0], weight.shape[2:], (1, 2))  # (C, OH, OW, KH, KW)
    matrix = windows.transpose(0, 3, 4, 1, 2).reshape(weight[0].size, -1)
    return (weight.reshape(len(weight), -1) @ matrix).reshape(1, len(weight), *windows.shape[1:3])


@implementation
def shift_add(x, weight):
    y = np.zeros((1, len(weight), x.shape[2] - 4, x.shape[3] - 4), x.dtype)
    for i in range(5):
        for j in range(5):
            tap = x[0, :, i : i + y.shape[2], j : j + y.shape[3]].reshape(x.shape[1], -1)
            y += (weight[:, :, i, j] @ tap).reshape(y.shape)
            del tap
    return y
"""


def peak_memory(one: Implementation) -> int | None:
    """Return the peak memory of a call of an implementation, in a process of its own, in bytes."""
    with WorkerPool() as pool:
        pool.prepare([one], 1)
        with pool.fresh_hosts(0) as host:
            new = host(one)
            return new.peak_memory(new.bind(PROBLEM, timed_integers(PROBLEM, 0)))


NEEDED = {
    "output_alone": PROBLEM.output_bytes,
    "shift_add": 2 * PROBLEM.output_bytes + ONE_TAP_BYTES,  # its sum, and one summand at a time
    "im2col": PROBLEM.output_bytes + PROBLEM.im2col_bytes,
}


@pytest.mark.parametrize("name", NEEDED)
def test_a_kernel_s_memory_is_seen_in_its_process(name: str, write_plugin: Callable[..., Path]) -> None:
    """The peak memory of a kernel in its process is that counted from the problem."""
    (one,) = examined(write_plugin(MADE), "file", "mine").select([f"mine.{name}"])

    assert NEEDED[name] == pytest.approx(peak_memory(one), abs=TOLERANCE)


def test_im2col_needs_more_memory_than_adding_shifted_inputs(registry: Registry) -> None:
    """The implementation of the project that makes the whole matrix of windows needs the most memory."""
    shifted, at_once = (
        peak_memory(registry.select([f"numpy_arrays.{name}"])[0]) for name in ("shift_add", "tensordot")
    )

    assert PROBLEM.output_bytes - TOLERANCE < (shifted or 0)
    assert (shifted or 0) + TOLERANCE < PROBLEM.im2col_bytes < (at_once or 0) + TOLERANCE


def test_the_harness_s_own_process_reports_no_peak_memory() -> None:
    """The harness's own process reports no peak memory, since it would include other memory."""
    assert None is LocalHost(declared(all_of_it)).peak_memory(None)


@implementation
def all_of_it(x, weight):
    """Do nothing."""
