"""Convolution by SciPy's image filters, which sum in float64 whatever the input."""

from itertools import product
from math import prod

import numpy as np

from convharness import implementation, lazy_import, pad

ndimage = lazy_import("scipy.ndimage")

MOST_MACS = 200_000_000
MOST_CALLS = 20_000
EXPONENT = 150
"""2**150 lifts the smallest float32 above 1; products of two floats then stay below 2**406."""


def _small(problem):
    """Refuse what would take more than about a second; a call takes some 25 microseconds in any case."""
    calls = prod(problem.weight_shape[:2]) * prod(problem.dilation)
    if problem.dense_macs > MOST_MACS:
        return f"needs at most {MOST_MACS:,} multiply-adds, got {problem.dense_macs:,}"
    if calls > MOST_CALLS:
        return f"needs at most {MOST_CALLS:,} pairs of channels to correlate, got {calls:,}"
    return None


@implementation(ndim=(1, 2, 3), dtype="float32", library="scipy", when=_small)
def correlate(x, weight, bias, stride, pads, dilation, groups, padding_mode):
    """`ndimage.correlate` for each pair of channels, cropped to where the kernel fits.

    Every sum is a float64, rounded once: the most exact in float32. The filter leaves out weights below
    2.2e-16, so they are scaled up, for which float64 has no room; a zero times an infinity is left out still.
    """
    x = pad(x, pads, padding_mode)
    o, channels, *kernel = weight.shape
    dense = [size - d * (k - 1) for size, k, d in zip(x.shape[2:], kernel, dilation, strict=True)]
    y = np.zeros((len(x), o, *dense))  # float64
    scaled = np.ldexp(weight.astype(np.float64), EXPONENT)
    for index, c in np.ndindex(o, channels):
        plane = x[:, index // (o // groups) * channels + c]  # (N, C, *size) -> (N, *size)
        _add_correlation(y[:, index], plane, scaled[index, c], dilation)
    y = np.ldexp(y[(..., *(slice(None, None, s) for s in stride))], -EXPONENT)
    y[:, _has_nan(weight)] = np.nan  # the filter takes a NaN for a zero as well
    if bias is not None:
        y += bias.reshape(-1, *[1] * len(kernel))
    with np.errstate(over="ignore"):  # beyond float32 is an infinity, as in any float32 sum
        return y.astype(x.dtype)


def _add_correlation(y, planes, kernel, dilation):
    """Add to y (N, *dense) each phase of the planes (N, *size), which a dilated kernel meets separately."""
    for phase in product(*map(range, dilation)):
        every = (..., *(slice(start, None, d) for start, d in zip(phase, dilation, strict=True)))
        target = y[every]
        if target.size:
            # It drops taps where an axis of its input is broadcast (SciPy 1.17), so it gets a copy. The
            # sample's axis has a kernel of one element; results lie at the kernel's centre.
            image = np.ascontiguousarray(planes[every])
            centred = ndimage.correlate(image, kernel[np.newaxis], np.float64, mode="constant")
            valid = zip(kernel.shape, target.shape[1:], strict=True)
            target += centred[(..., *(slice(k // 2, k // 2 + length) for k, length in valid))]


def _has_nan(weight):
    return np.isnan(weight).any(axis=tuple(range(1, weight.ndim)))  # (O,)
