"""The processes that a process has started: found by descent or by a mark, and ended."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from convharness.machine import process_tree
from convharness.machine.process_tree import MARK, new_mark

GONE = 2**22
"""A number that no process has: the largest one is less."""


@pytest.fixture
def marked() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Return a mark and a process that bears it, and has left our session."""
    mark = new_mark()
    with subprocess.Popen(["/bin/sleep", "60"], env={MARK: mark}, start_new_session=True) as process:
        yield mark, process
        process.kill()


def test_a_mark_begins_with_the_number_of_the_process_that_makes_it() -> None:
    """And is another one every time."""
    first, second = new_mark(), new_mark()

    assert [str(os.getpid())] * 2 == [first.partition("-")[0], second.partition("-")[0]]
    assert first != second


def test_a_process_has_a_parent_and_descendants(marked: tuple[str, subprocess.Popen[bytes]]) -> None:
    """The process itself is the first of its family."""
    _, process = marked
    family = [one.pid for one in process_tree.family(os.getpid())]

    assert (os.getpid(), os.getpid()) == (process_tree.parent_of(process.pid), family[0])
    assert process.pid in family
    assert 0 < process_tree.private_bytes(process_tree.family(os.getpid()))


def test_a_process_that_has_gone_has_neither() -> None:
    """And nothing is ended."""
    process_tree.end_descendants(GONE)

    assert (None, []) == (process_tree.parent_of(GONE), process_tree.family(GONE))


def test_marked_processes_end_by_their_mark(marked: tuple[str, subprocess.Popen[bytes]]) -> None:
    """Those of other marks stay."""
    mark, process = marked
    process_tree.end_marked(lambda other, _: other == new_mark())
    before = process.poll()
    process_tree.end_marked(lambda other, pid: other == mark and pid == process.pid)

    assert (None, None) == (before, process_tree.parent_of(process.pid))
