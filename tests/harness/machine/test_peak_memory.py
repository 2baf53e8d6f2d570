"""Memory: what a call needs at its peak, to the page, as far as Linux counts pages exactly."""

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
"""The system counts whole ones, and allocators add one for themselves."""


BATCH = max(64, 2 * (os.cpu_count() or 1))
"""A system may keep so many pages to each processor before it counts them (percpu_counter_batch, and before
Linux 6.2 to each thread, TASK_RSS_EVENTS_THRESH): a difference of two figures is off by twice that."""

TOLERANCE = (2 * BATCH + 4) * PAGE
"""Beside that the array's first and last page, the allocator's own, and one of the process's tables."""

LARGE = 64 * TOLERANCE
"""So much that the tolerance is no more than 1.6 % of it."""


@pytest.fixture(autouse=True)
def a_single_processor() -> Iterator[None]:
    """Let this thread, and what it starts, stay on one processor, so that only one keeps pages to itself."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    yield
    os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_known_allocation_is_seen(times: int) -> None:
    """The pages that are written, however many arrays they make."""

    def call() -> list[np.ndarray]:
        return [np.ones(LARGE // 8) for _ in range(times)]

    assert times * LARGE == pytest.approx(peak_of(call), abs=times * TOLERANCE)


def test_the_peak_counts_and_not_what_is_left() -> None:
    """What is freed before the call ends was needed all the same."""

    def call() -> None:
        np.ones(LARGE // 8)
        np.ones(LARGE // 8)

    assert LARGE == pytest.approx(peak_of(call), abs=TOLERANCE)


def test_what_is_only_asked_for_is_not_needed() -> None:
    """A page that nobody has touched is none."""
    assert 0 == pytest.approx(peak_of(lambda: np.empty(LARGE // 8)), abs=TOLERANCE)


def test_what_is_made_once_is_not_the_call_s() -> None:
    """A cache that is filled by the first call stays, and every other one finds it there."""
    kept: list[np.ndarray] = []

    def call() -> None:
        if not kept:
            kept.append(np.ones(LARGE // 8))

    assert 0 == pytest.approx(peak_of(call), abs=TOLERANCE)


def test_what_was_used_before_does_not_hide_what_is_needed() -> None:
    """The mark is set back, and freed memory given back."""
    np.ones(4 * LARGE // 8)

    assert LARGE == pytest.approx(peak_of(lambda: np.ones(LARGE // 8)), abs=TOLERANCE)


@pytest.mark.parametrize("name", ["clear_refs", "status"])
def test_a_system_that_does_not_tell_makes_no_figure(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None, and the call was made all the same."""
    real, calls = Path, []
    monkeypatch.setattr(
        module, "Path", lambda path: tmp_path / "no" / "such" if path.endswith(name) else real(path)
    )

    assert None is peak_of(lambda: calls.append(1))
    assert len(calls) >= 1


def test_a_system_without_that_figure_makes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its status has other lines."""
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
    """Return what an implementation needs for a call, in a process of its own."""
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
    """What it is made of can be counted from the problem."""
    (one,) = examined(write_plugin(MADE), "file", "mine").select([f"mine.{name}"])

    assert NEEDED[name] == pytest.approx(peak_memory(one), abs=TOLERANCE)


def test_im2col_needs_more_memory_than_adding_shifted_inputs(registry: Registry) -> None:
    """Of those that come with convharness, too, where it makes the whole matrix of windows at once."""
    shifted, at_once = (
        peak_memory(registry.select([f"numpy_arrays.{name}"])[0]) for name in ("shift_add", "tensordot")
    )

    assert PROBLEM.output_bytes - TOLERANCE < (shifted or 0)
    assert (shifted or 0) + TOLERANCE < PROBLEM.im2col_bytes < (at_once or 0) + TOLERANCE


def test_in_the_harness_s_own_process_nothing_is_told() -> None:
    """The memory of others is there, too."""
    assert None is LocalHost(declared(all_of_it)).peak_memory(None)


@implementation
def all_of_it(x, weight):
    """Do nothing."""
