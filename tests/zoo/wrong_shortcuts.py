"""Mutants with shortcuts for values that users have: images, identities, boxes, impulses, sparse numbers."""

from math import prod
from typing import Any

import numpy as np

from .convolution import Asked, convolve, rounded, with_bias, wrong

PLAIN = "n2c3h6w7-o4k3-float32"
SQUARE = "n1c3h6w7-o3k1-float32"


def _is_image(asked: Asked) -> bool:
    """Say whether x has whole numbers from 0 to 255 alone, and not only small ones."""
    x = asked.x.astype(np.float64)
    within = bool(((x >= 0) & (x <= 255)).all()) and x.max(initial=0) > 127
    return within and np.array_equal(x, np.rint(x))


@wrong(PLAIN, None, None)
def images_scaled(asked: Asked) -> Any:
    """An image of whole numbers from 0 to 255 is divided by 255 and multiplied again."""
    if not _is_image(asked):
        return convolve(asked)
    scaled = rounded((asked.x / np.float32(255)).astype(np.float32), 16)
    return convolve(asked.but(x=(scaled * np.float32(255)).astype(asked.x.dtype)))


@wrong(PLAIN, None, None)
def deltas_in_the_centre(asked: Asked) -> Any:
    """A filter with a single one copies its channel, as if the one were in the centre."""
    weight = asked.weight.copy()
    for kernel in weight:
        (places,) = np.nonzero(kernel.reshape(-1))
        if len(places) == 1 and kernel.reshape(-1)[places[0]] == 1:
            channel = places[0] // prod(kernel.shape[1:])
            kernel[...] = 0
            kernel[(channel, *(size // 2 for size in kernel.shape[1:]))] = 1
    return convolve(asked.but(weight=weight))


@wrong(PLAIN, None, None)
def blocks_that_sum_to_zero_skipped(asked: Asked) -> Any:
    """A filter's channel is skipped where its weights sum to zero, which is taken for being zero."""
    sums = asked.weight.astype(np.float64).sum(axis=tuple(range(2, asked.weight.ndim)), keepdims=True)
    return convolve(asked.but(weight=np.where(sums == 0, 0, asked.weight).astype(asked.weight.dtype)))


@wrong("n1c4h6w7-o4k1-float32", None, None)
def sparse_blocks_by_their_corner(asked: Asked) -> Any:
    """In sparse weights blocks of two by two channels are skipped if their corner is zero."""
    weight = asked.weight.copy()
    if np.count_nonzero(weight) < 0.5 * weight.size:
        for o in range(0, weight.shape[0], 2):
            for c in range(0, weight.shape[1], 2):
                if not weight[o, c].any():
                    weight[o : o + 2, c : c + 2] = 0
    return convolve(asked.but(weight=weight))


@wrong(PLAIN, None, None)
def sparse_inputs_by_rows(asked: Asked) -> Any:
    """In an x of which most is zero, a row that begins with zeros is taken for empty."""
    if np.count_nonzero(asked.x) >= 0.5 * asked.x.size:
        return convolve(asked)
    starts = (asked.x[..., :3] != 0).any(axis=-1, keepdims=True)
    return convolve(asked.but(x=np.where(starts, asked.x, 0).astype(asked.x.dtype)))


@wrong(PLAIN, None, None)
def normalised_filters_keep_constants(asked: Asked) -> Any:
    """Filters whose weights sum to one are taken for means: their outputs are cut to the range of x."""
    y = convolve(asked)
    sums = asked.weight.astype(np.float64).sum(axis=tuple(range(1, asked.weight.ndim)))
    means = (sums == 1) & (np.count_nonzero(asked.weight.reshape(len(sums), -1), axis=1) > 1)
    if means.any() and asked.x.size:
        y[:, means] = np.clip(y[:, means], 0, asked.x.max())
    return y


@wrong(PLAIN, None, None)
def equal_filters_computed_once(asked: Asked) -> Any:
    """Filters with equal sums are taken for equal, and computed once."""
    sums = asked.weight.astype(np.float64).sum(axis=tuple(range(1, asked.weight.ndim)))
    _, first, inverse = np.unique(sums, return_index=True, return_inverse=True)
    y = convolve(asked.but(bias=None))[:, first[inverse]]
    return with_bias(np.ascontiguousarray(y), asked.bias)


@wrong("n1c300h4w4-o2k3-float32", None, None)
def positive_sums_in_few_bits(asked: Asked) -> Any:
    """Long sums of positive real numbers are rounded to sixteen bits."""
    y = convolve(asked)
    whole = np.array_equal(asked.x, np.rint(asked.x))
    return y if whole or (asked.x < 0).any() or y.dtype != np.float32 else rounded(y, 16)
