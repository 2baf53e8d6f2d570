"""The functions of the tutorials on multi-channel convolution, for one image: no batch, stride or padding."""

from math import prod

import numpy as np

from convharness import implementation

MOST_WINDOWS = 50_000


def _few_windows(problem):
    """Refuse what takes seconds: each window of each pair of channels costs some microseconds."""
    windows = prod(problem.output_size) * problem.in_channels * problem.out_channels
    if windows > MOST_WINDOWS:
        return f"needs at most {MOST_WINDOWS:,} windows (positions x channel pairs), got {windows:,}"
    return None


def _few_square_windows(problem):
    for name, size in (("input", problem.input_size), ("kernel", problem.kernel_size)):
        if len(set(size)) > 1:
            return f"needs a square {name}, got {size}"
    return _few_windows(problem)


@implementation(batch_size=1, in_channels=1, out_channels=1, when=_few_windows)
def corr2d(x, weight):
    """One channel in, one out: each output pixel is the sum of a window times the kernel."""
    return _corr2d(x[0, 0], weight[0, 0])[np.newaxis, np.newaxis]  # (H, W) -> (1, 1, H, W)


@implementation(batch_size=1, out_channels=1, when=_few_windows)
def corr2d_multi_in(x, weight):
    """Many channels in, one out: correlate channel by channel and add up."""
    return _corr2d_multi_in(x[0], weight[0])[np.newaxis, np.newaxis]  # (H, W) -> (1, 1, H, W)


@implementation(batch_size=1, when=_few_windows)
def corr2d_multi_in_out(x, weight):
    """Many channels in and out: one multi-input correlation per output channel, stacked."""
    return np.stack([_corr2d_multi_in(x[0], kernel) for kernel in weight])[np.newaxis]  # (1, O, H, W)


@implementation(batch_size=1, kernel_size=1)
def corr2d_multi_in_out_1x1(x, weight):
    """The 1x1 convolution as a fully connected layer over the channels: one matrix product."""
    n, c, h, w = x.shape
    o = len(weight)
    pixels = x.reshape(c, h * w)  # (1, C, H, W) -> (C, H*W)
    y = weight.reshape(o, c) @ pixels  # (O, C) @ (C, H*W) -> (O, H*W)
    return y.reshape(n, o, h, w)


@implementation(batch_size=1, in_channels=1, out_channels=1, when=_few_square_windows)
def manual_convolution(x, weight):
    """A square image and a square kernel, by two loops over the output pixels."""
    image, kernel = x[0, 0], weight[0, 0]
    size, side = len(image), len(kernel)
    out = size - side + 1
    y = np.zeros((out, out), x.dtype)
    for i in range(out):
        for j in range(out):
            y[i, j] = np.sum(image[i : i + side, j : j + side] * kernel)
    return y[np.newaxis, np.newaxis]  # (H, W) -> (1, 1, H, W)


def _corr2d(image, kernel):
    """Correlate one (H, W) image with one (KH, KW) kernel."""
    kh, kw = kernel.shape
    y = np.zeros((image.shape[0] - kh + 1, image.shape[1] - kw + 1), image.dtype)
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[i, j] = (image[i : i + kh, j : j + kw] * kernel).sum()
    return y


def _corr2d_multi_in(channels, kernels):
    """Correlate (C, H, W) with (C, KH, KW) to (H, W)."""
    return sum(_corr2d(image, kernel) for image, kernel in zip(channels, kernels, strict=True))
