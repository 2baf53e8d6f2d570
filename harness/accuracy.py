"""What an implementation may claim about its rounding errors, and the bound each claim implies.

Notation: u is the unit roundoff of the accumulator (2⁻²⁴ for float32 and narrower storage, 2⁻⁵³ for
float64), n the number of products in an output element, γ_m = m·u/(1 − m·u), η the smallest
subnormal, A = |x|⋆|w| + |b|. Every bound is elementwise and worst-case, so that no correct
implementation of its class can exceed it, whatever its order of summation.

Sources: N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., chapter 3 (sums and
inner products) and chapter 24 (the fast Fourier transform).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import log2, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import PluginError, did_you_mean
from .problem import Problem

Array = NDArray[Any]
Doubles = NDArray[np.float64]

PRECISION = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
"""Significand bits of each storage type, the leading one included."""

_SUBNORMAL = {"float16": 2.0**-24, "bfloat16": 2.0**-133, "float32": 2.0**-149, "float64": 2.0**-1074}


def accumulator_bits(dtype: str) -> int:
    """Return the significand bits in which sums are held: 16-bit storage means float32 sums."""
    return max(PRECISION[dtype], PRECISION["float32"])


def unit_roundoff(dtype: str) -> float:
    """Return u of the accumulator."""
    return 2.0 ** -accumulator_bits(dtype)


def gamma(terms: int, u: float) -> float:
    """Return γ_m = m·u/(1 − m·u), the relative error of m roundings in a row (Higham, lemma 3.1)."""
    return terms * u / (1 - terms * u)


@dataclass(frozen=True)
class Truth:
    """The true output of one problem on given data, with what bounds are made of.

    `y` and `magnitude` (A) are float64 arrays of the output's shape; `y` itself may be off by
    `doubt`, elementwise.
    """

    problem: Problem
    x: Array
    weight: Array
    y: Doubles
    magnitude: Doubles
    doubt: Doubles | float


@dataclass(frozen=True)
class Accuracy:
    """A class of rounding errors: its name, whether integer sums come out exact, and its bound."""

    name: str
    exact: bool
    accumulated: Callable[[Truth], Doubles] = field(repr=False)

    def bound(self, truth: Truth, *, exact_data: bool = False) -> Doubles:
        """Return how far each element may be from `truth.y`, the reference's own error included.

        On `exact_data` no order of summation rounds, so an exact class is left with the one
        rounding of 16-bit storage, and without that with nothing.
        """
        exact = exact_data and self.exact
        error = np.zeros_like(truth.y) if exact else self.accumulated(truth) + truth.doubt
        problem = truth.problem
        bits = PRECISION[problem.dtype]
        if bits == accumulator_bits(problem.dtype):
            return error
        # The float32 sum is rounded once to 16 bits, and once more where the bias comes after.
        rounded = 2.0**-bits * (np.abs(truth.y) + error) + _SUBNORMAL[problem.dtype]
        if problem.bias:
            rounded += 2.0**-bits * (truth.magnitude + error)
        return error + rounded


def _direct(truth: Truth) -> Doubles:
    """Return γₙ₊₁·A + (n+1)·η: n products and n additions in any order (Higham, section 3.1)."""
    n, u = truth.problem.products, unit_roundoff(truth.problem.dtype)
    bound: Doubles = gamma(n + 1, u) * truth.magnitude + (n + 1) * _SUBNORMAL[truth.problem.dtype]
    return bound


def _fft(truth: Truth) -> Doubles:
    """Return the normwise bound of convolution by FFT, per sample and output channel.

    Three transforms of length L, each within 25·u·log₂L of the true one in the 2-norm (Higham,
    theorem 24.2, with its constant rounded up for mixed radices), C/g complex products and sums:
    (3·25·u·log₂L + (4 + C/g)·u)·Σ_c ‖x_c‖₂·‖w_oc‖₁ + 2u·(|y| + |b|). L is the product of four
    times the padded sizes, so that any padding to a convenient length is covered.
    """
    problem = truth.problem
    u = unit_roundoff(problem.dtype)
    padded = [
        size + before + max(after, 0)
        for size, (before, after) in zip(problem.input_size, problem.pads, strict=True)
    ]
    length = prod(4 * max(size, span) for size, span in zip(padded, problem.kernel_span, strict=True))
    channels = problem.in_channels // problem.groups
    # A padding mode other than zeros repeats elements of x, at most as often as the padded size holds them.
    repeats = (
        1.0
        if problem.padding_mode == "zeros"
        else prod(-(-size // full) for size, full in zip(padded, problem.input_size, strict=True))
    )
    spatial = tuple(range(2, 2 + problem.ndim))
    x_norms = np.sqrt(repeats * np.square(truth.x.astype(np.float64)).sum(axis=spatial))  # (N, C)
    w_norms = np.abs(truth.weight.astype(np.float64)).sum(axis=spatial)  # (O, C/g)
    x_norms = x_norms.reshape(problem.batch_size, problem.groups, channels)
    w_norms = w_norms.reshape(problem.groups, -1, channels)
    scale = np.einsum("ngc,goc->ngo", x_norms, w_norms).reshape(problem.output_shape[:2])
    factor = 75 * u * log2(length) + (4 + channels) * u
    tail = 2 * u * np.maximum(np.abs(truth.y), truth.magnitude if problem.bias else 0.0)
    bound: Doubles = factor * scale.reshape(*scale.shape, *(1,) * problem.ndim) + tail
    return bound + _SUBNORMAL[problem.dtype] * (problem.products + 1)


def low_precision(truth: Truth, bits: int = 8) -> Doubles:
    """Return the bound of an algorithm whose inputs and output were rounded to so many bits.

    (2·2⁻ᵖ + 2⁻²ᵖ)·A for the inputs, γₙ₊₁·(1 + 2⁻ᵖ)²·A for the sums in float32, and 2⁻ᵖ·A for the output.
    What is worse than that is not a matter of precision.
    """
    unit = 2.0**-bits
    sums = gamma(truth.problem.products + 1, 2.0 ** -PRECISION["float32"])
    bound: Doubles = (3 * unit + unit**2 + sums * (1 + unit) ** 2) * truth.magnitude
    return bound


CLASSES = {
    "direct": Accuracy("direct", exact=True, accumulated=_direct),
    "fft": Accuracy("fft", exact=False, accumulated=_fft),
}


def parse(text: Any) -> Accuracy:
    """Return the class that a plugin declares.

    Raises `PluginError` for one that is not known.
    """
    if not isinstance(text, str) or text not in CLASSES:
        raise PluginError(f"declares accuracy={text!r}, which is not known{did_you_mean(str(text), CLASSES)}")
    return CLASSES[text]
