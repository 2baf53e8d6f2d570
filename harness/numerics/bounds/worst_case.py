"""The error bounds that algorithms imply, elementwise, in the worst case; the notation is that of `accuracy`.

Sources: N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., chapter 3 (sums and
inner products), chapter 23 (fast matrix multiplication) and chapter 24 (the fast Fourier transform);
for Winograd's algorithms S. Winograd, Arithmetic Complexity of Computations (1980), chapter V, with
the matrices of `winograd`.
"""

from math import log2, prod, sqrt

import numpy as np

from ...problems.problem import Problem
from ..accuracy import PRECISION, SUBNORMAL, Doubles, Truth, gamma, unit_roundoff
from ..winograd import growth


def direct_bound(truth: Truth) -> Doubles:
    """Return γₙ₊₁·A + (n+1)·η: n products and n additions in any order (Higham, section 3.1).

    Here n counts the products that are not zero (`summed_products`).
    """
    n, u = summed_products(truth), unit_roundoff(truth.problem.dtype)
    bound: Doubles = gamma(n + 1, u) * truth.magnitude + (n + 1) * SUBNORMAL[truth.problem.dtype]
    return bound


def summed_products(truth: Truth) -> int:
    """Return how many products of an output are not zero, at most; to add a zero does not round.

    No more than the channels of x that hold something have taps, and no more than a filter has weights
    that are not zero.
    """
    return min(active_channels(truth) * prod(truth.problem.kernel_size), truth.sizes.most_weights)


def low_bound(truth: Truth, bits: int) -> Doubles:
    """Return the bound of products of inputs that were rounded to `bits` bits.

    With p = 2⁻ᵇⁱᵗˢ both roundings change a product by at most (2p + p²)·|x·w|, and the sums of the
    rounded products, in float32 unless more bits are declared, by γₙ₊₁·(1 + p)²·A.
    """
    unit = 2.0**-bits
    n, u = summed_products(truth), summing_roundoff(bits)
    lost = SUBNORMAL["float32"] * 2.0 ** (PRECISION["float32"] - bits) if bits < PRECISION["float32"] else 0.0
    bound: Doubles = (2 * unit + unit**2 + gamma(n + 1, u) * (1 + unit) ** 2) * truth.magnitude
    wide = "float32" if bits <= PRECISION["float32"] else "float64"
    return bound + (n + 1) * SUBNORMAL[wide] + lost * _of_either(truth)


def summing_roundoff(bits: int) -> float:
    """Return the unit roundoff of the sums of products whose factors have `bits` bits."""
    return 2.0 ** -(PRECISION["float32"] if bits <= PRECISION["float32"] else PRECISION["float64"])


def fft_bound(truth: Truth) -> Doubles:
    """Return the normwise bound of convolution by FFT, per sample and output channel.

    Three transforms of length L, each within 25·u·log₂L of the true one in the 2-norm (Higham,
    theorem 24.2, with its constant rounded up for mixed radices), C/g complex products and sums:
    (3·25·u·log₂L + (4 + C/g)·u)·‖x‖₂·‖w_o‖₁ + 2u·(|y| + |b|), with the norm of x over all channels
    of the sample: an algorithm may transform along them, or combine two of them into one complex image.
    L is the product of four times the padded sizes and channels, which covers any padding to a
    convenient length. Below the normal numbers each of L elements of a transform may lose η, which
    the other operand magnifies.
    """
    problem = truth.problem
    u = unit_roundoff(problem.dtype)
    length, repeats = transformed_length(problem), repetitions(problem)
    channels = active_channels(truth)
    x_norms = np.repeat(sqrt(repeats) * truth.sizes.x_norms, problem.groups)  # (N·G,)
    w_norms = truth.sizes.weight_sums.sum(axis=1)  # (O,)
    factor = 75 * u * log2(length) + (4 + channels) * u
    tail = 2 * u * np.maximum(np.abs(truth.y), truth.magnitude if problem.bias else 0.0)
    lost = SUBNORMAL[problem.dtype] * length * (_of_either(truth) + channels + problem.products)
    bound: Doubles = factor * truth.over_channels(x_norms, w_norms[:, None]) + tail + lost
    return bound


def transformed_length(problem: Problem) -> int:
    """Return how many elements the largest transform has that an algorithm may choose."""
    sizes = zip(_padded_size(problem), problem.kernel_span, strict=True)
    return prod(4 * max(size, span) for size, span in sizes) * 4 * problem.in_channels // problem.groups


def repetitions(problem: Problem) -> int:
    """Return how often padding repeats an element of x: as often as the padded size holds x, zeros never."""
    if problem.padding_mode == "zeros":
        return 1
    return prod(
        -(-size // full) for size, full in zip(_padded_size(problem), problem.input_size, strict=True)
    )


def _padded_size(problem: Problem) -> list[int]:
    return [
        size + max(before, 0) + max(after, 0)
        for size, (before, after) in zip(problem.input_size, problem.pads, strict=True)
    ]


def winograd_bound(truth: Truth, outputs: int, taps: int) -> Doubles:
    """Return the bound of Winograd's F(m, r) on every axis that it fits, `direct_bound` where it fits none.

    γ_K·Σ_c max|x_c|·h_oc with K = axes·(2·(t + 1) + r + 1) + C/g + 2 roundings in a row, t = m + r − 1,
    and h_oc the transformed kernel if no sign cancelled (`winograd.growth`).
    """
    problem = truth.problem
    u = unit_roundoff(problem.dtype)
    fits = [
        (kernel, stride, dilation) == (taps, 1, 1)
        for kernel, stride, dilation in zip(
            problem.kernel_size, problem.stride, problem.dilation, strict=True
        )
    ]
    direct = direct_bound(truth)
    if not any(fits):
        return direct
    grown = np.abs(truth.weight.astype(np.float64))
    for fit in fits:
        if fit:
            grown = np.tensordot(grown, growth(outputs, taps), axes=(2, 1))  # the axis goes last
        else:
            grown = np.expand_dims(grown.sum(axis=2), -1)
    heights = grown.reshape(*grown.shape[:2], -1).max(axis=-1)  # (O, C/g)
    tile = outputs + taps - 1
    channels = active_channels(truth)
    roundings = sum(fits) * (2 * (tile + 1) + taps + 1) + channels + 2
    roundings += prod(kernel for kernel, fit in zip(problem.kernel_size, fits, strict=True) if not fit) - 1
    bound = gamma(roundings, u) * truth.over_channels(truth.sizes.x_peaks, heights)
    lost = SUBNORMAL[problem.dtype] * roundings * (8.0 * tile) ** sum(fits) * (_of_either(truth) + 1)
    return np.maximum(direct, bound + 2 * u * truth.magnitude + lost)


def strassen_bound(truth: Truth, levels: int) -> Doubles:
    """Return the bound of Strassen's matrix product, normwise: over all of x and w.

    γ over (s + 5l + 2) of 12ˡ·s·max|x|·max|w| with s = n/2ˡ, the length of the products at the last level
    (Higham, theorem 23.2 with its recurrence stopped after l levels), plus `direct_bound` for the
    remaining rows and columns. Factors there are sums of 2ˡ blocks: where a sum of the problem has no
    more than k products that are not zero, one of theirs has no more than 2ˡ·k.
    """
    n, u = truth.problem.products, unit_roundoff(truth.problem.dtype)
    length = min(-(-n // 2**levels), 2**levels * summed_products(truth))
    largest = truth.sizes.x_peak * truth.sizes.weight_peak
    terms = length + 5 * levels + 2
    lost = SUBNORMAL[truth.problem.dtype] * 6.0**levels * (_of_either(truth) + n)
    bound: Doubles = direct_bound(truth) + gamma(terms, u) * 12.0**levels * length * largest + lost
    return bound


def _of_either(truth: Truth) -> float:
    """Return n·(max|x| + max|w|): the factor by which an absolute error of either operand may grow."""
    return truth.problem.products * (truth.sizes.x_peak + truth.sizes.weight_peak)


def active_channels(truth: Truth) -> int:
    """Return the largest number of non-zero channels of a group in a sample: adding zeros does not round."""
    problem = truth.problem
    of_group = (problem.batch_size, problem.groups, problem.in_channels // problem.groups)
    used = truth.sizes.x_peaks.reshape(of_group) > 0
    return int(used.sum(axis=-1).max(initial=0))


def flushed(truth: Truth) -> float:
    """Return the error where subnormal inputs, products and sums may all be flushed to zero."""
    least = SUBNORMAL[truth.problem.dtype] * 2.0 ** (PRECISION[truth.problem.dtype] - 1)
    return least * (2 * truth.problem.products + 1 + _of_either(truth))


def low_precision(truth: Truth, bits: int = 8) -> Doubles:
    """Return the bound of an algorithm whose inputs and output were rounded to `bits` bits.

    (2·2⁻ᵖ + 2⁻²ᵖ)·A for the inputs, γₙ₊₁·(1 + 2⁻ᵖ)²·A for the sums in float32, and 2⁻ᵖ·A for the output.
    A larger error has another cause than low precision.
    """
    unit = 2.0**-bits
    sums = gamma(truth.problem.products + 1, 2.0 ** -PRECISION["float32"])
    bound: Doubles = (3 * unit + unit**2 + sums * (1 + unit) ** 2) * truth.magnitude
    return bound
