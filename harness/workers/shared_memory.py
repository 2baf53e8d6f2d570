"""Memory that the parent shares with one worker: what it is handed lies there, and what it returns.

No array is ever pickled: a message says where an array lies, how its elements are spaced and of which
block it is a part, so that slices, transposes and canaries arrive as they are.
"""

import fcntl
import mmap
import os
from collections.abc import Mapping
from typing import Any

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

Spec = Mapping[str, Any]

_KEPT_BYTES = 2**26
"""So much memory stays in use for the next arrays; what is beyond goes back to the system."""


class Region:
    """A part of the arena that is in use as long as somebody holds this."""

    def __init__(self, arena: "Arena", start: int, size: int) -> None:
        self._arena = arena
        self.start = start
        self.size = size

    @property
    def bytes(self) -> Array:
        """Return the region's memory."""
        return self._arena.bytes[self.start : self.start + self.size]

    def __del__(self) -> None:
        self._arena.released()


class Arena:
    """The parent's side: a file without a name, as large as the machine's memory, mostly not there.

    Pages come into being when they are first written. Regions are taken one behind the other, and
    when none is in use any more the first page is next: the same addresses come back often.
    """

    def __init__(self) -> None:
        self.size = os.sysconf("SC_PHYS_PAGES") * mmap.PAGESIZE
        self.file = os.memfd_create("convharness", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.file, self.size)
        # Nobody can cut it short under the parent's feet, which would end the parent.
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
                whole_pages = -(-self._next // mmap.PAGESIZE) * mmap.PAGESIZE
                self._map.madvise(mmap.MADV_REMOVE, 0, min(whole_pages, self.size))
            self._next = 0

    def place(self, array: Array, layout: str = "contiguous") -> tuple[Array, Spec, Region]:
        """Return a plain copy of an array that starts on a cache line, as `aligned_copy` makes it."""
        stored = in_stored_order(array, layout)
        region = self.take(stored.nbytes)
        view = region.bytes.view(stored.dtype).reshape(stored.shape)
        view[...] = stored
        view = from_stored_order(view, layout)
        return view, self._spec(view, region), region

    def share(self, array: Array) -> tuple[Array, Spec, Region]:
        """Return a copy of an array that lies in the arena as the original lies in its own block."""
        root = root_of(array)
        region = self.take(root.nbytes, _address(root))
        region.bytes[...] = root.ravel(order="K").view(np.uint8)
        start = region.start + _address(array) - _address(root)
        view: Array = np.ndarray(array.shape, array.dtype, self.bytes, start, array.strides)
        # A piece of a larger array of its own type may know where it begins in it.
        whole = root is not array and root.dtype == array.dtype
        spec = self._spec(view, region, whole=whole, subclass=type(array) is Subclass)
        return view, {**spec, "writeable": bool(array.flags.writeable)}, region

    def _spec(self, view: Array, region: Region, *, whole: bool = False, subclass: bool = False) -> Spec:
        return {
            "block": [region.start, region.size],
            "whole": whole,
            "dtype": view.dtype.name,
            "shape": view.shape,
            "strides": view.strides,
            "start": _address(view) - _address(self.bytes),
            "writeable": True,
            "subclass": subclass,
        }

    def close(self) -> None:
        """Give the memory back; arrays that others still hold stay readable."""
        os.close(self.file)


def attach(file: int, size: int) -> Array:
    """Return the memory of a parent's arena, in the worker."""
    return np.frombuffer(mmap.mmap(file, size), np.uint8)


def found(memory: Array, spec: Spec) -> Array:
    """Return the array that a message speaks of, in the worker."""
    first, size = spec["block"]
    dtype = dtype_of(spec["dtype"])
    if 0 in spec["shape"]:
        return np.empty(spec["shape"], dtype)
    block = memory[first : first + size]
    if spec["whole"]:
        block = block.view(dtype)
    array: Array = np.ndarray(spec["shape"], dtype, block, spec["start"] - first, spec["strides"])
    if not spec["writeable"]:
        array.flags.writeable = False
    return array.view(Subclass) if spec["subclass"] else array


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
