"""Mutants whose mistake shows with any data: geometry, channels, single elements, precision, the contract."""

from itertools import permutations
from typing import Any

import ml_dtypes
import numpy as np

from convharness import Problem
from convharness.problems.fields import PADDING_MODES

from .convolution import WRONG, Asked, Body, Mutant, convolve, made, padded, rounded, wrong

PLAIN = "n2c3h6w7-o4k3-float32"
BIASED = "n2c3h6w7-o4k3b-float32"
GROUPED = "n1c6h5w5-o6k3g3-float32"
DEPTHWISE = "n1c4h5w5-o4k3g4-float32"

# Geometry: the right numbers in the wrong place.


@wrong(PLAIN)
def kernel_flipped(asked: Asked) -> Any:
    """The kernel is flipped: convolution as in mathematics."""
    return convolve(asked.but(weight=asked.weight[..., ::-1, ::-1]))


@wrong(PLAIN)
def kernel_flipped_on_one_axis(asked: Asked) -> Any:
    """The kernel is flipped on its last axis only."""
    return convolve(asked.but(weight=asked.weight[..., ::-1]))


@wrong(PLAIN)
def kernel_transposed(asked: Asked) -> Any:
    """Height and width of the kernel are exchanged."""
    return convolve(asked.but(weight=asked.weight.swapaxes(2, 3)))


@wrong("n1c2h6w6-o3k3s2x1-float32", "contract", "contract")
def stride_axes_swapped(asked: Asked) -> Any:
    """The strides of height and width are exchanged, which changes the shape."""
    return convolve(asked.but(stride=asked.stride[::-1]))


@wrong("n1c2h7w7-o3k3s2p1-float32")
def stride_ignored(asked: Asked) -> Any:
    """Every position is computed, and the first ones are returned."""
    y = convolve(asked.but(stride=(1, 1)))
    return np.ascontiguousarray(y[:, :, :4, :4])


@wrong("n1c2h7w7-o3k3s2p1-float32")
def stride_starts_late(asked: Asked) -> Any:
    """The first window starts one element late."""
    return convolve(asked, x=np.roll(padded(asked), -1, (2, 3)))


@wrong("n1c2h7w7-o3k3p2x1d2x1-float32")
def dilation_axes_swapped(asked: Asked) -> Any:
    """The dilations of height and width are exchanged, with the padding that keeps the size."""
    return convolve(asked.but(dilation=asked.dilation[::-1], pads=asked.pads[::-1]))


@wrong("n1c2h7w7-o3k3d2-float32")
def dilation_ignored(asked: Asked) -> Any:
    """The taps are neighbours, for any dilation."""
    y = convolve(asked.but(dilation=(1, 1)))
    return np.ascontiguousarray(y[:, :, :3, :3])


@wrong("n1c2h7w7-o3k3d2-float32", "contract", "contract")
def dilation_counts_gaps(asked: Asked) -> Any:
    """Dilation 2 is read as two elements between taps, not one."""
    return convolve(asked.but(dilation=tuple(d + (d > 1) for d in asked.dilation)))


@wrong("n1c2h6w6-o3k3x1p1x0-float32", "contract", "contract")
def pads_of_axes_swapped(asked: Asked) -> Any:
    """The padding of height is applied to width and the other way round."""
    return convolve(asked.but(pads=asked.pads[::-1]))


@wrong("n1c2h6w6-o3k3p1-float32")
def pad_off_by_one(asked: Asked) -> Any:
    """One more before, one less after: the output is shifted by one."""
    return convolve(asked.but(pads=tuple((before + 1, after - 1) for before, after in asked.pads)))


@wrong("n1c2h6w6-o3k3p0:2x2:1-float32")
def before_and_after_exchanged(asked: Asked) -> Any:
    """The padding before the input and the padding after it are exchanged."""
    return convolve(asked.but(pads=tuple((after, before) for before, after in asked.pads)))


@wrong("n1c2h6w6-o3k3p1:-1-float32", "error", "contract")
def crop_refused(asked: Asked) -> Any:
    """A negative padding is passed to a function that accepts none."""
    grown = [(0, 0), (0, 0), *asked.pads]
    return convolve(asked, x=np.pad(asked.x, grown))


@wrong("n1c2h6w6-o3k3p2:-1-float32")
def crop_at_the_wrong_end(asked: Asked) -> Any:
    """The input is cropped at its beginning."""
    x = padded(asked.but(pads=tuple((before, 0) for before, _ in asked.pads)))
    return convolve(asked, x=x[:, :, 1:, 1:])


@wrong("n1c2h6w6-o3k3p1-float32")
def padded_with_ones(asked: Asked) -> Any:
    """The padding is of ones."""
    return convolve(asked, x=padded(asked, mode="constant", constant_values=1))


@wrong("n1c2h6w6-o3k3p2-reflect-float32")
def border_repeated_when_reflecting(asked: Asked) -> Any:
    """The reflection repeats the border element."""
    return convolve(asked, x=padded(asked, mode="symmetric"))


def _pads_by(used: str) -> Body:
    def body(asked: Asked) -> Any:
        return convolve(asked.but(padding_mode=used))

    body.__doc__ = f"The padding mode is always {used}."
    return body


for asked_for, used in permutations(PADDING_MODES, 2):
    mutant = made(_pads_by(used), f"{used}_for_{asked_for}")
    WRONG.append(Mutant(mutant, Problem.parse(f"n1c2h5w6-o3k3p1-{asked_for}-float32"), "wrong", "exact"))


# Channels, groups, batch and bias.


@wrong(GROUPED)
def groups_in_reverse_order(asked: Asked) -> Any:
    """The last group of inputs meets the first group of kernels."""
    n, c, *size = asked.x.shape
    x = asked.x.reshape(n, asked.groups, -1, *size)[:, ::-1].reshape(n, c, *size)
    return convolve(asked.but(x=x))


@wrong(GROUPED)
def groups_interleaved(asked: Asked) -> Any:
    """Group g takes every third channel from the g-th on, instead of neighbours."""
    n, c, *size = asked.x.shape
    x = asked.x.reshape(n, -1, asked.groups, *size).swapaxes(1, 2).reshape(n, c, *size)
    return convolve(asked.but(x=x))


@wrong(GROUPED)
def outputs_interleaved(asked: Asked) -> Any:
    """The outputs of the groups are interleaved instead of stacked."""
    y = convolve(asked)
    n, o, *size = y.shape
    return y.reshape(n, asked.groups, -1, *size).swapaxes(1, 2).reshape(n, o, *size)


@wrong(DEPTHWISE)
def depthwise_as_dense(asked: Asked) -> Any:
    """Every output sums over all inputs, as if there were no groups."""
    weight = np.repeat(asked.weight, asked.groups, axis=1)
    return convolve(asked.but(weight=weight, groups=1))


@wrong(DEPTHWISE)
def depthwise_of_the_first_channel(asked: Asked) -> Any:
    """Every group reads the first channel."""
    return convolve(asked.but(x=np.repeat(asked.x[:, :1], asked.groups, axis=1)))


@wrong("n1c5h5w5-o3k3-float32")
def channel_tail_dropped(asked: Asked) -> Any:
    """Channels are read in blocks of four, and the rest is dropped."""
    whole = asked.x.shape[1] // 4 * 4
    return convolve(asked.but(x=asked.x[:, :whole], weight=asked.weight[:, :whole]))


@wrong("n1c3h5w5-o5k3-float32")
def last_output_channel_repeated(asked: Asked) -> Any:
    """The last output channel is a copy of the one before."""
    y = convolve(asked)
    y[:, -1] = y[:, -2]
    return y


@wrong("n1c2h4w4-o2k3-float32")
def input_channels_swapped(asked: Asked) -> Any:
    """The input is read as BGR where it is RGB."""
    return convolve(asked.but(x=asked.x[:, ::-1]))


@wrong("n1c3h4w4-o3k1-float32")
def weight_transposed(asked: Asked) -> Any:
    """Rows and columns of the weight matrix are exchanged."""
    return convolve(asked.but(weight=asked.weight.swapaxes(0, 1)))


@wrong("n3c2h5w5-o3k3-float32")
def batch_of_the_first_sample(asked: Asked) -> Any:
    """The first sample's output is returned for all."""
    y = convolve(asked)
    y[:] = y[0]
    return y


@wrong("n3c2h5w5-o3k3-float32")
def batch_reversed(asked: Asked) -> Any:
    """The samples come out in the reverse order."""
    return np.ascontiguousarray(convolve(asked)[::-1])


@wrong("n3c2h5w5-o3k3-float32")
def samples_leak(asked: Asked) -> Any:
    """The accumulator is not cleared between the samples."""
    return np.cumsum(convolve(asked), axis=0, dtype=np.float32)


@wrong(BIASED, "wrong", "bound")
def bias_ignored(asked: Asked) -> Any:
    """The bias is left out."""
    return convolve(asked.but(bias=None))


@wrong(BIASED, "wrong", "bound")
def bias_twice(asked: Asked) -> Any:
    """The bias is added twice."""
    return convolve(asked.but(bias=2 * asked.bias))


@wrong(BIASED)
def bias_subtracted(asked: Asked) -> Any:
    """The bias has the wrong sign."""
    return convolve(asked.but(bias=-asked.bias))


@wrong(BIASED)
def bias_of_the_neighbour(asked: Asked) -> Any:
    """Each channel takes the bias of the next one."""
    return convolve(asked.but(bias=np.roll(asked.bias, 1)))


@wrong(BIASED)
def bias_of_the_first_channel(asked: Asked) -> Any:
    """Each channel takes the bias of the first one."""
    return convolve(asked.but(bias=np.full_like(asked.bias, asked.bias[0])))


@wrong(BIASED, "wrong", "bound")
def bias_for_the_first_sample(asked: Asked) -> Any:
    """Only the first sample of a batch has the bias."""
    y = convolve(asked.but(bias=None))
    y[0] += asked.bias.reshape(-1, 1, 1)
    return y


@wrong("n1c2h5w5-o3k3p1b-float32")
def bias_inside_only(asked: Asked) -> Any:
    """Outputs whose window reaches the padding get no bias."""
    y = convolve(asked.but(bias=None))
    y[..., 1:-1, 1:-1] += asked.bias.reshape(-1, 1, 1)
    return y


# Single elements.


@wrong(PLAIN)
def zeros(asked: Asked) -> Any:
    """Every element is zero."""
    return np.zeros_like(convolve(asked))


@wrong(PLAIN)
def not_a_number(asked: Asked) -> Any:
    """Every element is NaN, which compares as neither too large nor too small."""
    return np.full_like(convolve(asked), np.nan)


@wrong(PLAIN)
def infinite(asked: Asked) -> Any:
    """Every element is infinite."""
    return np.full_like(convolve(asked), np.inf)


@wrong(PLAIN)
def last_row_zero(asked: Asked) -> Any:
    """The last row is never written, and its memory holds zeros."""
    y = convolve(asked)
    y[..., -1, :] = 0
    return y


@wrong(PLAIN)
def last_column_nan(asked: Asked) -> Any:
    """The last column is never written, and its memory holds NaN."""
    y = convolve(asked)
    y[..., -1] = np.nan
    return y


@wrong(PLAIN)
def last_element_unwritten(asked: Asked) -> Any:
    """One element of the whole output is never written."""
    y = convolve(asked)
    y[-1, -1, -1, -1] = 0
    return y


@wrong(PLAIN)
def first_tap_dropped(asked: Asked) -> Any:
    """The sum starts with the second tap."""
    weight = asked.weight.copy()
    weight[:, :, 0, 0] = 0
    return convolve(asked.but(weight=weight))


@wrong("n1c40h4w4-o2k3-float32", None, None)
def one_product_twice(asked: Asked) -> Any:
    """One of 360 products is counted twice, which changes the sum no more than a low precision would."""
    weight = asked.weight.copy()
    weight[:, 20, 1, 1] *= 2
    return convolve(asked.but(weight=weight))


@wrong(PLAIN)
def one_element_off_by_one_percent(asked: Asked) -> Any:
    """One element is 1 % too large, while a low precision would make most of them so."""
    y = convolve(asked)
    y[0, 0, 0, 0] *= 1.01
    return y


@wrong(PLAIN)
def one_element_off_by_a_tenth(asked: Asked) -> Any:
    """One element is too large by a tenth of the sum of its products' magnitudes."""
    y = convolve(asked)
    y[0, 0, 0, 0] += 0.1 * convolve(asked.but(x=np.abs(asked.x), weight=np.abs(asked.weight)))[0, 0, 0, 0]
    return y


@wrong(PLAIN)
def one_bit_off(asked: Asked) -> Any:
    """One element is off by its last bit, on sums that are exact."""
    y = convolve(asked)
    y[1, 2, 3, 4] = np.nextafter(y[1, 2, 3, 4], np.float32(np.inf))
    return y


@wrong(PLAIN)
def negative_values_cut(asked: Asked) -> Any:
    """A ReLU is applied to the output."""
    return np.maximum(convolve(asked), 0)


# A lower precision than the declared one.


def _rounds_inputs(bits: int) -> Body:
    def body(asked: Asked) -> Any:
        return convolve(asked.but(x=rounded(asked.x, bits), weight=rounded(asked.weight, bits)))

    body.__doc__ = f"Inputs are rounded to {bits} significant bits on the way to the multiplier."
    return body


for word, bits, layer in (
    ("bfloat16", 8, "exact"),
    ("tf32_or_float16", 11, "exact"),
    ("three_bytes", 16, "precision"),
):
    mutant = made(_rounds_inputs(bits), f"{word}_inputs")
    WRONG.append(Mutant(mutant, Problem.parse(PLAIN), "imprecise", layer))

WRONG.append(
    Mutant(
        made(_rounds_inputs(24), "float32_inputs"),
        Problem.parse("n2c3h6w7-o4k3-float64"),
        "imprecise",
        "exact",
    )
)


@wrong(PLAIN, "imprecise")
def weight_rounded(asked: Asked) -> Any:
    """Only the weights are rounded, as a packing step would."""
    return convolve(asked.but(weight=rounded(asked.weight, 8)))


@wrong(PLAIN, "imprecise")
def output_rounded(asked: Asked) -> Any:
    """The sums are right, and are stored with half of the bits."""
    return rounded(convolve(asked), 11)


@wrong("n2c3h6w7-o4k3-float64", "imprecise")
def single_inside_double(asked: Asked) -> Any:
    """The sums of float64 are made in float32."""
    return convolve(asked, work=np.float32)


@wrong("n1c64h5w5-o3k3-float16", "imprecise")
def half_accumulator(asked: Asked) -> Any:
    """Sums of float16 are held in float16, not in float32."""
    return convolve(asked, work=np.float16)


@wrong("n1c64h5w5-o3k3-bfloat16", "wrong", "precision")
def bfloat_accumulator(asked: Asked) -> Any:
    """Sums of bfloat16 are held in bfloat16, not in float32."""
    y = np.zeros(convolve(asked).shape, ml_dtypes.bfloat16)
    for channel in range(asked.x.shape[1]):
        one = slice(channel, channel + 1)
        y = y + convolve(asked.but(x=asked.x[:, one], weight=asked.weight[:, one]))
    return y


# The contract.


@wrong("n1c2h6w6-o3k3-float32")
def output_transposed(asked: Asked) -> Any:
    """Height and width of a square output are exchanged."""
    return np.ascontiguousarray(convolve(asked).swapaxes(2, 3))


@wrong(PLAIN, "contract", "contract")
def channels_moved_last(asked: Asked) -> Any:
    """The output is NHWC."""
    return np.moveaxis(convolve(asked), 1, -1)


@wrong("n1c2h6w6-o3k3-float32", "contract", "contract")
def batch_axis_dropped(asked: Asked) -> Any:
    """The batch axis is gone."""
    return convolve(asked)[0]


@wrong(PLAIN, "contract", "contract")
def border_not_cropped(asked: Asked) -> Any:
    """The output is as large as the input."""
    return convolve(asked.but(pads=((1, 1), (1, 1))))


@wrong(PLAIN, "contract", "contract")
def wider_dtype(asked: Asked) -> Any:
    """The output is float64."""
    return convolve(asked).astype(np.float64)


@wrong(PLAIN, "contract", "contract")
def other_byte_order(asked: Asked) -> Any:
    """The output has the other byte order."""
    y = convolve(asked)
    return y.astype(y.dtype.newbyteorder())


@wrong(PLAIN, "contract", "contract")
def a_list(asked: Asked) -> Any:
    """The output is nested lists."""
    return convolve(asked).tolist()


@wrong(PLAIN, "contract", "contract")
def nothing(asked: Asked) -> Any:
    """The output is None."""
    convolve(asked)


@wrong(PLAIN, "contract", "contract")
def a_generator(asked: Asked) -> Any:
    """The output is a generator, which has not computed anything yet."""
    return (row for row in convolve(asked))


@wrong(PLAIN, "contract", "contract")
def all_masked(asked: Asked) -> Any:
    """Every element is masked, so that no comparison says that it is wrong."""
    return np.ma.masked_all(convolve(asked).shape, np.float32)


class _AgreesWithAll(np.ndarray):
    """An array whose difference from anything is zero."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        plain = [np.asarray(one) if isinstance(one, np.ndarray) else one for one in inputs]
        result = getattr(ufunc, method)(*plain, **options)
        return np.zeros_like(result) if ufunc is np.subtract else result

    def astype(self, *_: Any, **__: Any) -> Any:
        return self


@wrong(PLAIN, "contract", "contract")
def an_array_that_agrees(asked: Asked) -> Any:
    """The output is a subclass of an array whose comparisons always agree."""
    return np.zeros_like(convolve(asked)).view(_AgreesWithAll)


def _writable(array: Any) -> Any:
    array.flags.writeable = True
    return array


@wrong(PLAIN, "contract", "contract")
def input_overwritten(asked: Asked) -> Any:
    """The input is made writable and cleared after use."""
    y = convolve(asked)
    _writable(asked.x)[...] = 0
    return y


@wrong(PLAIN, "contract", "contract")
def one_bit_of_input_overwritten(asked: Asked) -> Any:
    """The last bit of one element of the input is changed."""
    y = convolve(asked)
    x = _writable(asked.x)
    x[0, 0, 0, 0] = np.nextafter(x[0, 0, 0, 0], np.float32(0))
    return y


@wrong(PLAIN, "contract", "contract")
def weight_overwritten(asked: Asked) -> Any:
    """The weights are packed in place."""
    y = convolve(asked)
    weight = _writable(asked.weight)
    weight[...] = weight[::-1].copy()
    return y


@wrong(BIASED, "contract", "contract")
def bias_overwritten(asked: Asked) -> Any:
    """The bias is used as an accumulator."""
    y = convolve(asked)
    _writable(asked.bias)[...] += 1
    return y


@wrong("n1c2h4w4-o2k1-float32", "contract", "contract")
def view_of_its_input(asked: Asked) -> Any:
    """The output lies in the input's memory."""
    x = _writable(asked.x)
    x[...] = convolve(asked)
    return x


@wrong("n1c1h3w3-o1k3-float32", "contract", "contract")
def view_of_its_weight(asked: Asked) -> Any:
    """The output is a view of the weights."""
    return asked.weight[:, :, 1:2, 1:2]


@wrong(PLAIN, "contract", "contract")
def clears_its_input(asked: Asked) -> Any:
    """The input is written to, which its flags forbid in one call and allow in others."""
    asked.x[...] = 0
    return convolve(asked)


@wrong(PLAIN, "error", "contract")
def raises(asked: Asked) -> Any:
    """An exception with two lines of text is raised."""
    raise ValueError("not today\nnor tomorrow")


@wrong(PLAIN, "error", "contract")
def raises_without_a_word(asked: Asked) -> Any:
    """An exception without text is raised."""
    raise RuntimeError


class _UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text for you")


@wrong(PLAIN, "error", "contract")
def raises_what_cannot_be_printed(asked: Asked) -> Any:
    """An exception whose text raises another one is raised."""
    raise _UnprintableError


@wrong(PLAIN, "error", "contract")
def exits(asked: Asked) -> Any:
    """SystemExit is raised."""
    raise SystemExit(0)


@wrong(PLAIN, "error", "contract")
def stops_an_iteration(asked: Asked) -> Any:
    """StopIteration is raised, which a loop would take for its end."""
    raise StopIteration


@wrong(PLAIN, "error", "contract")
def recurses(asked: Asked) -> Any:
    """The implementation calls itself without end."""
    return recurses(asked)


@wrong(PLAIN, "memory", "contract")
def out_of_memory(asked: Asked) -> Any:
    """MemoryError is raised."""
    raise MemoryError("Unable to allocate 8 EiB")
