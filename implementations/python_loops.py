"""Convolution in pure Python, on lists: what the arithmetic costs without any library."""

from itertools import product
from math import prod
from operator import mul

import numpy as np

from convharness import implementation, pad

MOST_OUTPUTS = 200_000


def _at_most(macs):
    """Return the refusal of problems that would take more than about half a second."""

    def refuse(problem):
        outputs = prod(problem.output_shape)
        if problem.dense_macs > macs:
            return f"needs at most {macs:,} multiply-adds, got {problem.dense_macs:,}"
        if outputs > MOST_OUTPUTS:
            return f"needs at most {MOST_OUTPUTS:,} output elements, got {outputs:,}"
        return None

    return refuse


@implementation(ndim=(1, 2, 3), library="python", when=_at_most(2_000_000))
def nested(x, weight, bias, stride, pads, dilation, groups, padding_mode):
    """The textbook's seven loops: samples, output channels, positions, channels and taps.

    Sums are Python's doubles, rounded once when the output is stored.
    """
    x = pad(x, pads, padding_mode)
    o = len(weight)
    starts, taps, out = _walk(x.shape[2:], weight.shape[2:], stride, dilation)
    shape = (len(x), o, *out)
    channels, width = weight.shape[1], o // groups
    samples = x.reshape(*x.shape[:2], prod(x.shape[2:])).tolist()  # (N, C, *size) -> (N, C, plane)
    kernels = weight.reshape(o, channels, len(taps)).tolist()  # (O, C/G, *kernel) -> (O, C/G, taps)
    biases = [0.0] * o if bias is None else bias.tolist()

    y = []
    for planes, (k, kernel), start in product(samples, enumerate(kernels), starts):
        first = k // width * channels
        total = biases[k]
        for c in range(channels):
            plane, values = planes[first + c], kernel[c]
            for tap, value in zip(taps, values, strict=True):
                total += plane[start + tap] * value
        y.append(total)
    return np.array(y, x.dtype).reshape(shape)


@implementation(ndim=(1, 2, 3), library="python", when=_at_most(8_000_000))
def rows(x, weight, bias, stride, pads, dilation, groups, padding_mode):
    """Each window becomes one row, channels last, which meets every kernel in `sum(map(mul, …))`.

    The loop over products runs in C, which makes it the fastest pure Python, ten times the textbook's.
    """
    x = pad(x, pads, padding_mode)
    n, c, *size = x.shape
    o = len(weight)
    starts, taps, out = _walk(size, weight.shape[2:], stride, dilation)
    pixels = x.reshape(n, groups, c // groups, prod(size)).swapaxes(2, 3).tolist()  # (N, G, plane, C/G)
    kernels = np.moveaxis(weight, 1, -1).reshape(groups, o // groups, weight[0].size).tolist()  # taps x C/G
    biases = np.zeros(o) if bias is None else bias
    biases = biases.reshape(groups, o // groups).tolist()

    y = [
        [_meet(row, kernels[g], biases[g]) for row in _gather(pixels[sample][g], starts, taps)]
        for sample, g in product(range(n), range(groups))
    ]
    y = np.array(y, x.dtype).reshape(n, groups, len(starts), o // groups)  # (N, G, positions, O/G)
    return np.ascontiguousarray(y.swapaxes(2, 3)).reshape(n, o, *out)


def _gather(pixels, starts, taps):
    """Yield the window at each start as one flat list."""
    for start in starts:
        row = []
        for tap in taps:
            row += pixels[start + tap]
        yield row


def _meet(row, kernels, biases):
    """Return the outputs of one window, one for each kernel."""
    return [sum(map(mul, row, kernel), b) for kernel, b in zip(kernels, biases, strict=True)]


def _walk(size, kernel, stride, dilation):
    """Return where windows start and taps lie in a flattened plane, and the output's size.

    A position in the flattened plane is linear in its indices, so a tap is found at start + tap.
    """
    axes = list(zip(size, kernel, stride, dilation, strict=True))
    out = [(length - d * (k - 1) - 1) // s + 1 for length, k, s, d in axes]
    pitches = [prod(size[axis + 1 :]) for axis in range(len(size))]
    return _positions(out, stride, pitches), _positions(kernel, dilation, pitches), out


def _positions(counts, steps, pitches):
    """Return the flat position of every index of a grid of `counts`, `steps` apart on each axis."""
    jumps = list(map(mul, steps, pitches))
    return [sum(map(mul, index, jumps)) for index in product(*map(range, counts))]
