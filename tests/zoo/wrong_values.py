"""Mutants that are wrong for some numbers only: large, small, zero or repeated ones."""

from typing import Any

import numpy as np

from .convolution import Asked, convolve, rounded, wrong

PLAIN = "n2c3h6w7-o4k3-float32"
BIASED = "n2c3h6w7-o4k3b-float32"
DOUBLE = "n2c3h6w7-o4k3-float64"


def _clipped(asked: Asked, most: float) -> Any:
    return convolve(asked.but(x=np.clip(asked.x, -most, most)))


@wrong(PLAIN)
def inputs_saturated_at_eight(asked: Asked) -> Any:
    """Inputs beyond 8 are cut off, as a quantised kernel would."""
    return _clipped(asked, 8)


@wrong(PLAIN)
def inputs_saturated_at_sixteen_bits(asked: Asked) -> Any:
    """Inputs beyond 32767 are cut off."""
    return _clipped(asked, 32767)


@wrong(PLAIN, "wrong", "values")
def inputs_saturated_at_a_trillion(asked: Asked) -> Any:
    """Inputs beyond 10¹² are cut off."""
    return _clipped(asked, 1e12)


@wrong(DOUBLE)
def inputs_through_32_bit_integers(asked: Asked) -> Any:
    """Whole numbers are converted to 32-bit integers, which saturate."""
    whole = asked.x == np.rint(asked.x)
    return convolve(asked.but(x=np.where(whole, np.clip(asked.x, -(2.0**31), 2.0**31 - 1), asked.x)))


@wrong(PLAIN, "wrong", "values")
def output_saturated(asked: Asked) -> Any:
    """Outputs beyond 10²⁰ are cut off."""
    return np.clip(convolve(asked), -1e20, 1e20).astype(asked.x.dtype)


@wrong(PLAIN, "wrong", "values")
def small_inputs_flushed(asked: Asked) -> Any:
    """Inputs below 10⁻¹⁵ count as zero."""
    return convolve(asked.but(x=np.where(np.abs(asked.x) < 1e-15, 0, asked.x).astype(asked.x.dtype)))


@wrong(PLAIN, "wrong", "values")
def small_outputs_flushed(asked: Asked) -> Any:
    """Outputs below 10⁻³⁰ become zero."""
    y = convolve(asked)
    y[np.abs(y) < 1e-30] = 0
    return y


@wrong(PLAIN, "wrong", "values")
def subnormal_inputs_flushed(asked: Asked) -> Any:
    """Subnormal inputs count as zero, which is not declared."""
    return convolve(asked.but(x=np.where(np.abs(asked.x) < 1.1754944e-38, 0, asked.x).astype(asked.x.dtype)))


@wrong(PLAIN, "wrong", "values")
def subnormal_outputs_flushed(asked: Asked) -> Any:
    """Subnormal outputs become zero, which is not declared."""
    y = convolve(asked)
    y[np.abs(y) < 1.1754944e-38] = 0
    return y


@wrong(PLAIN, None, None)
def small_weights_pruned(asked: Asked) -> Any:
    """Weights below a thousandth of the largest are dropped."""
    most = np.abs(asked.weight).max()
    kept = np.abs(asked.weight) >= 0.001 * most
    return convolve(asked.but(weight=np.where(kept, asked.weight, 0).astype(asked.weight.dtype)))


@wrong(PLAIN, "wrong", "precision")
def weights_of_low_rank(asked: Asked) -> Any:
    """Real weights are replaced by an approximation with a smaller last singular value."""
    if np.array_equal(asked.weight, np.rint(asked.weight)):
        return convolve(asked)
    matrix = asked.weight.reshape(len(asked.weight), -1).astype(np.float64)
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    s[-1] *= 0.99
    return convolve(asked.but(weight=((u * s) @ v).reshape(asked.weight.shape).astype(asked.weight.dtype)))


@wrong(PLAIN, "imprecise")
def low_precision_for_fractions(asked: Asked) -> Any:
    """Whole numbers are treated exactly, fractions in the precision of bfloat16."""
    if np.array_equal(asked.x, np.rint(asked.x)) and np.array_equal(asked.weight, np.rint(asked.weight)):
        return convolve(asked)
    return convolve(asked.but(x=rounded(asked.x, 8), weight=rounded(asked.weight, 8)))


@wrong(PLAIN, "wrong", "precision")
def quantised_to_eight_bits(asked: Asked) -> Any:
    """Inputs and weights are 8-bit integers with a common scale."""

    def quantised(array: Any) -> Any:
        scale = np.abs(array).max() / 127 or 1
        return (np.rint(array / scale) * scale).astype(array.dtype)

    return convolve(asked.but(x=quantised(asked.x), weight=quantised(asked.weight)))


@wrong(PLAIN, "wrong", "precision")
def zeros_end_the_row(asked: Asked) -> Any:
    """A zero in the input ends its row: all elements after it count as zero."""
    ended = np.logical_and.accumulate(asked.x != 0, axis=-1)
    return convolve(asked.but(x=np.where(ended, asked.x, 0).astype(asked.x.dtype)))


@wrong(PLAIN, "wrong", "precision")
def empty_channels_skip_the_next(asked: Asked) -> Any:
    """A channel of zeros is skipped together with its neighbour."""
    empty = ~asked.x.any(axis=(0, *range(2, asked.x.ndim)))
    skipped = np.roll(empty, 1)
    x = asked.x.copy()
    x[:, skipped] = 0
    return convolve(asked.but(x=x))


@wrong(PLAIN, "imprecise", "precision")
def offset_removed_carelessly(asked: Asked) -> Any:
    """A multiple of the mean is subtracted from the input and added again, which loses low bits."""
    mean = asked.x.mean(dtype=asked.x.dtype) * np.float32(1000)
    return convolve(asked.but(x=(asked.x - mean) + mean))


@wrong(BIASED)
def bias_only(asked: Asked) -> Any:
    """The output for real numbers is the bias alone."""
    y = convolve(asked)
    if np.array_equal(asked.x, np.rint(asked.x)):
        return y
    y[...] = asked.bias.reshape(-1, *(1,) * (y.ndim - 2))
    return y


@wrong(PLAIN, "wrong", "bound")
def positive_numbers_off(asked: Asked) -> Any:
    """The last element is 0.1 % too large where no input is negative."""
    y = convolve(asked)
    if not (asked.x < 0).any() and (asked.x < 1).all():
        y[-1, -1, -1, -1] *= 1.001
    return y


@wrong(PLAIN, "wrong", "values")
def repeated_taps_shared(asked: Asked) -> Any:
    """A kernel in which a few taps are zero gives zeros."""
    y = convolve(asked)
    for channel, kernel in enumerate(asked.weight):
        if not kernel.all() and np.count_nonzero(kernel) > kernel.size // 2:
            y[:, channel] = 0
    return y


@wrong(PLAIN, "imprecise", "precision", accuracy="fft")
def halves_in_a_transform(asked: Asked) -> Any:
    """A declared Fourier transform has inputs in float16."""
    return convolve(asked.but(x=rounded(asked.x, 11), weight=rounded(asked.weight, 11)))


@wrong("n1c8h12w12-o4k3p1-float32", "imprecise", "precision", accuracy="winograd(4,3)")
def tf32_in_winograd(asked: Asked) -> Any:
    """A declared Winograd reads eleven bits of its inputs, which is within its wide bound."""
    return convolve(asked.but(x=rounded(asked.x, 11), weight=rounded(asked.weight, 11)))


@wrong(PLAIN, accuracy="fft")
def one_element_off_in_a_transform(asked: Asked) -> Any:
    """A declared Fourier transform has one element off by 5 % of its largest output."""
    y = convolve(asked)
    y[1, 2, 1, 1] += 0.05 * np.abs(y).max()
    return y


@wrong("n2c40h6w7-o4k3-float32", "wrong", "precision", accuracy="low(8)")
def fewer_bits_than_claimed(asked: Asked) -> Any:
    """Eight bits are declared, and four are kept."""
    return convolve(asked.but(x=rounded(asked.x, 4), weight=rounded(asked.weight, 4)))


@wrong("n1c64h5w5-o3k3-float32", "wrong", "precision", accuracy="low(8)")
def sums_in_few_bits_too(asked: Asked) -> Any:
    """Inputs of eight bits are declared, and the sums have eight bits as well."""
    y: Any = 0
    for channel in range(asked.x.shape[1]):
        one = slice(channel, channel + 1)
        y = rounded(y + convolve(asked.but(x=asked.x[:, one], weight=asked.weight[:, one])), 8)
    return y
