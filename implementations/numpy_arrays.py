"""Convolution with NumPy alone: shifted products, im2col, tensor contractions and the Fourier transform."""

from itertools import product
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convharness import implementation, pad, plan

STRIP_BYTES = 2**20
"""The column buffer of im2col: small enough to stay in the cache between writing and multiplying."""

BLOCK_BYTES = 2**18
"""The accumulator of a block of groups: with its term and its input it should fit in L2."""

MOST_WORKSPACE = 2**30


@implementation(ndim=(1, 2, 3))
def shift_add(x, weight, bias, stride, pads, dilation, groups, padding_mode):
    """One matrix product per kernel tap, over the input shifted to that tap, all of them added up.

    Depthwise the product is elementwise. Little memory, but each tap reads and writes the whole output.
    """
    x = pad(x, pads, padding_mode)
    kernel = weight.shape[2:]
    out = _output_size(x.shape[2:], kernel, stride, dilation)
    x, taps = _by_group(x, groups), _by_tap(weight, groups)
    y = np.empty((len(x), *taps.shape[1:3], *out), x.dtype)  # (N, G, O/G, *out)
    shifts = [_shift(tap, out, stride, dilation) for tap in product(*map(range, kernel))]
    for sample, block in product(range(len(y)), _blocks(y)):
        image = x[sample, block]
        _accumulate(y[sample, block], (image[shift] for shift in shifts), taps[:, block])
    return _add_bias(y.reshape(len(y), len(weight), *out), bias)


@implementation(ndim=(1, 2, 3))
def shift_add_flat(x, weight, bias, pads, dilation, groups, padding_mode):
    """Shift and add on the flattened padded plane, where every tap is one contiguous slice.

    Nothing is copied before a product, but the columns that wrap around a row's end are computed in vain
    and cropped away. Stride 1 only: any other would compute all positions and drop most of them.
    """
    x = np.ascontiguousarray(pad(x, pads, padding_mode))
    size, kernel = x.shape[2:], weight.shape[2:]
    out = _output_size(size, kernel, [1] * len(size), dilation)
    pitches = [prod(size[axis + 1 :]) for axis in range(len(size))]
    length = _position([k - 1 for k in out], pitches) + 1
    jumps = [d * pitch for d, pitch in zip(dilation, pitches, strict=True)]
    starts = [_position(tap, jumps) for tap in product(*map(range, kernel))]
    x, taps = _by_group(x.reshape(*x.shape[:2], prod(size)), groups), _by_tap(weight, groups)
    y = np.empty((len(x), *taps.shape[1:3], *out), x.dtype)  # (N, G, O/G, *out)
    for sample, block in product(range(len(y)), _blocks(y)):
        flat = np.empty((*y[sample, block].shape[:2], length), x.dtype)
        planes = x[sample, block]
        _accumulate(flat, (planes[..., start : start + length] for start in starts), taps[:, block])
        rows = (*flat.strides[:2], *(pitch * x.itemsize for pitch in pitches))
        y[sample, block] = as_strided(flat, y[sample, block].shape, rows)  # crop what wrapped around
    return _add_bias(y.reshape(len(y), len(weight), *out), bias)


def _accumulate(y, shifted, taps):
    """Set `y` (G, O/G, *any) to the sum of each tap's weights (G, O/G, C/G) times its (G, C/G, *any)."""
    depthwise = taps.shape[-1] == 1
    target = y.reshape(*y.shape[:2], prod(y.shape[2:]))  # (G, O/G, L)
    term = np.empty_like(y)
    flat_term = term.reshape(target.shape)
    for index, (view, weights) in enumerate(zip(shifted, taps, strict=True)):
        first = index == 0
        if depthwise:
            factors = weights.reshape(*weights.shape[:2], *[1] * (y.ndim - 2))
            np.multiply(view, factors, out=y if first else term)
        else:
            columns = view.reshape(*view.shape[:2], target.shape[2])  # (G, C/G, *any) -> (G, C/G, L)
            np.matmul(weights, columns, out=target if first else flat_term)
        if not first:
            y += term


def _by_group(x, groups):
    return x.reshape(len(x), groups, x.shape[1] // groups, *x.shape[2:])  # (N, C, *) -> (N, G, C/G, *)


def _by_tap(weight, groups):
    """Return the weights as one contiguous matrix per tap and group."""
    o, channels = weight.shape[:2]
    taps = weight.reshape(groups, o // groups, channels, weight[0, 0].size)  # (G, O/G, C/G, taps)
    return np.ascontiguousarray(np.moveaxis(taps, -1, 0))  # (taps, G, O/G, C/G)


def _blocks(y):
    """Return slices that cut the groups of `y` (N, G, ...) into blocks that stay in the cache."""
    bytes_per_group = prod(y.shape[2:]) * y.itemsize
    step = max(1, BLOCK_BYTES // bytes_per_group)
    return [slice(start, start + step) for start in range(0, y.shape[1], step)]


def _shift(tap, out, stride, dilation):
    """Return the index of the input elements that meet `tap`, one for each output position."""
    axes = zip(tap, out, stride, dilation, strict=True)
    return (..., *(slice(k * d, k * d + (length - 1) * s + 1, s) for k, length, s, d in axes))


def _position(index, pitches):
    return sum(i * pitch for i, pitch in zip(index, pitches, strict=True))


@implementation(ndim=(1, 2, 3))
def im2col(x, weight, bias, stride, pads, dilation, groups, padding_mode):
    """Windows copied out as columns, then one matrix product per group, strip by strip of the output.

    A strip's columns take about a megabyte and stay in the cache, where the textbook's whole matrix
    takes the kernel's size times the input.
    """
    windows = _grouped_windows(pad(x, pads, padding_mode), groups, weight.shape[2:], stride, dilation)
    return _add_bias(_im2col(windows, _by_row(weight, groups), _column_buffer(windows)), bias)


@plan(ndim=(1, 2, 3))
def im2col_planned(weight, bias, stride, pads, dilation, groups, padding_mode, problem):
    """The same im2col, with the padded image and the column buffer allocated beforehand.

    The buffers belong to the plan, so it serves one caller at a time; the output is new each time.
    """
    rows = _by_row(weight.copy(), groups)
    bias = None if bias is None else bias.copy()
    kernel = weight.shape[2:]
    padded = pad(np.zeros(problem.input_shape, weight.dtype), pads, padding_mode)
    columns = _column_buffer(_grouped_windows(padded, groups, kernel, stride, dilation))
    kept = [_kept(length, *sides) for length, sides in zip(problem.input_size, pads, strict=True)]
    inside = padded[(..., *(target for _, target in kept))]
    borders_stay = padding_mode == "zeros" and any(map(any, pads))

    def run(x):
        if borders_stay:
            inside[...] = x[(..., *(source for source, _ in kept))]
            image = padded
        else:
            image = pad(x, pads, padding_mode)
        windows = _grouped_windows(image, groups, kernel, stride, dilation)
        return _add_bias(_im2col(windows, rows, columns), bias)

    return run


def _kept(length, before, after):
    """Return where the elements that are not cropped lie on an axis of the input and of the padded image."""
    start = max(0, -before)
    stop = max(start, min(length, length + after))
    return slice(start, stop), slice(start + before, stop + before)


def _im2col(windows, rows, buffer):
    """Multiply each group's `rows` (G, O/G, K) with its windows (N, G, C/G, *kernel, *out), made columns."""
    groups, channels, k = rows.shape
    out = _positions_of(windows)
    y = np.empty((len(windows), groups, channels, prod(out)), windows.dtype)
    for sample, target in zip(windows, y, strict=True):
        for block, strip, place in _strips(windows):
            view = sample[(block, ..., *strip)]
            columns = view
            if not view.flags.c_contiguous:  # a 1x1 kernel's windows may be the image itself
                columns = buffer[: view.size].reshape(view.shape)
                np.copyto(columns, view)
            columns = columns.reshape(
                len(view), k, view.size // (len(view) * k)
            )  # (G, C/G, *, *) -> (G, K, L)
            np.matmul(rows[block], columns, out=target[block, :, place])
    return y.reshape(len(y), groups * channels, *out)


def _by_row(weight, groups):
    o = len(weight)
    return weight.reshape(groups, o // groups, weight[0].size)  # (O, C/G, *kernel) -> (G, O/G, K)


def _grouped_windows(x, groups, kernel, stride, dilation):
    windows = _windows(x, kernel, stride, dilation)
    return windows.reshape(len(x), groups, x.shape[1] // groups, *windows.shape[2:])  # (N, G, C/G, *, *)


def _positions_of(windows):
    return windows.shape[(windows.ndim + 3) // 2 :]  # the output's size in (N, G, C/G, *kernel, *out)


def _column_buffer(windows):
    """Return a buffer for the largest piece that `_strips` cuts; what stays unused is never touched."""
    column = prod(windows.shape[2:]) // prod(_positions_of(windows))
    whole = prod(windows.shape[1:])
    return np.empty(min(whole, max(column, STRIP_BYTES // windows.itemsize)), windows.dtype)


def _strips(windows):
    """Return the pieces of a sample's columns that fit in a strip: groups, positions, where those lie.

    Several small groups make a piece, or a run of positions of one large group; all where nothing is copied.
    """
    groups, out = windows.shape[1], _positions_of(windows)
    if windows.flags.c_contiguous:
        return [(slice(groups), (), slice(prod(out)))]
    column = prod(windows.shape[2:]) // prod(out) * windows.itemsize
    grids = _cut(out, max(1, STRIP_BYTES // column))
    step = max(1, STRIP_BYTES // (column * prod(out)))
    blocks = [slice(start, start + step) for start in range(0, groups, step)]
    return [(block, strip, place) for block in blocks for strip, place in grids]


def _cut(size, most, first=0):
    """Return indices that cut a grid into runs of at most `most` elements in C order, and where they lie."""
    row = prod(size[1:])
    if len(size) > 1 and row > most:
        inner = [_cut(size[1:], most, first + i * row) for i in range(size[0])]
        return [((slice(i, i + 1), *strip), place) for i, runs in enumerate(inner) for strip, place in runs]
    step = max(1, most // row)
    whole = [slice(None)] * (len(size) - 1)
    starts = range(0, size[0], step)
    stops = (min(start + step, size[0]) for start in starts)
    return [
        ((slice(start, stop), *whole), slice(first + start * row, first + stop * row))
        for start, stop in zip(starts, stops, strict=True)
    ]


@implementation(ndim=(1, 2, 3))
def tensordot(x, weight, bias, stride, pads, dilation, groups, padding_mode):
    """A tensor contraction over the windows, group by group: im2col whose copies are NumPy's."""

    def contract(weight, windows):
        axes = range(1, weight.ndim)
        return np.moveaxis(
            np.tensordot(weight, windows, (axes, axes)), 0, 1
        )  # (O/G, N, *out) -> (N, O/G, *out)

    windows = _windows(pad(x, pads, padding_mode), weight.shape[2:], stride, dilation)
    return _add_bias(_group_by_group(contract, windows, weight, groups), bias)


@implementation(ndim=(1, 2, 3))
def einsum(x, weight, bias, stride, pads, dilation, groups, padding_mode):
    """Einstein's notation over the windows, group by group: optimized, it becomes a matrix product.

    The groups are not an index of it, because NumPy then sums in plain loops instead.
    """
    ndim = x.ndim - 2
    kernel, out = "uvw"[:ndim], "xyz"[:ndim]

    def contract(weight, windows):
        # The windows first: the other order takes twice the time.
        return np.einsum(f"nc{kernel}{out},oc{kernel}->no{out}", windows, weight, optimize=True)

    windows = _windows(pad(x, pads, padding_mode), weight.shape[2:], stride, dilation)
    return _add_bias(_group_by_group(contract, windows, weight, groups), bias)


def _group_by_group(contract, windows, weight, groups):
    """Contract each group's weight (O/G, C/G, *kernel) with its windows (N, C/G, *kernel, *out)."""
    o, channels = weight.shape[:2]
    y = np.empty((len(windows), o, *windows.shape[weight.ndim :]), windows.dtype)
    for group in range(groups):
        outputs = slice(group * o // groups, (group + 1) * o // groups)
        inputs = slice(group * channels, (group + 1) * channels)
        y[:, outputs] = contract(weight[outputs], windows[:, inputs])
    return y


def _fits_in_memory(problem):
    """Refuse what needs more than a gigabyte of spectra."""
    lengths = _circle(problem.input_size, problem.pads, problem.kernel_span, problem.padding_mode)
    frequencies = prod(lengths[:-1]) * (lengths[-1] // 2 + 1)
    images = problem.batch_size * (problem.in_channels + problem.out_channels) + prod(
        problem.weight_shape[:2]
    )
    workspace = images * frequencies * (8 if problem.dtype == "float32" else 16)
    if workspace > MOST_WORKSPACE:
        return f"needs {workspace / 2**30:.1f} GiB of workspace, more than {MOST_WORKSPACE / 2**30:.0f} GiB"
    return None


@implementation(ndim=(1, 2, 3), accuracy="fft", when=_fits_in_memory)
def fft(x, weight, bias, stride, pads, dilation, groups, padding_mode):
    """Products of real Fourier transforms: the fastest way for kernels of about ten pixels and more.

    Its error is relative to the largest output, not to each; strides compute every position first.
    """
    size, kernel = x.shape[2:], weight.shape[2:]
    span = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    full = [length + sum(sides) for length, sides in zip(size, pads, strict=True)]
    out = _output_size(full, kernel, stride, dilation)
    lengths = _circle(size, pads, span, padding_mode)
    axes = tuple(range(-len(size), 0))

    image = np.fft.rfftn(_lead_in(x, pads, padding_mode), lengths, axes)  # (N, C, *frequencies)
    kernels = np.fft.rfftn(_spread(weight, span, dilation), lengths, axes)  # (O, C/G, *frequencies)
    np.conjugate(kernels, out=kernels)  # correlation, not convolution
    spectrum = _multiply_spectra(image, kernels, groups)  # (N, O, *frequencies)
    y = np.fft.irfftn(spectrum, lengths, axes)
    every = (slice(0, (count - 1) * s + 1, s) for count, s in zip(out, stride, strict=True))
    return _add_bias(np.ascontiguousarray(y[(..., *every)]), bias)


def _multiply_spectra(image, kernels, groups):
    """Multiply and sum over the channels of each group, frequency by frequency."""
    n, c, *size = image.shape
    o, channels = kernels.shape[:2]
    image = image.reshape(n, groups, c // groups, prod(size))  # (N, G, C/G, F)
    kernels = kernels.reshape(groups, o // groups, channels, prod(size))  # (G, O/G, C/G, F)
    if channels == 1:
        return (image * kernels[:, :, 0]).reshape(n, o, *size)  # (N, G, 1, F) * (G, O/G, F)
    # A matrix product per frequency would need the frequency first: moving it there costs more than all sums.
    y = np.empty((n, groups, o // groups, prod(size)), image.dtype)
    for index in np.ndindex(y.shape[:3]):
        sample, group, output = index
        np.sum(image[sample, group] * kernels[group, output], axis=0, out=y[index])
    return y.reshape(n, o, *size)


def _circle(size, pads, span, padding_mode):
    """Return, per axis, a fast length on which the circular correlation holds every output unspoilt.

    With zeros the circle is shorter than the padded input: its end wraps around to the zeros before
    the input, which serve as those behind it too.
    """
    lengths = []
    for length, (before, after), reach in zip(size, pads, span, strict=True):
        full = length + before + after
        shared = min(max(before, 0), max(after, 0)) if padding_mode == "zeros" else 0
        lengths.append(_fast_length(max(full - shared, reach, full - reach + 1)))
    return lengths


def _lead_in(x, pads, padding_mode):
    """Pad fully, or with zeros before the input only: the transform appends its own."""
    if padding_mode == "zeros":
        # Where the start is cropped, more may go than there is, unless zeros are appended first.
        pads = [(before, after if before < 0 else min(after, 0)) for before, after in pads]
    return pad(x, pads, padding_mode)


def _spread(weight, span, dilation):
    """Return the kernel with zeros between its taps."""
    if max(dilation) == 1:
        return weight
    spread = np.zeros((*weight.shape[:2], *span), weight.dtype)
    spread[(..., *(slice(None, None, d) for d in dilation))] = weight
    return spread


def _fast_length(length):
    """Return the next length whose prime factors are at most 11, which transform fast."""
    while _largest_rest(length) > 1:
        length += 1
    return length


def _largest_rest(length):
    for factor in (2, 3, 5, 7, 11):
        while length % factor == 0:
            length //= factor
    return length


def _windows(x, kernel, stride, dilation):
    """Return every window of the padded input without copying it: (N, C, *kernel, *out).

    NumPy's `sliding_window_view` does the same in three times the time, which shows on small images.
    """
    out = _output_size(x.shape[2:], kernel, stride, dilation)
    steps = x.strides[2:]
    taps = (d * step for d, step in zip(dilation, steps, strict=True))
    positions = (s * step for s, step in zip(stride, steps, strict=True))
    return as_strided(x, (*x.shape[:2], *kernel, *out), (*x.strides[:2], *taps, *positions), writeable=False)


def _output_size(size, kernel, stride, dilation):
    axes = zip(size, kernel, stride, dilation, strict=True)
    return tuple((length - d * (k - 1) - 1) // s + 1 for length, k, s, d in axes)


def _add_bias(y, bias):
    """Add one bias per output channel, in place."""
    if bias is not None:
        y += bias.reshape(-1, *[1] * (y.ndim - 2))
    return y
