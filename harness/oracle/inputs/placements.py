"""Ways for an array to lie in memory: as slices, transposes and views of larger arrays do."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ...numerics.arrays import Array, adapter, aligned_copy, from_stored_order, in_stored_order
from ..trial import Trial


@dataclass(frozen=True)
class Placement:
    """A way for an array to lie in memory: the words for it in messages, and the function that does it."""

    words: str
    place: Callable[[Array], Array]


def placed(trial: Trial, array: Array, placement: Placement, *, of_x: bool = False) -> Array:
    """Return a copy in a layout, or a contiguous one where the library cannot represent it."""
    layout = trial.implementation.layout if of_x else "contiguous"
    if layout != "contiguous":
        return aligned_copy(array, layout)
    placed = placement.place(array)
    return placed if adapter(trial.implementation.arrays).takes(placed) else aligned_copy(array)


def words_of(x_place: Placement, weight_place: Placement) -> str:
    """Return the words for the places of x and weight, without those that are contiguous."""
    names = [
        f"{operand} {placement.words}"
        for operand, placement in (("x", x_place), ("weight", weight_place))
        if placement is not contiguous
    ]
    return " and ".join(names)


@partial(Placement, "contiguous")
def contiguous(array: Array) -> Array:
    """Return a plain copy, which starts on a cache line."""
    return aligned_copy(array)


@partial(Placement, "in fortran's order")
def in_fortrans_order(array: Array) -> Array:
    """Return a copy whose first axis is the densest."""
    return np.array(array, order="F")


@partial(Placement, "with its channels last in memory")
def channels_last(array: Array) -> Array:
    """Return a copy whose channels are the densest axis."""
    layout = "channels_last" if array.ndim > 1 else "contiguous"
    return from_stored_order(in_stored_order(array, layout).copy(), layout)


@partial(Placement, "with its last two axes swapped in memory")
def transposed(array: Array) -> Array:
    """Return a copy whose last axis but one is the densest."""
    return array.swapaxes(-1, -2).copy().swapaxes(-1, -2) if array.ndim > 1 else array.copy()


@partial(Placement, "reversed in memory")
def reversed_in_memory(array: Array) -> Array:
    """Return a copy all of whose strides are negative."""
    backwards = (slice(None, None, -1),) * array.ndim
    return array[backwards].copy()[backwards]


@partial(Placement, "with gaps between its elements")
def with_gaps(array: Array) -> Array:
    """Return a copy each of whose elements has NaN beside it, on every axis."""
    spread = np.full([2 * size for size in array.shape], np.nan, array.dtype)
    steps = (slice(None, None, 2),) * array.ndim
    spread[steps] = array
    return spread[steps]


def reversed_on(axis: int) -> Placement:
    """Return the placement with a negative stride on one axis."""

    @partial(Placement, f"reversed on axis {axis}")
    def place(array: Array) -> Array:
        return np.flip(np.flip(array, axis).copy(), axis)

    return place


def with_gaps_on(axis: int) -> Placement:
    """Return the placement with NaN between the elements of one axis."""

    @partial(Placement, f"with gaps on axis {axis}")
    def place(array: Array) -> Array:
        sizes = list(array.shape)
        sizes[axis] *= 2
        spread = np.full(sizes, np.nan, array.dtype)
        steps = (*(slice(None),) * axis, slice(None, None, 2))
        spread[steps] = array
        return spread[steps]

    return place


def slice_on(axis: int) -> Placement:
    """Return the placement inside an array that is longer on one axis."""

    @partial(Placement, f"a slice of a longer axis {axis}")
    def place(array: Array) -> Array:
        sizes = list(array.shape)
        sizes[axis] += 1
        longer = np.full(sizes, np.nan, array.dtype)
        inner = (*(slice(None),) * axis, slice(array.shape[axis]))
        longer[inner] = array
        return longer[inner]

    return place


@partial(Placement, "with its samples inside its channels in memory")
def batch_inside(array: Array) -> Array:
    """Return a copy whose channels come before its samples."""
    return array.swapaxes(0, 1).copy().swapaxes(0, 1) if array.ndim > 1 else array.copy()


@partial(Placement, "one element behind a cache line")
def apart(array: Array) -> Array:
    """Return a copy that starts one element behind a cache line."""
    block = aligned_copy(np.zeros(array.size + 1, array.dtype))
    shifted = block[1:].reshape(array.shape)
    shifted[...] = array
    return shifted


@partial(Placement, "inside a larger array")
def inside_a_larger(array: Array) -> Array:
    """Return a copy with NaN around it."""
    block = np.full([size + 3 for size in array.shape], np.nan, array.dtype)
    inner = tuple(slice(1, 1 + size) for size in array.shape)
    block[inner] = array
    return block[inner]


@partial(Placement, "off its alignment by one byte")
def misaligned(array: Array) -> Array:
    """Return a copy whose elements lie off their alignment."""
    raw = np.zeros(array.nbytes + 1, np.uint8)
    shifted = raw[1:].view(array.dtype).reshape(array.shape)
    shifted[...] = array
    return shifted


@partial(Placement, "read-only")
def read_only(array: Array) -> Array:
    """Return a copy that cannot be written to."""
    copy = aligned_copy(array)
    copy.flags.writeable = False
    return copy


def broadcast_on(axis: int) -> Placement:
    """Return the placement whose elements of one axis share memory."""

    @partial(Placement, f"broadcast on axis {axis}")
    def place(array: Array) -> Array:
        view = np.broadcast_to(array.take([0], axis), array.shape)
        view.flags.writeable = True  # for libraries without read-only arrays
        return view

    return place
