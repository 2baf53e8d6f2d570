"""What errors of independent roundings add up to: bounds that hold except with a stated probability.

The worst case of n roundings is that all of them go the same way, which gives n·u·A. On random data
they do not. Every operation of a sum, in whatever order, adds its own rounding error to the result,
and nothing else does: ŷ − y = Σ_v e_v over all additions and products v, with |e_v| ≤ u·|v̂|, where v̂
is what comes out of v, at most A. Rounding to nearest has no preferred direction on random data: the
expectation of e_v, given all errors before, is zero. The e_v are then the differences of a martingale,
and by Azuma's and Hoeffding's inequality

    P(|ŷ − y| > λ·√(Σ_v c_v²)) ≤ 2·exp(−λ²/2) with c_v ≥ |e_v|.

n + 1 roundings of at most u·(1 + γ)·A give λ·√(n+1)·u·(1 + γₙ₊₁)·A, and this for every order of
summation, also for the one with the largest errors: one running sum of positive numbers.

λ is such that among N outputs none is beyond with probability 1 − ε: 2·N·exp(−λ²/2) = ε.

Sources: N. J. Higham and T. Mary, A new approach to probabilistic rounding error analysis, SIAM
Journal on Scientific Computing 41 (2019), and Sharper probabilistic backward error analysis for basic
linear algebra kernels with random data, the same 42 (2020); for transforms J. C. Schatzman, Accuracy
of the discrete Fourier transform and the fast Fourier transform, the same 17 (1996).
"""

from math import log, log2, prod, sqrt

import numpy as np

from ..accuracy import SUBNORMAL, Doubles, Truth, gamma, unit_roundoff
from .worst_case import (
    active_channels,
    repetitions,
    summed_products,
    summing_roundoff,
    transformed_length,
)

FALSE_ALARM = 5e-11
"""ε: how probably a right output is beyond its bound. A verdict compares with fewer than twenty of them."""

_STAGE = 25
"""Roundings of a stage of a Fourier transform, in units of u (Higham, theorem 24.2, as in `fft_bound`)."""


_MOST_PRODUCTS = 2**17
"""Up to here products are so much larger than the last bit of their sum that roundings have no direction.

Beyond, the places of a product's bits matter, and in the end whole products are lost: the worst case holds.
"""


def deviations(outputs: int) -> float:
    """Return λ = √(2·ln(2·N/ε)): 6.9 for one output, 9.0 for ten million."""
    return sqrt(2 * log(2 * max(1, outputs) / FALSE_ALARM))


def direct_probable(truth: Truth) -> Doubles:
    """Return λ·√(n+1)·u·(1 + γₙ₊₁)·A + (n+1)·η for n products that are not zero, in any order."""
    n, u = summed_products(truth), unit_roundoff(truth.problem.dtype)
    bound: Doubles = _summed(truth, n, u) * truth.magnitude + (n + 1) * SUBNORMAL[truth.problem.dtype]
    return bound


def low_probable(truth: Truth, bits: int) -> Doubles:
    """Return the bound of products of inputs that were rounded to `bits` bits, the sums' errors independent.

    Those of the inputs are taken as large as they may be: some processors cut bits off, and all errors
    then go the same way.
    """
    unit, n = 2.0**-bits, summed_products(truth)
    sums = _summed(truth, n, summing_roundoff(bits)) * (1 + unit) ** 2
    bound: Doubles = (2 * unit + unit**2 + sums) * truth.magnitude
    return bound


def fft_probable(truth: Truth) -> Doubles:
    """Return the bound of convolution by FFT on independent numbers of one distribution.

    The numbers that a stage of a transform of such data works on have one variance, so that each of its
    errors reaches all outputs alike, with the weights' norm ‖w‖₂: three transforms of log₂L stages with
    errors of 25·u each, C/g products and their sums have λ·ρ·u·(2·‖x‖·‖w_o‖₂ + Σ_c |x̄_c|·|Σw_oc|) with
    ρ = 25·√(3·log₂L) + C/g + 4. Here ‖x‖² is the mean square of x over positions, summed over channels,
    and ‖w_o‖₂ the largest over channels, for an algorithm may transform two channels as one complex
    image: one channel more is counted for that. The factor of 2 is for numbers that are larger than
    their standard deviation where few are added. What is not zero in the mean stays in one frequency,
    which the second term counts. An algorithm may choose to sum directly: `direct_probable` is the least.
    """
    problem, sizes = truth.problem, truth.sizes
    largest = np.repeat(sizes.x_squares.max(axis=1, initial=0), problem.groups)
    of_groups = sizes.x_squares.reshape(problem.batch_size * problem.groups, problem.weight_shape[1])
    energy = repetitions(problem) * (of_groups.sum(axis=1) + largest)  # (N·G,)
    norms = sizes.weight_squares.max(axis=1, initial=0)  # (O,)
    scale = np.sqrt(truth.over_channels(energy, norms[:, None]))
    means = truth.over_channels(np.abs(sizes.x_means), np.abs(sizes.weight_totals))
    roundings = _STAGE * sqrt(3 * log2(transformed_length(problem))) + active_channels(truth) + 4
    u = unit_roundoff(problem.dtype)
    errors = deviations(prod(problem.output_shape)) * roundings * (2 * scale + means)
    bound = u * (errors + 2 * np.abs(truth.y))
    either: Doubles = np.maximum(direct_probable(truth), bound)
    return either


def _summed(truth: Truth, products: int, u: float) -> float:
    """Return λ·√(n+1)·u·(1 + γₙ₊₁), by which the sum of n products and a bias may be off, relative to A."""
    terms = products + 1
    if products > _MOST_PRODUCTS:
        return gamma(terms, u)
    return deviations(prod(truth.problem.output_shape)) * sqrt(terms) * u * (1 + gamma(terms, u))
