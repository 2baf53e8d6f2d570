"""The processes that a process started: found by descent or by a mark, and ended."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from convharness.machine import process_tree
from convharness.machine.process_tree import MARK, new_mark

GONE = 2**22
"""A process identifier above the largest possible one."""


@pytest.fixture
def marked() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Yield a mark and a process in another session that carries it."""
    mark = new_mark()
    with subprocess.Popen(["/bin/sleep", "60"], env={MARK: mark}, start_new_session=True) as process:
        yield mark, process
        process.kill()


def test_a_mark_begins_with_the_number_of_the_process_that_makes_it() -> None:
    """A mark begins with the identifier of the process that makes it, and no two are equal."""
    first, second = new_mark(), new_mark()

    assert [str(os.getpid())] * 2 == [first.partition("-")[0], second.partition("-")[0]]
    assert first != second


def test_a_process_has_a_parent_and_descendants(marked: tuple[str, subprocess.Popen[bytes]]) -> None:
    """A process is the first of its family, which has its descendants."""
    _, process = marked
    family = [one.pid for one in process_tree.family(os.getpid())]

    assert (os.getpid(), os.getpid()) == (process_tree.parent_of(process.pid), family[0])
    assert process.pid in family
    assert 0 < process_tree.private_bytes(process_tree.family(os.getpid()))


def test_an_ended_process_has_no_parent_and_no_family() -> None:
    """A process that does not exist has no parent and no family, and ending it does nothing."""
    process_tree.end_descendants(GONE)

    assert (None, []) == (process_tree.parent_of(GONE), process_tree.family(GONE))


def test_marked_processes_end_by_their_mark(marked: tuple[str, subprocess.Popen[bytes]]) -> None:
    """Processes are ended by their mark, and those with other marks go on."""
    mark, process = marked
    process_tree.end_marked(lambda other, _: other == new_mark())
    before = process.poll()
    process_tree.end_marked(lambda other, pid: other == mark and pid == process.pid)

    assert (None, None) == (before, process_tree.parent_of(process.pid))
