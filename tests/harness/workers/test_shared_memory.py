"""Shared memory: an array that the parent puts there is the same in the worker."""

import faulthandler
import os
import signal
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest

from convharness.numerics.arrays import ALIGNMENT, Array, root_of
from convharness.workers.shared_memory import Placed, SharedArray, SharedMemory, attached, protected


@pytest.fixture
def memory() -> Iterator[SharedMemory]:
    """Yield shared memory."""
    one = SharedMemory()
    yield one
    one.close()


def found(memory: SharedMemory, placed: Placed) -> Array:
    """Return the array that a worker finds by the message about it."""
    where = msgspec.json.decode(msgspec.json.encode(placed.where), type=SharedArray)
    return where.found_in(attached(os.dup(memory.file), memory.size))


BLOCK = np.arange(240, dtype=np.float32).reshape(2, 3, 5, 8)


@pytest.mark.parametrize(
    "array",
    [BLOCK, BLOCK[:, :, 1:4, ::2], BLOCK[::-1, ..., ::-1], BLOCK.transpose(3, 1, 0, 2), BLOCK[:, :0]],
    ids=["whole", "sliced", "reversed", "transposed", "empty"],
)
def test_a_shared_array_keeps_its_strides(array: Array, memory: SharedMemory) -> None:
    """A shared array keeps its shape, values and strides, within a copy of its whole block."""
    placed = memory.share(array)
    there = found(memory, placed)

    assert (array.shape, array.tolist()) == (there.shape, there.tolist())
    assert array.strides == there.strides or array.size == 0
    assert root_of(array).tobytes() == placed.region.bytes.tobytes()


def test_a_shared_array_is_read_only_if_the_original_is(memory: SharedMemory) -> None:
    """A shared array is read-only exactly if the original is."""
    locked = BLOCK.copy()
    locked.flags.writeable = False

    assert [False, True] == [found(memory, memory.share(one)).flags.writeable for one in (locked, BLOCK)]


def test_protected_memory_has_the_same_numbers(memory: SharedMemory) -> None:
    """Protected memory shows what the parent writes, in arrays whose flags allow writing."""
    placed = memory.place(BLOCK)
    there = placed.where.found_in(protected(os.dup(memory.file), memory.size))
    placed.array[0, 0, 0, 0] = 7

    assert (True, 7.0) == (there.flags.writeable, float(there[0, 0, 0, 0]))
    assert placed.array.tolist() == there.tolist()


def test_a_write_to_protected_memory_ends_the_process(memory: SharedMemory) -> None:
    """A write to protected memory is a fault, whatever the flags say."""
    there = memory.place(BLOCK).where.found_in(protected(os.dup(memory.file), memory.size))
    child = os.fork()
    if child == 0:
        faulthandler.disable()
        there[0, 0, 0, 0] = 1
        os._exit(0)

    assert -signal.SIGSEGV == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_plain_copy_starts_on_a_cache_line(memory: SharedMemory) -> None:
    """A placed array starts on a cache line in the layout asked for, and shows later writes of the parent."""
    placed = memory.place(BLOCK[:, :, 1:], "channels_last")
    there = found(memory, placed)
    placed.array[0, 0, 0, 0] = 7.0

    assert 0 == placed.where.start % ALIGNMENT
    assert np.moveaxis(there, 1, -1).flags.c_contiguous
    assert 7.0 == there[0, 0, 0, 0]


def test_memory_is_used_again_when_nothing_is_in_use(memory: SharedMemory) -> None:
    """Shared memory is used again once none of it is in use, and not before."""
    first = memory.take(100)
    starts = [first.start, memory.take(100).start]
    del first
    starts.append(memory.take(100).start)

    assert [0, 128, 0] == starts


def test_an_array_larger_than_shared_memory_is_refused(memory: SharedMemory) -> None:
    """Taking more shared memory than there is raises MemoryError."""
    with pytest.raises(MemoryError, match="bytes do not fit into shared memory"):
        memory.take(memory.size + 1)
