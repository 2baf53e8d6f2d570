"""Mutants that mistreat NaN and infinity: they drop, spread or change them."""

from typing import Any

import numpy as np

from .convolution import Asked, convolve, wrong

PLAIN = "n2c3h6w7-o4k3-float32"
BIASED = "n2c3h6w7-o4k3b-float32"
GROUPED = "n2c4h6w7-o4k3g2-float32"


def _cleaned(array: Any) -> Any:
    return np.nan_to_num(array, nan=0.0, posinf=3e38, neginf=-3e38).astype(array.dtype)


@wrong(PLAIN, "wrong", "non-finite")
def nan_swallowed(asked: Asked) -> Any:
    """A NaN in the input counts as zero."""
    return convolve(asked.but(x=np.where(np.isnan(asked.x), 0, asked.x).astype(asked.x.dtype)))


@wrong(PLAIN, "wrong", "non-finite")
def nan_in_weights_swallowed(asked: Asked) -> Any:
    """A NaN in the weights counts as zero."""
    return convolve(asked.but(weight=np.where(np.isnan(asked.weight), 0, asked.weight).astype(np.float32)))


@wrong(BIASED, "wrong", "non-finite")
def nan_in_bias_swallowed(asked: Asked) -> Any:
    """A NaN in the bias counts as zero."""
    return convolve(asked.but(bias=np.where(np.isnan(asked.bias), 0, asked.bias).astype(np.float32)))


@wrong(PLAIN, "wrong", "non-finite")
def outputs_cleaned(asked: Asked) -> Any:
    """Outputs that are not finite are replaced by finite numbers."""
    return _cleaned(convolve(asked))


@wrong(PLAIN, "wrong", None)
def infinity_cut(asked: Asked) -> Any:
    """Infinite inputs are replaced by a large finite number."""
    return convolve(asked.but(x=np.clip(asked.x, -1e30, 1e30)))


@wrong(PLAIN, "wrong", "non-finite")
def infinity_turned_round(asked: Asked) -> Any:
    """An infinite output has the wrong sign."""
    y = convolve(asked)
    y[np.isinf(y)] *= -1
    return y


@wrong(PLAIN, "wrong", "non-finite")
def negative_infinity_as_nan_free_zero(asked: Asked) -> Any:
    """Minus infinity in the input counts as zero, as if it were a mask."""
    return convolve(asked.but(x=np.where(np.isneginf(asked.x), 0, asked.x).astype(asked.x.dtype)))


@wrong(PLAIN, "wrong", "non-finite")
def nan_everywhere(asked: Asked) -> Any:
    """A single NaN makes the whole output NaN."""
    y = convolve(asked)
    return np.full_like(y, np.nan) if np.isnan(y).any() else y


@wrong(PLAIN, "wrong", "non-finite")
def nan_spoils_its_sample(asked: Asked) -> Any:
    """A NaN makes all outputs of its sample NaN."""
    y = convolve(asked)
    y[np.isnan(y).any(axis=(1, 2, 3))] = np.nan
    return y


@wrong(PLAIN, "wrong", "non-finite")
def nan_spoils_its_row(asked: Asked) -> Any:
    """A NaN makes the rest of its row NaN."""
    y = convolve(asked)
    return np.where(np.logical_or.accumulate(np.isnan(y), axis=-1), np.nan, y).astype(y.dtype)


@wrong(GROUPED, "wrong", "non-finite")
def groups_by_zeros(asked: Asked) -> Any:
    """Groups are a dense product with zeros, by which a NaN reaches other groups."""
    groups, (o, c, *kernel) = asked.groups, asked.weight.shape
    weight = np.zeros((o, c * groups, *kernel), asked.weight.dtype)
    for group in range(groups):
        rows = slice(group * o // groups, (group + 1) * o // groups)
        weight[rows, group * c : (group + 1) * c] = asked.weight[rows]
    return convolve(asked.but(weight=weight, groups=1))


@wrong("n2c3h9w9-o4k3d2-float32", "wrong", "non-finite")
def dilation_by_zeros(asked: Asked) -> Any:
    """Dilation is a larger kernel with zeros, by which a NaN reaches outputs in between."""
    o, c, *kernel = asked.weight.shape
    spans = [d * (k - 1) + 1 for d, k in zip(asked.dilation, kernel, strict=True)]
    weight = np.zeros((o, c, *spans), asked.weight.dtype)
    weight[(..., *(slice(None, None, d) for d in asked.dilation))] = asked.weight
    return convolve(asked.but(weight=weight, dilation=(1,) * len(spans)))


@wrong(PLAIN, "wrong", "non-finite")
def a_transform_undeclared(asked: Asked) -> Any:
    """An undeclared Fourier transform in float64, within any bound, spreads a NaN over its sample."""
    y = convolve(asked)
    spoilt = ~np.isfinite(asked.x).all(axis=(1, 2, 3))
    y[spoilt] = np.nan
    return y


@wrong(PLAIN, "wrong", "non-finite")
def neighbours_moved_by_nan(asked: Asked) -> Any:
    """An input with a NaN is computed by other code, which drops the first tap."""
    if np.isfinite(asked.x).all():
        return convolve(asked)
    weight = asked.weight.copy()
    weight[:, :, 0, 0] = 0
    return convolve(asked.but(weight=weight))


@wrong("n2c3h6w7-o4k3-float16", "wrong", "non-finite")
def overflow_saturates(asked: Asked) -> Any:
    """Sums too large for float16 become its largest number."""
    y = convolve(asked.but(x=asked.x.astype(np.float32), weight=asked.weight.astype(np.float32)))
    finite = np.isfinite(y)
    y[finite] = np.clip(y[finite], -65504, 65504)
    return y.astype(asked.x.dtype)


@wrong(PLAIN, "wrong", "non-finite")
def maximum_through_comparison(asked: Asked) -> Any:
    """Outputs pass a comparison that is false for NaN, which becomes zero."""
    y = convolve(asked)
    return np.where(np.abs(y) >= 0, y, 0).astype(y.dtype)
