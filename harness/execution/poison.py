"""Poison: fresh memory of the C library's heap is filled with a number that shows in results."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from ..numerics.arrays import adapter

_M_PERTURB = -6  # malloc.h

_SMALL_BYTES = 1024
"""NumPy, and the C library, keep freed blocks up to this size for the next allocation of the same size."""


@contextmanager
def poisoned_heap(library: str, poison: float | None) -> Iterator[None]:
    """Fill memory that is about to be allocated, so that reading it before writing shows.

    The allocator fills large blocks inside the context; small ones, which libraries keep for reuse,
    are filled by allocating and freeing them. Without a poison nothing is filled.
    """
    if poison is None:
        yield
        return
    mallopt = _mallopt()
    # Fresh blocks get the complement's low byte: 0xff makes every float a NaN, 0x71 some 1e30.
    mallopt(_M_PERTURB, 0x100 if np.isnan(poison) else 0x8E)
    try:
        _spoil_small_blocks(library, poison)
        yield
    finally:
        mallopt(_M_PERTURB, 0)


def _spoil_small_blocks(library: str, poison: float) -> None:
    blocks = [np.full(size, poison, np.float32) for size in range(1, _SMALL_BYTES // 4)]
    if library != "numpy":
        fresh = adapter(library).fresh
        blocks += [fresh(block) for block in blocks]
    blocks.clear()


@cache
def _mallopt() -> Any:
    """Return the C library's `mallopt`, or a function that does nothing where it has none."""
    try:
        return ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return lambda *_: 0
