"""The reference: the true result of a problem in float64, by code that no implementation shares.

"Convolution" is cross-correlation:
y[n, o, p] = b[o] + Σ_c,k w[o, c, k]·x[n, c, p·stride − before + k·dilation].
Positions outside the input are zeros or, by `padding_mode`, elements of the input. Indices are looked
up, so that padding, cropping, stride and dilation are one gather.
"""

from collections.abc import Iterator
from math import ceil, log2, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ProblemError
from ..problems.problem import Problem
from .accuracy import Truth, gamma
from .operands import Operands

Array = NDArray[Any]
Doubles = NDArray[np.float64]
Indices = NDArray[np.intp]

DIRECTIONS = ("forward",)
"""The directions that have a reference, so that they can be judged."""

_BLOCK_ELEMENTS = 4_000_000
"""How many gathered elements (32 MB) are held at once."""

_CACHED_ELEMENTS = 2**16
"""Samples that are gathered together are this small (512 KB), so that they stay in the cache."""

_U = 2.0**-53

_MANTISSA = 53
_SAFE_POWER = 450

_DOUBLED = 2.0**-40
"""The share of a float64 sum's doubt that is left by `convolve_exactly`, or less: its own unit is 2⁻¹⁰⁶."""


def truth(problem: Problem, operands: Operands, *, exact: bool = False) -> Truth:
    """Return the true output, Σ|products| for the bounds, and how far the output may be off.

    With `exact` the data is such that every sum in float64 is exact, so that the doubt is zero.
    Otherwise the float64 sums are within γₙ₊₂·A of the true ones (Higham, section 3.1); the two
    extra roundings are those of the bias and of A itself. That is negligible beside the bounds of
    float32, but as large as those of float64, whose truth `convolve_exactly` therefore computes.

    Raises `ProblemError` for a direction that has no reference yet.
    """
    if problem.direction not in DIRECTIONS:
        raise ProblemError(f"there is no reference for direction {problem.direction!r} yet; use 'forward'")
    doubled = problem.dtype == "float64" and not exact
    tail: Doubles | float = 0.0
    if doubled:
        y, tail = convolve_exactly(problem, operands.x, operands.weight, operands.bias)
    else:
        y = convolve(problem, operands.x, operands.weight, operands.bias)
    bias = None if operands.bias is None else np.abs(operands.bias)
    magnitude = convolve(problem, np.abs(operands.x), np.abs(operands.weight), bias)
    # A is itself a rounded sum, of terms of one sign: it is enlarged by its own error.
    magnitude *= 1 + gamma(problem.products + 2, _U)
    doubt: Doubles | float = 0.0
    if not exact:
        doubt = (_DOUBLED if doubled else 1.0) * gamma(problem.products + 2, _U) * magnitude
    return Truth(problem, operands.x, operands.weight, y, magnitude, doubt, tail, operands.bias)


def convolve(problem: Problem, x: Array, weight: Array, bias: Array | None) -> Doubles:
    """Return the output (N, O, *output_size) in float64: a gather and a matrix product per block."""
    groups, taps = problem.groups, problem.products
    x = _padded(problem, x.astype(np.float64))
    w = weight.astype(np.float64).reshape(groups, -1, taps)  # (g, O/g, C/g·K)
    y = np.empty(problem.output_shape)
    for samples, rows in _blocks(problem):
        block = y[samples, :, rows]
        windows = _windows(problem, x[samples], rows)  # (C, K, N·P)
        columns = windows.reshape(groups, taps, -1)  # (g, C/g·K, N·P)
        block[...] = (w @ columns).reshape(np.moveaxis(block, 1, 0).shape).swapaxes(0, 1)
    if bias is not None:
        y += bias.astype(np.float64).reshape(-1, *(1,) * problem.ndim)
    return y


def convolve_exactly(
    problem: Problem, x: Array, weight: Array, bias: Array | None
) -> tuple[Doubles, Doubles]:
    """Return the output as an unevaluated sum of two float64 arrays, as if computed with 106 bits.

    x and weight are cut into slices on a common grid, with few enough bits that products and sums of
    two slices are exact in float64. Each pair of slices is one convolution, and the results are added
    up from the smallest, keeping the error of every addition.

    Source: K. Ozaki, T. Ogita, S. Oishi, S. M. Rump, Error-free transformations of matrix
    multiplication by using fast routines of matrix multiplication and its applications, Numerical
    Algorithms 59 (2012).
    """
    bits = (_MANTISSA - ceil(log2(problem.products))) // 2
    x_slices, x_power = _sliced(x.astype(np.float64), bits)
    w_slices, w_power = _sliced(weight.astype(np.float64), bits)
    samples = problem.batch_size
    together = problem.replace(batch_size=samples * len(x_slices))  # slices of x are further samples
    stacked = np.concatenate(x_slices)
    products = [convolve(together, stacked, w_slice, None) for w_slice in w_slices]
    high, low = np.zeros(problem.output_shape), np.zeros(problem.output_shape)
    for total in range(len(x_slices) + len(w_slices) - 2, -1, -1):
        for j, product in enumerate(products):
            if 0 <= total - j < len(x_slices):
                high, error = _two_sum(high, product[(total - j) * samples :][:samples])
                low += error
    high, low = np.ldexp(high, x_power + w_power), np.ldexp(low, x_power + w_power)
    if bias is not None:
        high, error = _two_sum(high, bias.astype(np.float64).reshape(-1, *(1,) * problem.ndim))
        low += error
    return high, low


def _sliced(values: Doubles, bits: int) -> tuple[list[Doubles], int]:
    """Return slices of `bits` bits whose sum is values·2⁻ᵖ, the largest first, and p.

    Adding and subtracting σ rounds to the grid whose unit is σ's last bit; p keeps the numbers far
    enough from the ends of their range that neither σ nor products of slices leave it.
    """
    power = int(np.frexp(np.abs(values).max(initial=0))[1])
    largest = max(-_SAFE_POWER, min(power, _SAFE_POWER))
    rest = np.ldexp(values, largest - power)  # at most 2^largest
    slices: list[Doubles] = []
    while rest.any() or not slices:
        sigma = 0.75 * 2.0 ** (largest + _MANTISSA - (len(slices) + 1) * bits)
        slices.append((rest + sigma) - sigma)
        rest = rest - slices[-1]
    return slices, power - largest


def _two_sum(a: Doubles, b: Doubles) -> tuple[Doubles, Doubles]:
    """Return the rounded sum and its error, exactly (Knuth; Higham, section 4.3)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _padded(problem: Problem, x: Doubles) -> Doubles:
    """Return x padded and cropped, one axis after the other."""
    for axis, size in enumerate(problem.input_size):
        before, after = problem.pads[axis]
        x = take_padded(x, np.arange(-before, size + after), axis + 2, problem.padding_mode)
    return x


def take_padded(x: Doubles, positions: Indices, axis: int, padding_mode: str) -> Doubles:
    """Return the elements at positions along an axis, some of which may lie outside."""
    size = x.shape[axis]
    inside = (positions >= 0) & (positions < size)
    x = np.take(x, source_of(positions, size, padding_mode), axis=axis)
    if padding_mode == "zeros":
        np.moveaxis(x, axis, 0)[~inside] = 0
    return x


def source_of(positions: Indices, size: int, padding_mode: str) -> Indices:
    """Return the index into the input for each position; those of zeros are arbitrary, and masked later."""
    if padding_mode == "circular":
        return positions % size
    if padding_mode == "reflect":
        period = max(1, 2 * (size - 1))
        return (size - 1) - np.abs((size - 1) - positions % period)
    return np.clip(positions, 0, size - 1)


def _blocks(problem: Problem) -> Iterator[tuple[slice, slice]]:
    """Yield slices of the samples and of the first output axis such that a block's gather stays small."""
    first, *rest = problem.output_size
    per_row = problem.in_channels * prod(problem.kernel_size) * prod(rest)
    rows = max(1, min(first, _BLOCK_ELEMENTS // max(1, per_row)))
    samples = max(1, min(_BLOCK_ELEMENTS, _CACHED_ELEMENTS) // max(1, per_row * first))
    for sample in range(0, problem.batch_size, samples):
        for start in range(0, first, rows):
            yield slice(sample, sample + samples), slice(start, min(start + rows, first))


def _windows(problem: Problem, x: Doubles, rows: slice) -> Doubles:
    """Return what each output of a block of samples reads: (C, K, N·P) with K taps and P outputs."""
    ndim = problem.ndim
    indices: list[Any] = [slice(None), slice(None)]
    for axis in range(ndim):
        outputs = np.arange(problem.output_size[axis])[rows if axis == 0 else slice(None)]
        taps = np.arange(problem.kernel_size[axis])
        grid = taps[:, None] * problem.dilation[axis] + outputs[None, :] * problem.stride[axis]
        # Tap axes come first, output axes last, each in the order of the spatial axes.
        shape = [1] * (2 * ndim)
        shape[axis], shape[ndim + axis] = grid.shape
        indices.append(grid.reshape(shape))
    windows: Doubles = x.swapaxes(0, 1)[tuple(indices)]  # (C, N, *kernel, *block)
    windows = windows.reshape(*windows.shape[:2], prod(problem.kernel_size), -1).swapaxes(1, 2)
    return windows.reshape(len(windows), windows.shape[1], -1)
