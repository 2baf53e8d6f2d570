"""What an implementation may claim about its rounding errors, and the bound each claim implies.

Notation: u is the unit roundoff of the accumulator (2⁻²⁴ for float32 and narrower storage, 2⁻⁵³ for
float64), n the number of products in an output element, γ_m = m·u/(1 − m·u), η the smallest
subnormal, A = |x|⋆|w| + |b|. Every bound is elementwise and worst-case, so that no correct
implementation of its class can exceed it, whatever its order of summation.

Sources: N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., chapter 3 (sums and
inner products), chapter 23 (fast matrix multiplication) and chapter 24 (the fast Fourier transform);
for Winograd's algorithms S. Winograd, Arithmetic Complexity of Computations (1980), chapter V, with
the matrices of `winograd`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from math import log2, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import PluginError, did_you_mean
from ..problems.problem import Problem
from .arrays import dtype_of
from .winograd import growth

Array = NDArray[Any]
Doubles = NDArray[np.float64]

PRECISION = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
"""Significand bits of each storage type, the leading one included."""

LOCALITIES = ("window", "hull", "tile", "group", "sample", "batch")
"""How far a NaN of the input may spread, each wider than the one before: the outputs whose window
holds it; those whose window spans it; their neighbours in a tile; the outputs of its group in its
sample; of its sample; all."""

SUBNORMAL = {"float16": 2.0**-24, "bfloat16": 2.0**-133, "float32": 2.0**-149, "float64": 2.0**-1074}


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

    `y` and `magnitude` (A) are float64 arrays of the output's shape. The true output is the
    unevaluated sum `y + tail`, and that itself may be off by `doubt`, elementwise.
    """

    problem: Problem
    x: Array
    weight: Array
    y: Doubles
    magnitude: Doubles
    doubt: Doubles | float
    tail: Doubles | float = 0.0
    bias: Array | None = None


@dataclass(frozen=True)
class Accuracy:
    """A class of rounding errors: its name, whether integer sums come out exact, and its bound.

    `bits` are the significand bits to which inputs and outputs are rounded where that is fewer than
    the storage has; `locality` is how far a NaN spreads in algorithms of the class; `tile` is how
    many outputs of an axis are made together.
    """

    name: str
    exact: bool
    accumulated: Callable[[Truth], Doubles] = field(repr=False, compare=False)
    bits: int | None = None
    locality: str = "window"
    tile: int = 1

    def significand(self, dtype: str) -> int:
        """Return how many bits of an input the class keeps."""
        return min(PRECISION[dtype], self.bits or PRECISION[dtype])

    def results(self, truth: Truth) -> list[Doubles]:
        """Return what an exact class may give on exact data: one value, or one for each way to round.

        The sum is exact in the accumulator. Narrow storage rounds it once, to nearest; who adds the
        bias afterwards rounds before and after. Who keeps few bits of the inputs may keep as few of
        the output, or any more of them.
        """
        dtype = truth.problem.dtype
        stored = PRECISION[dtype]
        if self.bits is None and stored == accumulator_bits(dtype):
            return [truth.y]
        found = []
        for bits in range(self.significand(dtype), stored + 1):
            found.append(_stored(truth.y, dtype, bits))
            if truth.bias is not None:
                bias = truth.bias.astype(np.float64).reshape(-1, *(1,) * truth.problem.ndim)
                found.append(_stored(_stored(truth.y - bias, dtype, bits) + bias, dtype, bits))
        return found

    def bound(self, truth: Truth, *, exact_data: bool = False) -> Doubles:
        """Return how far each element may be from the true output, the reference's own error included.

        On `exact_data` no order of summation rounds, so an exact class is left with the one
        rounding of narrow storage, and without that with nothing.
        """
        exact = exact_data and self.exact
        error = np.zeros_like(truth.y) if exact else self.accumulated(truth) + truth.doubt
        problem = truth.problem
        bits = self.significand(problem.dtype)
        if bits == accumulator_bits(problem.dtype):
            return error
        # The sum is rounded once to narrow storage, and once more where the bias comes after.
        rounded = 2.0**-bits * (np.abs(truth.y) + error) + SUBNORMAL[problem.dtype]
        if problem.bias:
            rounded += 2.0**-bits * (truth.magnitude + error)
        return error + rounded


def _stored(values: Doubles, dtype: str, bits: int) -> Doubles:
    """Return values rounded to nearest, to so many bits and then to the storage type."""
    significand, power = np.frexp(values)
    least = int(log2(SUBNORMAL[dtype]))
    if bits < PRECISION[dtype]:
        values = np.ldexp(np.rint(np.ldexp(significand, bits)), power - bits)
        return values.astype(dtype_of(dtype)).astype(np.float64)
    kept = np.maximum(power - bits, least)  # the place of the last bit that is stored
    rounded: Doubles = np.ldexp(np.rint(np.ldexp(values, -kept)), kept)
    return rounded


def _direct(truth: Truth) -> Doubles:
    """Return γₙ₊₁·A + (n+1)·η: n products and n additions in any order (Higham, section 3.1)."""
    n, u = truth.problem.products, unit_roundoff(truth.problem.dtype)
    bound: Doubles = gamma(n + 1, u) * truth.magnitude + (n + 1) * SUBNORMAL[truth.problem.dtype]
    return bound


def _low(truth: Truth, bits: int) -> Doubles:
    """Return the bound of products of inputs that were rounded to so many bits.

    With p = 2⁻ᵇⁱᵗˢ both roundings move a product by at most (2p + p²)·|x·w|, and the sums of what
    they gave, made in float32 unless more bits are claimed, by γₙ₊₁·(1 + p)²·A.
    """
    unit = 2.0**-bits
    u = 2.0 ** -(PRECISION["float32"] if bits <= PRECISION["float32"] else PRECISION["float64"])
    n = truth.problem.products
    lost = SUBNORMAL["float32"] * 2.0 ** (PRECISION["float32"] - bits) if bits < PRECISION["float32"] else 0.0
    bound: Doubles = (2 * unit + unit**2 + gamma(n + 1, u) * (1 + unit) ** 2) * truth.magnitude
    wide = "float32" if bits <= PRECISION["float32"] else "float64"
    return bound + (n + 1) * SUBNORMAL[wide] + lost * _of_either(truth)


def _fft(truth: Truth) -> Doubles:
    """Return the normwise bound of convolution by FFT, per sample and output channel.

    Three transforms of length L, each within 25·u·log₂L of the true one in the 2-norm (Higham,
    theorem 24.2, with its constant rounded up for mixed radices), C/g complex products and sums:
    (3·25·u·log₂L + (4 + C/g)·u)·‖x‖₂·‖w_o‖₁ + 2u·(|y| + |b|), with the norm of x over all channels
    of the sample: one may transform along them, or take two of them for one complex image. L is the
    product of four times the padded sizes and channels, so that any padding to a convenient length
    is covered. Below the normal numbers each of L elements of a transform may lose η, which the
    other operand magnifies.
    """
    problem = truth.problem
    u = unit_roundoff(problem.dtype)
    padded = [
        size + before + max(after, 0)
        for size, (before, after) in zip(problem.input_size, problem.pads, strict=True)
    ]
    length = prod(4 * max(size, span) for size, span in zip(padded, problem.kernel_span, strict=True))
    length *= 4 * problem.in_channels // problem.groups
    channels = _active_channels(truth)
    # A padding mode other than zeros repeats elements of x, at most as often as the padded size holds them.
    repeats = (
        1.0
        if problem.padding_mode == "zeros"
        else prod(-(-size // full) for size, full in zip(padded, problem.input_size, strict=True))
    )
    spatial = tuple(range(2, 2 + problem.ndim))
    x = np.abs(truth.x.astype(np.float64))
    largest = float(x.max(initial=0)) or 1.0  # squares of tiny and of huge numbers leave the range
    squares = np.square(x / largest).sum(axis=(1, *spatial))  # (N,)
    x_norms = np.repeat(largest * np.sqrt(repeats * squares), problem.groups)  # (N·G,)
    w_norms = np.abs(truth.weight.astype(np.float64)).sum(axis=(1, *spatial))  # (O,)
    factor = 75 * u * log2(length) + (4 + channels) * u
    tail = 2 * u * np.maximum(np.abs(truth.y), truth.magnitude if problem.bias else 0.0)
    lost = SUBNORMAL[problem.dtype] * length * (_of_either(truth) + channels + problem.products)
    bound: Doubles = factor * _over_channels(problem, x_norms, w_norms[:, None]) + tail + lost
    return bound


def _winograd(truth: Truth, outputs: int, taps: int) -> Doubles:
    """Return the bound of Winograd's F(m, r) on every axis that it fits, `_direct` where it fits none.

    γ_K·Σ_c max|x_c|·h_oc with K = axes·(2·(t + 1) + r + 1) + C/g + 2 roundings in a row, t = m + r − 1,
    and h_oc what the transforms make of the kernel where no sign cancels (`winograd.growth`).
    """
    problem = truth.problem
    u = unit_roundoff(problem.dtype)
    fits = [
        (kernel, stride, dilation) == (taps, 1, 1)
        for kernel, stride, dilation in zip(
            problem.kernel_size, problem.stride, problem.dilation, strict=True
        )
    ]
    direct = _direct(truth)
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
    channels = _active_channels(truth)
    roundings = sum(fits) * (2 * (tile + 1) + taps + 1) + channels + 2
    roundings += prod(kernel for kernel, fit in zip(problem.kernel_size, fits, strict=True) if not fit) - 1
    spatial = tuple(range(2, 2 + problem.ndim))
    largest = np.abs(truth.x.astype(np.float64)).max(axis=spatial)  # (N, C)
    bound = gamma(roundings, u) * _over_channels(problem, largest, heights)
    lost = SUBNORMAL[problem.dtype] * roundings * (8.0 * tile) ** sum(fits) * (_of_either(truth) + 1)
    return np.maximum(direct, bound + 2 * u * truth.magnitude + lost)


def _strassen(truth: Truth, levels: int) -> Doubles:
    """Return the bound of Strassen's matrix product, normwise: over all of x and w.

    γ over (n/2ˡ + 5l + 2) of 6ˡ·n·max|x|·max|w| (Higham, theorem 23.2 with its recurrence stopped
    after l levels), and `_direct` for what it leaves over.
    """
    n, u = truth.problem.products, unit_roundoff(truth.problem.dtype)
    largest = float(np.abs(truth.x).max(initial=0)) * float(np.abs(truth.weight).max(initial=0))
    terms = -(-n // 2**levels) + 5 * levels + 2
    lost = SUBNORMAL[truth.problem.dtype] * 6.0**levels * (_of_either(truth) + n)
    bound: Doubles = _direct(truth) + gamma(terms, u) * 6.0**levels * n * largest + lost
    return bound


def _of_either(truth: Truth) -> float:
    """Return n·(max|x| + max|w|): what an absolute error in either operand may grow to."""
    largest = [float(np.abs(array).max(initial=0)) for array in (truth.x, truth.weight)]
    return truth.problem.products * sum(largest)


def _active_channels(truth: Truth) -> int:
    """Return the most channels of a group that hold anything in a sample: adding zeros rounds nothing."""
    problem = truth.problem
    channels = problem.in_channels // problem.groups
    x = truth.x.reshape(problem.batch_size, problem.groups, channels, prod(problem.input_size))
    return int(x.any(axis=-1).sum(axis=-1).max(initial=0))


def _over_channels(problem: Problem, of_x: Doubles, of_weight: Doubles) -> Doubles:
    """Return Σ_c of_x[n, g, c]·of_weight[o, c] over the channels of o's group, shaped (N, O, 1, …)."""
    x = of_x.reshape(problem.batch_size, problem.groups, of_weight.shape[1])
    weight = of_weight.reshape(problem.groups, problem.out_channels // problem.groups, -1)
    sums: Doubles = np.einsum("ngc,goc->ngo", x, weight)
    return sums.reshape(*problem.output_shape[:2], *(1,) * problem.ndim)


def flushed(truth: Truth) -> float:
    """Return what is lost where subnormal inputs, products and sums may all become zero."""
    least = SUBNORMAL[truth.problem.dtype] * 2.0 ** (PRECISION[truth.problem.dtype] - 1)
    return least * (2 * truth.problem.products + 1 + _of_either(truth))


def low_precision(truth: Truth, bits: int = 8) -> Doubles:
    """Return the bound of an algorithm whose inputs and output were rounded to so many bits.

    (2·2⁻ᵖ + 2⁻²ᵖ)·A for the inputs, γₙ₊₁·(1 + 2⁻ᵖ)²·A for the sums in float32, and 2⁻ᵖ·A for the output.
    What is worse than that is not a matter of precision.
    """
    unit = 2.0**-bits
    sums = gamma(truth.problem.products + 1, 2.0 ** -PRECISION["float32"])
    bound: Doubles = (3 * unit + unit**2 + sums * (1 + unit) ** 2) * truth.magnitude
    return bound


DIRECT = Accuracy("direct", exact=True, accumulated=_direct)

_PLAIN = {"direct": DIRECT, "fft": Accuracy("fft", exact=False, accumulated=_fft, locality="sample")}


def _winograd_class(name: str, outputs: int, taps: int) -> Accuracy:
    return Accuracy(
        name,
        exact=False,
        accumulated=partial(_winograd, outputs=outputs, taps=taps),
        locality="tile",
        tile=outputs,
    )


def _strassen_class(name: str, levels: int) -> Accuracy:
    return Accuracy(name, exact=False, accumulated=partial(_strassen, levels=levels), locality="batch")


def _low_class(name: str, bits: int) -> Accuracy:
    # Types of so few bits have their own multipliers; more bits are made of several such products,
    # of which the smallest are left out.
    is_native = bits <= _MOST_NATIVE_BITS
    return Accuracy(name, exact=is_native, accumulated=partial(_low, bits=bits), bits=bits)


_MOST_NATIVE_BITS = 11  # TF32 and float16

_Range = tuple[int, int]

# The parameters of each class, by name, with the least and the largest that makes sense.
_PARAMETERS: Mapping[str, tuple[Callable[..., Accuracy], Mapping[str, _Range]]] = {
    "winograd": (_winograd_class, {"m": (2, 8), "r": (2, 7)}),
    "strassen": (_strassen_class, {"l": (1, 8)}),
    "low": (_low_class, {"p": (2, 52)}),
}
CLASSES = ("direct", "fft", "winograd(m,r)", "strassen(l)", "low(p)")


def parse(text: Any) -> Accuracy:
    """Return the class that a plugin declares, such as 'direct', 'winograd(4,3)' or 'low(11)'.

    Raises `PluginError` for one that is not known.
    """
    if not isinstance(text, str):
        raise PluginError(f"declares accuracy={text!r}; it takes a text such as 'direct' or 'low(11)'")
    return _parsed(text)


@cache
def _parsed(text: str) -> Accuracy:
    name, _, inside = text.replace(" ", "").partition("(")
    if name in _PLAIN and not inside:
        return _PLAIN[name]
    if name not in _PARAMETERS:
        raise PluginError(f"declares accuracy={text!r}, which is not known{did_you_mean(text, CLASSES)}")
    make, ranges = _PARAMETERS[name]
    numbers = re.fullmatch(r"(\d{1,3}(?:,\d{1,3})*)\)", inside)
    values = [int(number) for number in numbers[1].split(",")] if numbers else []
    if len(values) != len(ranges):
        raise PluginError(f"declares accuracy={text!r}; write {name}({','.join(ranges)}) with whole numbers")
    for value, (letter, (least, most)) in zip(values, ranges.items(), strict=True):
        if not least <= value <= most:
            raise PluginError(f"declares accuracy={text!r}; {letter} must be from {least} to {most}")
    return make(f"{name}({','.join(map(str, values))})", *values)
