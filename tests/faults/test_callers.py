"""Faults that one short call with one thread does not show: memory that grows, shares of several threads."""

from pathlib import Path

import pytest

from convharness import Implementation, Settings, Suite, Verdict, run
from convharness.workers import examined
from tests.making import case_of

CASE = case_of("n2c3h6w7-o6k3-float32")


@pytest.fixture(scope="module")
def kernels() -> dict[str, Implementation]:
    """Return the kernels by name."""
    found = examined(Path(__file__).with_name("callers.py"), "file", "callers").implementations
    return {one.name.removeprefix("callers."): one for one in found}


def judged(kernel: Implementation, level: str, threads: int = 1) -> Verdict:
    """Return the verdict on a kernel in a process that has so many threads."""
    (record,) = run([Suite("mine", (CASE,))], [kernel], Settings(level=level, threads=threads))
    return record.verdict


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("keeps_a_buffer_of_each_call", "memory", "its process grows by"),
        ("keeps_a_buffer_for_each_shape", "memory", "its process grows by"),
        ("keeps_the_latest_buffers", "passed", ""),
    ],
)
def test_memory_that_grows_without_end_is_refused(kernels, name: str, status: str, words: str) -> None:
    """A kernel whose process grows with each call or shape is refused; one with a bounded store is not."""
    verdict = judged(kernels[name], "thorough")

    assert status == verdict.status, verdict.reason
    assert words in (verdict.reason or "")


@pytest.mark.parametrize(
    ("name", "of_one", "of_four"),
    [
        ("forgets_the_remainder_of_threads", "passed", "wrong"),
        ("shares_all_out", "passed", "passed"),
    ],
)
def test_a_fault_of_several_threads_shows_with_as_many(kernels, name: str, of_one: str, of_four: str) -> None:
    """A kernel that is wrong with four threads alone is refused there, and right with one."""
    assert of_one == judged(kernels[name], "standard").status
    assert of_four == judged(kernels[name], "standard", threads=4).status
