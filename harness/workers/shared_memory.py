"""Memory that the parent shares with one worker: operands lie there, and outputs.

No array is ever pickled: a message says where an array lies, how its elements are spaced and of which
block it is a part, so that slices, transposes and canaries arrive as they are.
"""

import fcntl
import mmap
import os
from typing import NamedTuple

import msgspec
import numpy as np

from ..numerics.arrays import (
    ALIGNMENT,
    Array,
    Subclass,
    dtype_of,
    from_stored_order,
    in_stored_order,
    root_of,
)

_KEPT_BYTES = 2**26
"""This much memory stays in use for the next arrays; what is beyond goes back to the system."""


class SharedArray(msgspec.Struct, frozen=True):
    """Where an array lies in shared memory, in bytes from its start.

    `block` is the start and the size of the block of which the array is a part. With `whole` the array is
    a view of a larger array of its own type, which may look at where it begins in it.
    """

    block: tuple[int, int]
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str
    whole: bool = False
    writeable: bool = True
    subclass: bool = False

    def found_in(self, memory: Array) -> Array:
        """Return the array, in the worker, whose view of the shared memory is `memory`."""
        first, size = self.block
        dtype = dtype_of(self.dtype)
        if 0 in self.shape:
            return np.empty(self.shape, dtype)
        block = memory[first : first + size]
        if self.whole:
            block = block.view(dtype)
        array: Array = np.ndarray(self.shape, dtype, block, self.start - first, self.strides)
        if not self.writeable:
            array.flags.writeable = False
        return array.view(Subclass) if self.subclass else array


class Region:
    """A part of shared memory that is in use as long as this object lives."""

    def __init__(self, memory: "SharedMemory", start: int, size: int) -> None:
        self._memory = memory
        self.start = start
        self.size = size

    @property
    def bytes(self) -> Array:
        """Return the region's memory."""
        return self._memory.bytes[self.start : self.start + self.size]

    def discard(self, start: int, size: int) -> None:
        """Give a part of it back to the system if it is large; it then reads as zeros."""
        if size > _KEPT_BYTES:
            self._memory.discard(self.start + start, size)

    def __del__(self) -> None:
        self._memory.released()


class Placed(NamedTuple):
    """An array in shared memory: as the parent sees it, as a request says it, and its region."""

    array: Array
    where: SharedArray
    region: Region


class SharedMemory:
    """The parent's side: a file without a name, as large as the machine's memory, mostly not there.

    Pages come into being when they are first written. Regions are taken one behind the other, and
    when none is in use any more the first page is next: the same addresses come back often.
    """

    def __init__(self) -> None:
        self.size = os.sysconf("SC_PHYS_PAGES") * mmap.PAGESIZE
        self.file = os.memfd_create("convharness", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.file, self.size)
        # A worker cannot cut the file short, which would end the parent.
        fcntl.fcntl(self.file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        self._map = mmap.mmap(self.file, self.size)
        self.bytes: Array = np.frombuffer(self._map, np.uint8)
        self._next = 0
        self._in_use = 0

    def take(self, size: int, shift: int = 0) -> Region:
        """Return a region that begins `shift` bytes behind a cache line; raises `MemoryError`."""
        start = -(-self._next // ALIGNMENT) * ALIGNMENT + shift % ALIGNMENT
        if start + size > self.size:
            raise MemoryError(f"{size} bytes do not fit into shared memory")
        self._next = start + size
        self._in_use += 1
        return Region(self, start, size)

    def released(self) -> None:
        """Take back what a region held, once no other is in use."""
        self._in_use -= 1
        if self._in_use == 0:
            if self._next > _KEPT_BYTES:
                self.discard(0, -(-self._next // mmap.PAGESIZE) * mmap.PAGESIZE)
            self._next = 0

    def discard(self, start: int, size: int) -> None:
        """Give the whole pages of a part of the memory back to the system."""
        first = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
        last = min(start + size, self.size) // mmap.PAGESIZE * mmap.PAGESIZE
        if first < last:
            self._map.madvise(mmap.MADV_REMOVE, first, last - first)

    def place(self, array: Array, layout: str = "contiguous") -> Placed:
        """Return a plain copy of an array that starts on a cache line, as `aligned_copy` makes it."""
        stored = in_stored_order(array, layout)
        region = self.take(stored.nbytes)
        view = region.bytes.view(stored.dtype).reshape(stored.shape)
        view[...] = stored
        view = from_stored_order(view, layout)
        return Placed(view, self._where(view, region), region)

    def share(self, array: Array) -> Placed:
        """Return a copy of an array that lies in shared memory as the original lies in its own block."""
        root = root_of(array)
        region = self.take(root.nbytes, _address(root))
        region.bytes[...] = root.ravel(order="K").view(np.uint8)
        start = region.start + _address(array) - _address(root)
        view: Array = np.ndarray(array.shape, array.dtype, self.bytes, start, array.strides)
        where = msgspec.structs.replace(
            self._where(view, region),
            whole=root is not array and root.dtype == array.dtype,
            writeable=bool(array.flags.writeable),
            subclass=type(array) is Subclass,
        )
        return Placed(view, where, region)

    def _where(self, view: Array, region: Region) -> SharedArray:
        return SharedArray(
            block=(region.start, region.size),
            start=_address(view) - _address(self.bytes),
            shape=view.shape,
            strides=view.strides,
            dtype=view.dtype.name,
        )

    def close(self) -> None:
        """Give the memory back; arrays that are still in use stay readable."""
        os.close(self.file)


def attached(file: int, size: int) -> Array:
    """Return the parent's shared memory, in the worker."""
    return np.frombuffer(mmap.mmap(file, size), np.uint8)


def protected(file: int, size: int) -> Array:
    """Return the same memory, in the worker, on pages that can only be read.

    The array's flags allow writing, as those of any array do: code that asks for such an array and only
    reads gets it, and what writes is ended by a signal, whether it restores the numbers or not.
    """
    return np.asarray(_Pages(mmap.mmap(file, size, prot=mmap.PROT_READ)))


class _Pages:
    """Mapped pages as NumPy takes them for an array that may be written to."""

    def __init__(self, pages: mmap.mmap) -> None:
        self._pages = pages  # which stay mapped as long as the array lives
        address = np.frombuffer(pages, np.uint8).__array_interface__["data"][0]
        self.__array_interface__ = {
            "data": (address, False),
            "shape": (len(pages),),
            "typestr": "|u1",
            "version": 3,
        }


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
