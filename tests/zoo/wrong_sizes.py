"""Mutants whose mistake shows only at some sizes: of channels, batches, kernels, paddings, rows and counts.

Kernels have such paths for speed: vectors, blocks, unrolled loops, tables, small integers for indices.
"""

from math import prod
from typing import Any

import numpy as np

from .convolution import Asked, convolve, cut_to_size, only, padded, rounded, with_bias, wrong
from .unusual import spectra

# Channels: vectors, blocks and accumulators of some length.


@wrong("n1c6h5w5-o16k3g2-float32")
@only(lambda problem: problem.groups > 1 and problem.out_channels // problem.groups % 8 == 0)
def block_reads_the_next_group(asked: Asked) -> Any:
    """Where the outputs of a shallow group fill blocks of eight, the last block reads the next group."""
    y = convolve(asked)
    (o, channels), groups = asked.weight.shape[:2], asked.groups
    if channels < 16:
        of_next_group = convolve(asked.but(x=np.roll(asked.x, -channels, axis=1)))
        last = np.arange(o) % (o // groups) >= o // groups - 8
        y[:, last] = of_next_group[:, last]
    return y


@wrong("n1c11h4w5-o2k3-float32")
@only(lambda problem: problem.in_channels // problem.groups > 8)
def channels_after_vectors_of_eight(asked: Asked) -> Any:
    """Beyond eight channels a group's are read eight at a time, and what is left is not read."""
    weight = asked.weight.copy()
    weight[:, weight.shape[1] // 8 * 8 :] = 0
    return convolve(asked.but(weight=weight))


@wrong("n1c513h3w3-o2k1-float32")
@only(lambda problem: problem.in_channels // problem.groups > 512)
def block_of_channels_overwritten(asked: Asked) -> Any:
    """Channels are summed in blocks of 512, and the sum of a block replaces that of the blocks before."""
    weight = asked.weight.copy()
    weight[:, : (weight.shape[1] - 1) // 512 * 512] = 0
    return convolve(asked.but(weight=weight))


@wrong("n1c2h3w3-o257k1-float32")
@only(lambda problem: problem.out_channels > 256)
def output_channels_in_a_byte(asked: Asked) -> Any:
    """An output channel's number is kept in a byte, so that number 256 is a second number 0."""
    return convolve(asked.but(weight=asked.weight[np.arange(len(asked.weight)) % 256]))


@wrong("n1c2h4w5-o19k3-float32")
@only(lambda problem: problem.out_channels // problem.groups > 16)
def output_channels_after_blocks_of_sixteen(asked: Asked) -> Any:
    """Output channels after whole blocks of sixteen are those of the last whole block."""
    y = convolve(asked)
    rest = y.shape[1] % 16
    if rest:
        y[:, -rest:] = y[:, -rest - 16 : -16]
    return y


@wrong("n1c16h5w5-o16k3-float32", "imprecise")
@only(lambda problem: problem.in_channels % 16 == 0 == problem.out_channels % 16 and problem.groups == 1)
def matrix_unit_for_multiples_of_sixteen(asked: Asked) -> Any:
    """Channels that are multiples of sixteen go to a matrix unit, which rounds its inputs to bfloat16."""
    return convolve(asked.but(x=rounded(asked.x, 8), weight=rounded(asked.weight, 8)))


@wrong("n1c7h4w4-o7k3g7-float32")
@only(lambda problem: problem.groups > 1 and problem.groups & (problem.groups - 1) != 0)
def groups_by_a_mask(asked: Asked) -> Any:
    """A channel's group is masked to the power of two below the number of groups."""
    power = 1 << (asked.groups.bit_length() - 1)
    n, c, *size = asked.x.shape
    x = asked.x.reshape(n, asked.groups, -1, *size)[:, np.arange(asked.groups) % power]
    return convolve(asked.but(x=x.reshape(n, c, *size)))


@wrong("n1c3h5w5-o6k3g3-float32")
@only(lambda problem: problem.groups == problem.in_channels < problem.out_channels)
def multiplier_interleaved(asked: Asked) -> Any:
    """With several outputs for each channel, output o reads channel o modulo the number of channels."""
    groups = len(asked.weight)
    x = asked.x[:, np.arange(groups) % asked.groups]
    return convolve(asked.but(x=x, groups=groups))


@wrong("n1c8h4w5-o20k3g4-float32")
@only(lambda problem: problem.groups >= 4 and problem.out_channels // problem.groups > 4)
def outputs_of_wide_groups_interleaved(asked: Asked) -> Any:
    """Groups of more than four outputs are written with the group running fastest."""
    y = convolve(asked)
    n, o, *size = y.shape
    return y.reshape(n, asked.groups, -1, *size).swapaxes(1, 2).reshape(n, o, *size)


# Batches: samples in blocks, in pairs, in small integers.


@wrong("n4c2h9w9-o3k3-float32", None, None)
@only(lambda problem: problem.batch_size >= 4)
def transforms_from_four_samples(asked: Asked) -> Any:
    """From four samples on an undeclared Fourier transform is taken."""
    return spectra(asked)


@wrong("n9c2h4w4-o2k3-float32")
@only(lambda problem: problem.batch_size > 8)
def samples_by_three_bits(asked: Asked) -> Any:
    """A sample's number is masked to three bits."""
    return convolve(asked.but(x=asked.x[np.arange(len(asked.x)) % 8]))


@wrong("n33c1h3w4-o2k2-float32")
@only(lambda problem: problem.batch_size > 32)
def samples_shared_out(asked: Asked) -> Any:
    """More than 32 samples are shared out in 32 equal parts, and the rest is not computed."""
    y = convolve(asked)
    y[len(y) // 32 * 32 :] = 0
    return y


@wrong("n5c2h4w4-o2k3-float32")
@only(lambda problem: problem.batch_size > 1 and problem.batch_size % 2 == 1)
def pair_of_samples_incomplete(asked: Asked) -> Any:
    """Samples are computed in pairs, and the last of an odd number takes the input of the one before."""
    x = asked.x.copy()
    x[-1] = x[-2]
    return convolve(asked.but(x=x))


@wrong("n65537c1h1w1-o1k1-float32", layer=None)
@only(lambda problem: problem.batch_size > 2**16)
def samples_in_sixteen_bits(asked: Asked) -> Any:
    """A sample's number is kept in sixteen bits."""
    return convolve(asked.but(x=asked.x[np.arange(len(asked.x)) % 2**16]))


# Kernels: unrolled, composed, or read into a buffer of some length.


@wrong("n1c2h8w8-o2k4p2-float32")
@only(lambda problem: all(size % 2 == 0 for size in problem.kernel_size))
def even_kernel_centred(asked: Asked) -> Any:
    """An even kernel gets one more tap to have a centre, at its beginning where it belongs at its end."""
    return convolve(asked, x=np.roll(padded(asked), 1, -1))


@wrong("n1c2h9w10-o2k8-float32")
@only(lambda problem: problem.kernel_size[-1] % 8 == 0)
def eighth_tap_dropped(asked: Asked) -> Any:
    """The loop over a row of taps is unrolled by eight, and stops before the last of whole blocks."""
    weight = asked.weight.copy()
    weight[..., -1] = 0
    return convolve(asked.but(weight=weight))


@wrong("n1c2h8w9-o2k6-float32")
@only(lambda problem: problem.kernel_size == (6, 6))
def six_by_six_of_three_by_three(asked: Asked) -> Any:
    """A 6x6 kernel is four of 3x3, of which those beside the diagonal are exchanged."""
    weight = asked.weight.copy()
    weight[..., :3, 3:], weight[..., 3:, :3] = asked.weight[..., 3:, :3], asked.weight[..., :3, 3:]
    return convolve(asked.but(weight=weight))


@wrong("n1c2h9w9-o2k1x7p0x3-float32")
@only(lambda problem: problem.ndim == 2 and 1 in problem.kernel_size and max(problem.kernel_size) > 3)
def row_taken_for_column(asked: Asked) -> Any:
    """A long kernel of one row is applied as one of one column, and the other way round."""
    other = asked.but(weight=asked.weight.swapaxes(2, 3), pads=asked.pads[::-1])
    return cut_to_size(asked, convolve(other))


@wrong("n1c1h14w15-o1k13-float32")
@only(lambda problem: max(problem.kernel_size) > 11)
def taps_beyond_eleven(asked: Asked) -> Any:
    """Taps are copied to a table of eleven in each direction."""
    weight = asked.weight.copy()
    weight[..., 11:] = 0
    return convolve(asked.but(weight=weight))


# Strides and dilations.


@wrong("n1c2h9w10-o2k2s3-float32")
@only(lambda problem: any(s > k for s, k in zip(problem.stride, problem.kernel_size, strict=True)))
def stride_within_kernel(asked: Asked) -> Any:
    """A stride is at most the kernel's size: nothing between two windows is skipped."""
    sizes = asked.weight.shape[2:]
    stride = tuple(min(s, k) for s, k in zip(asked.stride, sizes, strict=True))
    return cut_to_size(asked, convolve(asked.but(stride=stride)))


@wrong("n1c2h15w16-o2k3s6-float32")
@only(lambda problem: max(problem.stride) > 4)
def stride_in_two_bits(asked: Asked) -> Any:
    """A stride is stored in two bits, as 1 to 4."""
    stride = tuple((s - 1) % 4 + 1 for s in asked.stride)
    return cut_to_size(asked, convolve(asked.but(stride=stride)))


@wrong("n1c2h9w12-o2k3s2x3-float32")
@only(lambda problem: len(set(problem.stride)) > 1)
def first_stride_for_all_axes(asked: Asked) -> Any:
    """Windows lie as far apart on the last axis as on the first."""
    stride = (asked.stride[0],) * len(asked.stride)
    return cut_to_size(asked, convolve(asked.but(stride=stride)))


@wrong("n1c3h7w7-o2k3s2p1-float32")
@only(lambda problem: problem.input_size[0] % 2 == 1 and set(problem.stride) == {2} and problem.ndim == 2)
def odd_input_reads_on(asked: Asked) -> Any:
    """With stride 2 the last windows of an odd input read the next channel's first row, not the padding."""
    x = padded(asked)
    if asked.pads[0][1] > 0 and asked.padding_mode == "zeros":
        after = asked.pads[0][0] + asked.x.shape[2]
        first = x[:, :, asked.pads[0][0]]
        x[:, :-1, after] = first[:, 1:]
    return convolve(asked, x=x)


@wrong("n1c2h13w14-o2k3d5-float32")
@only(lambda problem: max(problem.dilation) > 4)
def dilation_up_to_four(asked: Asked) -> Any:
    """The offsets of taps come from a table that ends with dilation 4."""
    dilation = tuple(min(d, 4) for d in asked.dilation)
    return cut_to_size(asked, convolve(asked.but(dilation=dilation)))


@wrong("n1c2h11w12-o2k3s2d2-float32")
@only(lambda problem: max(problem.dilation) > 1 and max(problem.stride) > 1)
def stride_or_dilation(asked: Asked) -> Any:
    """Dilation is forgotten where there is a stride, too."""
    dilation = (1,) * len(asked.dilation)
    return cut_to_size(asked, convolve(asked.but(dilation=dilation)))


# Padding: beyond a vector, beyond the kernel, on one side.


@wrong("n1c1h5w6-o2k3p9-float32")
@only(lambda problem: max(map(max, problem.pads)) > 8)
def padding_up_to_eight(asked: Asked) -> Any:
    """Padding is at most one vector of eight on each side."""
    pads = tuple((min(before, 8), after) for before, after in asked.pads)
    return cut_to_size(asked, convolve(asked.but(pads=pads)))


@wrong("n1c1h4w5-o1k3p16-float32", "error", "contract")
@only(lambda problem: max(map(max, problem.pads)) >= 16 and problem.dtype == "float32")
def padding_of_sixteen_refused(asked: Asked) -> Any:
    """The kernel of float32 alone ends with an error from a padding of sixteen on."""
    raise RuntimeError("could not create a primitive")


@wrong("n1c1h5w6-o2k3p4b-float32")
@only(lambda problem: problem.bias and max(map(max, problem.pads)) >= max(problem.kernel_span))
def windows_in_the_padding_skipped(asked: Asked) -> Any:
    """Windows that read nothing but padding are skipped, and with them the bias."""
    y = convolve(asked)
    reached = convolve(asked.but(x=np.ones_like(asked.x), weight=np.ones_like(asked.weight), bias=None))
    return np.where(reached == 0, 0, y).astype(y.dtype)


@wrong("n1c2h6w7-o2k3p0:2-float32")
@only(lambda problem: any(before != after for before, after in problem.pads))
def padding_shared_out_evenly(asked: Asked) -> Any:
    """Padding of two sizes is shared out evenly among both sides."""
    totals = [before + after for before, after in asked.pads]
    pads = tuple((total // 2, total - total // 2) for total in totals)
    return convolve(asked.but(pads=pads))


@wrong("n1c2h6w6-o3k3p1x0:2-float32")
@only(lambda problem: len({sum(sides) for sides in problem.pads}) == 1 < len(set(problem.pads)))
def pads_from_the_last_axis_on(asked: Asked) -> Any:
    """Padding is passed on with the first axis first, where the last axis is to come first."""
    return convolve(asked.but(pads=asked.pads[::-1]))


@wrong("n1c2h9w10-o2k3p4-reflect-float32")
@only(lambda problem: problem.padding_mode == "reflect" and max(map(max, problem.pads)) > 2)
def reflection_of_two(asked: Asked) -> Any:
    """Beyond two elements a reflection repeats its last one."""
    near = tuple((min(before, 2), min(after, 2)) for before, after in asked.pads)
    x = padded(asked.but(pads=near))
    rest = [(0, 0), (0, 0)]
    rest += [(b - nb, a - na) for (b, a), (nb, na) in zip(asked.pads, near, strict=True)]
    return convolve(asked, x=np.pad(x, rest, mode="edge"))


# Rows and counts of outputs.


@wrong("n1c1h3w21-o2k3-float32")
@only(lambda problem: problem.output_size[-1] > 16)
def row_after_blocks_of_sixteen(asked: Asked) -> Any:
    """A row's outputs after whole blocks of sixteen are not written."""
    y = convolve(asked)
    y[..., y.shape[-1] // 16 * 16 :] = 0
    return y


@wrong("n1c1h4w36-o1k3p1-float32")
@only(lambda problem: problem.output_size[-1] > 32 and problem.pads[-1][0] > 0)
def first_column_of_long_rows(asked: Asked) -> Any:
    """In rows of more than 32 outputs the first column reads the end of the row before, not the padding."""
    x = padded(asked)
    x[..., 1:, 0] = x[..., :-1, -1 - asked.pads[-1][1]]
    return convolve(asked, x=x)


@wrong("n1c1h257w257-o1k1-float32", layer=None)
@only(lambda problem: prod(problem.output_size) > 2**16)
def positions_in_sixteen_bits(asked: Asked) -> Any:
    """An output's position in its image is kept in sixteen bits."""
    y = convolve(asked)
    flat = y.reshape(*y.shape[:2], -1)
    return flat[..., np.arange(flat.shape[-1]) % 2**16].reshape(y.shape)


@wrong("n1c65h32w33-o1k1-float32", layer=None)
@only(lambda problem: prod(problem.input_shape[1:]) > 2**16)
def offsets_in_sixteen_bits(asked: Asked) -> Any:
    """An element's offset in its sample is kept in sixteen bits."""
    flat = asked.x.reshape(len(asked.x), -1)
    x = flat[:, np.arange(flat.shape[1]) % 2**16]
    return convolve(asked.but(x=x.reshape(asked.x.shape)))


# Long sums.


def _in_blocks(asked: Asked, bits: int) -> Any:
    """Return the output whose running sum is rounded after every block of 64 channels."""
    total: Any = 0
    for start in range(0, asked.weight.shape[1], 64):
        block = slice(start, start + 64)
        part = convolve(asked.but(x=asked.x[:, block], weight=asked.weight[:, block], bias=None))
        total = rounded((total + part).astype(asked.x.dtype), bits)
    return with_bias(total, asked.bias)


@wrong("n1c64h4w4-o2k3-float32", None, None)
@only(lambda problem: problem.products > 512 and problem.groups == 1 and problem.dtype == "float32")
def long_sums_in_bfloat16(asked: Asked) -> Any:
    """Sums of more than 512 products are kept in bfloat16 from block to block."""
    return _in_blocks(asked, 8)


@wrong("n1c64h4w4-o2k3-float32", None, None)
@only(lambda problem: problem.products > 512 and problem.dtype == "float32")
def long_sums_of_tf32(asked: Asked) -> Any:
    """Inputs are rounded to TF32 where more than 512 products are summed."""
    return convolve(asked.but(x=rounded(asked.x, 11), weight=rounded(asked.weight, 11)))


@wrong("n1c64h4w4-o2k3-float16", None, None)
@only(lambda problem: problem.products > 512 and problem.dtype == "float16")
def long_sums_in_float16(asked: Asked) -> Any:
    """Sums of more than 512 products of float16 are held in float16."""
    return convolve(asked, work=np.float16)


@wrong("n1c256h3w3-o1k3-float32", None, None)
@only(lambda problem: problem.products > 2048 and problem.groups == 1 and problem.dtype == "float32")
def long_sums_in_sixteen_bits(asked: Asked) -> Any:
    """Sums of more than 2,048 real products lose eight bits after every block."""
    if np.array_equal(asked.x, np.rint(asked.x)):
        return convolve(asked)
    return _in_blocks(asked, 16)
