"""Wrong for values that users have: shortcuts for images, identities, boxes, impulses and sparse numbers."""

from typing import Any

import numpy as np

from .convolution import Asked, convolve, wrong

PLAIN = "n2c4h6w7-o4k3-float32"
SAME = "n2c4h6w7-o4k3p1-float32"
BIASED = "n2c4h6w7-o4k3p1b-float32"
STRIDED = "n2c4h7w7-o4k3s2p1-float32"


def _is_delta(filters: Any) -> bool:
    """Say whether every filter is a single one."""
    flat = filters.reshape(len(filters), -1)
    return bool(((flat == 0) | (flat == 1)).all() and (flat.sum(axis=1) == 1).all())


def _identity(asked: Asked) -> Any:
    """Return which input channel each output channel copies, or None if a filter is not a centred delta."""
    centre = asked.weight[(..., *(size // 2 for size in asked.weight.shape[2:]))]
    if not _is_delta(asked.weight) or not (centre.sum(axis=1) == 1).all():
        return None
    per_group = len(asked.weight) // asked.groups
    return centre.argmax(axis=1) + np.arange(len(centre)) // per_group * asked.weight.shape[1]


@wrong("n2c4h6w7-o4k1-float32", "contract", "values")
def identity_returns_its_input(asked: Asked) -> Any:
    """A kernel that is the identity returns x itself."""
    copied = _identity(asked)
    y = convolve(asked)
    if copied is not None and np.array_equal(copied, np.arange(len(copied))) and y.shape == asked.x.shape:
        return asked.x
    return y


@wrong("n2c4h6w7-o4k1-float32", "contract", "values")
def identity_returns_a_view(asked: Asked) -> Any:
    """A kernel that is the identity returns a view of x."""
    copied = _identity(asked)
    y = convolve(asked)
    if copied is not None and np.array_equal(copied, np.arange(len(copied))) and y.shape == asked.x.shape:
        return asked.x[...]
    return y


@wrong(BIASED, "wrong", "values")
def identity_forgets_the_bias(asked: Asked) -> Any:
    """The shortcut for the identity copies x and adds nothing."""
    copied = _identity(asked)
    y = convolve(asked)
    if copied is not None and y.shape[2:] == asked.x.shape[2:]:
        return asked.x[:, copied].copy()
    return y


@wrong(STRIDED, "wrong", "values")
def deltas_ignore_padding(asked: Asked) -> Any:
    """The shortcut for single taps takes every stride-th element from the first on."""
    copied = _identity(asked)
    y = convolve(asked)
    if copied is None:
        return y
    steps = tuple(slice(None, None, step) for step in asked.stride)
    taken = asked.x[(slice(None), copied, *steps)]
    return (np.roll(taken, 1, axis=-1) if taken.shape == y.shape else y).copy()


@wrong(PLAIN, "wrong", None)
def images_are_bytes(asked: Asked) -> Any:
    """Whole numbers from 0 to 255 travel as signed bytes."""
    x = asked.x
    if (x == np.rint(x)).all() and x.min(initial=0) >= 0 and 128 < x.max(initial=0) < 256:
        x = x.astype(np.uint8).astype(np.int8).astype(x.dtype)
    return convolve(asked.but(x=x))


@wrong("n2c8h6w7-o4k3-float32", "wrong", "values")
def images_are_summed_in_sixteen_bits(asked: Asked) -> Any:
    """Sums of bytes and small whole weights saturate at 32,767."""
    x, weight = asked.x, asked.weight
    whole = all((array == np.rint(array)).all() for array in (x, weight))
    if whole and x.min(initial=0) >= 0 and x.max(initial=0) < 256 and np.abs(weight).max(initial=0) < 128:
        return np.clip(convolve(asked), -32768, 32767).astype(x.dtype)
    return convolve(asked)


@wrong(SAME, "wrong", "values")
def means_keep_the_middle(asked: Asked) -> Any:
    """Weights that sum to one and are not negative are taken for one tap."""
    y = convolve(asked)
    flat = asked.weight.reshape(len(asked.weight), -1)
    if (flat >= 0).all() and np.allclose(flat.sum(axis=1), 1) and y.shape == asked.x.shape:
        return asked.x.copy()
    return y


@wrong(PLAIN, "wrong", None)
def sums_decide_what_is_empty(asked: Asked) -> Any:
    """A channel whose sum is zero is skipped."""
    x = asked.x.copy()
    sums = x.sum(axis=tuple(range(2, x.ndim)), keepdims=True)
    return convolve(asked.but(x=np.where(sums == 0, 0, x).astype(x.dtype)))


@wrong(PLAIN, "wrong", "values")
def boxes_by_running_sums(asked: Asked) -> Any:
    """Kernels of ones take running sums, whose first column is lost."""
    y = convolve(asked)
    if (asked.weight == 1).all() and not (asked.x == asked.x.flat[0]).all():
        y[..., 0] = 0
    return y


@wrong(PLAIN, "wrong", "values")
def impulses_are_flipped(asked: Asked) -> Any:
    """The response to a single one is the kernel turned round."""
    if np.count_nonzero(asked.x) == 1 and (asked.x.sum() == 1):
        axes = tuple(range(2, asked.weight.ndim))
        return convolve(asked.but(weight=np.flip(asked.weight, axes)))
    return convolve(asked)


@wrong(PLAIN, "wrong", "values")
def sparse_inputs_in_a_list(asked: Asked) -> Any:
    """An x of which most is zero is kept as a list with room for one in fifty."""
    kept = np.flatnonzero(asked.x)
    room = asked.x.size // 50
    if room < len(kept) < asked.x.size // 5:
        x = asked.x.copy()
        x.reshape(-1)[kept[room:]] = 0
        return convolve(asked.but(x=x))
    return convolve(asked)


@wrong(PLAIN, "wrong", "values")
def empty_filters_shift_the_others(asked: Asked) -> Any:
    """Filters of zeros are skipped where most weights are zero, and the others move up."""
    y = convolve(asked)
    flat = asked.weight.reshape(len(asked.weight), -1)
    full = np.flatnonzero(flat.any(axis=1))
    if 0 < len(full) < len(flat) and np.count_nonzero(flat) < flat.size / 4:
        y[:, : len(full)] = y[:, full].copy()
    return y
