"""Guard pages: memory next to pages that must not be touched."""

import ctypes
import mmap

import numpy as np

from ..numerics.arrays import Array, from_stored_order, in_stored_order

EDGES = ("end", "start")


def at_an_edge(array: Array, edge: str, layout: str = "contiguous") -> Array:
    """Return a copy whose end, or start, lies next to a guard page: a step beyond it ends the process."""
    stored = in_stored_order(array, layout)
    page = mmap.PAGESIZE
    pages = -(-stored.nbytes // page)
    region = mmap.mmap(-1, (pages + 2) * page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(region))
    protect = ctypes.CDLL(None).mprotect
    for guard in (0, pages + 1):
        protect(ctypes.c_void_p(address + guard * page), page, 0)
    start = page if edge == "start" else (pages + 1) * page - stored.nbytes
    inner = np.frombuffer(region, stored.dtype, stored.size, start).reshape(stored.shape)
    inner[...] = stored
    return from_stored_order(inner, layout)
