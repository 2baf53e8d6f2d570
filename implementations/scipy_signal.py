"""Convolution by SciPy's signal processing, whose functions know neither channels nor strides."""

from itertools import product
from math import prod

import numpy as np

from convharness import implementation, lazy_import, pad

signal = lazy_import("scipy.signal")


MOST_CALLS = 100_000
"""SciPy's functions take some microseconds a call, however small the image."""


def _multiply_adds(most):
    """Return the refusal of problems that would take more than about a second by direct sums."""

    def refuse(problem):
        calls = problem.batch_size * prod(problem.weight_shape[:2]) * prod(problem.dilation)
        if problem.dense_macs > most:
            return f"needs at most {most:,} multiply-adds, got {problem.dense_macs:,}"
        if calls > MOST_CALLS:
            return f"needs at most {MOST_CALLS:,} images of one channel to correlate, got {calls:,}"
        return None

    return refuse


def _transformed(most):
    """Return the refusal of problems that would take seconds: channels are transformed for every output."""

    def refuse(problem):
        padded = prod(size + sum(sides) for size, sides in zip(problem.input_size, problem.pads, strict=True))
        pairs = problem.batch_size * problem.in_channels * problem.out_channels // problem.groups
        if pairs * padded > most:
            return f"needs at most {most:,} transformed elements, got {pairs * padded:,}"
        return None

    return refuse


@implementation(library="scipy", when=_multiply_adds(200_000_000))
def correlate2d(x, weight, bias, stride, pads, dilation, groups, padding_mode):
    """`signal.correlate2d` for each pair of channels: a reference for the meaning more than a contender."""

    def correlate(image, kernel):  # (C, H, W), (C, KH, KW) -> (OH, OW)
        return sum(signal.correlate2d(*planes, mode="valid") for planes in zip(image, kernel, strict=True))

    y = _by_phase(_each(correlate), pad(x, pads, padding_mode), weight, dilation, groups)
    return _finish(y, stride, bias)


@implementation(ndim=(1, 2, 3), library="scipy", when=_multiply_adds(50_000_000))
def correlate_direct(x, weight, bias, stride, pads, dilation, groups, padding_mode):
    """`signal.correlate` over all axes at once: the channels' axis collapses to one valid position."""

    def correlate(image, kernel):  # (C, *size), (C, *kernel) -> (*out)
        return signal.correlate(image, kernel, mode="valid", method="direct")[0]

    y = _by_phase(_each(correlate), pad(x, pads, padding_mode), weight, dilation, groups)
    return _finish(y, stride, bias)


@implementation(ndim=(1, 2, 3), library="scipy", accuracy="fft", when=_transformed(10_000_000))
def correlate_fft(x, weight, bias, stride, pads, dilation, groups, padding_mode):
    """The same by Fourier transforms, which run along the channels too: twice the work that is needed."""

    def correlate(image, kernel):  # (C, *size), (C, *kernel) -> (*out)
        return signal.correlate(image, kernel, mode="valid", method="fft")[0]

    y = _by_phase(_each(correlate), pad(x, pads, padding_mode), weight, dilation, groups)
    return _finish(y, stride, bias)


@implementation(ndim=(1, 2, 3), library="scipy", accuracy="fft", when=_transformed(20_000_000))
def fftconvolve(x, weight, bias, stride, pads, dilation, groups, padding_mode):
    """`signal.fftconvolve` with the kernel flipped, all channels at once, for one output of each group.

    The input is transformed again for every output, and the sum over the channels is made afterwards.
    """

    def convolve(x, kernels, axes):
        return signal.fftconvolve(x, kernels, mode="valid", axes=axes)

    y = _by_phase(_flipped(convolve), pad(x, pads, padding_mode), weight, dilation, groups)
    return _finish(y, stride, bias)


@implementation(ndim=(1, 2, 3), library="scipy", accuracy="fft", when=_transformed(20_000_000))
def oaconvolve(x, weight, bias, stride, pads, dilation, groups, padding_mode):
    """`signal.oaconvolve`, overlap and add: the image in tiles, for kernels much smaller than it."""

    def convolve(x, kernels, axes):
        return signal.oaconvolve(x, kernels, mode="valid", axes=axes)

    y = _by_phase(_flipped(convolve), pad(x, pads, padding_mode), weight, dilation, groups)
    return _finish(y, stride, bias)


def _each(correlate):
    """Return a function that fills y (N, G, O/G, *out), one image and one kernel at a time."""

    def fill(y, x, weight):  # (N, G, C/G, *size), (G, O/G, C/G, *kernel)
        for sample, group, o in np.ndindex(y.shape[:3]):
            y[sample, group, o] = correlate(x[sample, group], weight[group, o])

    return fill


def _flipped(convolve):
    """Return a function that fills y (N, G, O/G, *out) by true convolutions, which flip the kernel back."""

    def fill(y, x, weight):  # (N, G, C/G, *size), (G, O/G, C/G, *kernel)
        axes = tuple(range(3, x.ndim))
        kernels = np.flip(weight, axes)
        for o in range(y.shape[2]):
            y[:, :, o] = convolve(x, kernels[np.newaxis, :, o], axes).sum(axis=2)  # (N, G, C/G, *out) summed

    return fill


def _by_phase(fill, x, weight, dilation, groups):
    """Return the outputs at every position, by correlating each phase of the input with the kernel.

    A dilated kernel meets only every d-th element, so the input's phases are separate convolutions
    without dilation: no zeros between the taps, which cost time and turn an infinity between them into NaN.
    """
    n, c, *size = x.shape
    o, channels, *kernel = weight.shape
    dense = [length - d * (k - 1) for length, k, d in zip(size, kernel, dilation, strict=True)]
    y = np.empty((n, groups, o // groups, *dense), x.dtype)
    x = x.reshape(n, groups, c // groups, *size)  # (N, C, *size) -> (N, G, C/G, *size)
    weight = weight.reshape(groups, o // groups, channels, *kernel)  # (G, O/G, C/G, *kernel)
    for phase in product(*map(range, dilation)):
        every = (..., *(slice(start, None, d) for start, d in zip(phase, dilation, strict=True)))
        # A phase without outputs has an input smaller than the kernel, and 'valid' would swap the two.
        if y[every].size:
            fill(y[every], x[every], weight)
    return y.reshape(n, o, *dense)


def _finish(y, stride, bias):
    """Keep every stride-th position and add the bias."""
    y = np.ascontiguousarray(y[(..., *(slice(None, None, s) for s in stride))])
    if bias is not None:
        y += bias.reshape(-1, *[1] * (y.ndim - 2))
    return y
