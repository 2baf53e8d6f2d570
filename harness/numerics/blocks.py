"""Cutting large arrays into blocks, so that nothing that is computed of them is as large as they are."""

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Block = tuple[slice, ...]

BLOCK_ELEMENTS = 2**18
"""How many elements are looked at together: 2 MB of float64, about what a core's own cache holds."""


def blocks(shape: tuple[int, ...], most: int = BLOCK_ELEMENTS) -> Iterator[Block]:
    """Yield indices that cut an array of a shape into blocks of at most `most` elements, in order.

    >>> list(blocks((2, 5), 4))[:2]
    [(slice(0, 1, None), slice(0, 4, None)), (slice(0, 1, None), slice(4, 5, None))]
    """
    if not shape or 0 in shape:
        return
    inner = prod(shape[1:])
    if inner > most:
        for index in range(shape[0]):
            for rest in blocks(shape[1:], most):
                yield slice(index, index + 1), *rest
        return
    step = most // inner
    for start in range(0, shape[0], step):
        yield (slice(start, min(start + step, shape[0])),)


def drawn(shape: tuple[int, ...], dtype: np.dtype[Any], draw: Callable[[tuple[int, ...]], Array]) -> Array:
    """Return an array of a shape and type whose blocks `draw` returns, each in the shape it is given."""
    array = np.empty(shape, dtype)
    for block in blocks(shape):
        part = array[block]
        part[...] = draw(part.shape)
    return array


def same_bits(a: Array, b: Array) -> bool:
    """Say whether two arrays of one shape and type agree in every bit, those of a NaN included."""
    return all(
        np.ascontiguousarray(a[block]).tobytes() == np.ascontiguousarray(b[block]).tobytes()
        for block in blocks(a.shape)
    )


def largest(array: Array, axes: tuple[int, ...]) -> NDArray[np.float64]:
    """Return max|array| over the last axes; `axes` are the lengths of the others."""
    found = np.zeros(axes)
    for block in blocks(array.shape):
        part = np.abs(array[block].astype(np.float64))
        outer = block[: len(axes)]
        found[outer] = np.maximum(found[outer], part.max(axis=tuple(range(len(axes), array.ndim))))
    return found
