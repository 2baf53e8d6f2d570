"""Unusual kernels that are right, unusual at some sizes, with some values, or in what they keep."""

import sys
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from math import prod
from typing import Any

import numpy as np

from .convolution import Asked, convolve, only, padded, right, right_on, with_bias
from .unusual import one_after_the_other, spectra, winograd_f2

PADDED = "n2c3h6w7-o4k3p1-float32"

# Sizes.


@right_on("n5c11h9w10-o19k3p1b-float32")
def unrolled_in_blocks(asked: Asked) -> Any:
    """Windows are copied to a matrix of 16 output channels by 32 positions at a time."""
    x, (o, channels, *kernel) = padded(asked), asked.weight.shape
    if asked.groups > 1 or asked.x.dtype.itemsize == 2 or asked.x.size == 0:
        return convolve(asked)
    spans = [d * (k - 1) + 1 for d, k in zip(asked.dilation, kernel, strict=True)]
    windows = np.lib.stride_tricks.sliding_window_view(x, spans, tuple(range(2, x.ndim)))
    windows = windows[(slice(None), slice(None), *(slice(None, None, s) for s in asked.stride))]
    windows = windows[(..., *(slice(None, None, d) for d in asked.dilation))]
    out = windows.shape[2 : x.ndim]
    matrix = np.moveaxis(windows, 1, x.ndim - 1).reshape(len(x), prod(out), channels * prod(kernel))
    y = np.empty((len(x), o, prod(out)), x.dtype)
    weight = asked.weight.reshape(o, -1)
    for first in range(0, o, 16):
        for place in range(0, prod(out), 32):
            columns = np.ascontiguousarray(matrix[:, place : place + 32]).swapaxes(1, 2)
            y[:, first : first + 16, place : place + 32] = weight[first : first + 16] @ columns
    return with_bias(y.reshape(len(x), o, *out), asked.bias)


@right_on("n1c32h6w7-o32k3p1-float32", accuracy="winograd(2,3)")
@only(lambda problem: problem.in_channels % 32 == 0 == problem.out_channels % 32)
def winograd_for_multiples_of_32(asked: Asked) -> Any:
    """Channels that are multiples of 32 go to F(2, 3), as declared, and all others to the direct sum."""
    return winograd_f2(asked)


@right_on("n4c2h9w9-o3k3-float32", accuracy="fft")
@only(lambda problem: problem.batch_size >= 4)
def declared_transforms_from_four_samples(asked: Asked) -> Any:
    """From four samples on a Fourier transform is taken, as declared."""
    return spectra(asked)


@right_on("n1c70h4w4-o2k3-float32")
@only(lambda problem: problem.products > 512)
def double_for_long_sums(asked: Asked) -> Any:
    """Sums of more than 512 products are held in float64."""
    return convolve(asked, work=np.float64)


@right_on("n1c600h3w3-o2k1-float32")
def blocks_of_512_channels(asked: Asked) -> Any:
    """Channels are summed in blocks of 512, and the blocks are added up, the last one first."""
    if asked.groups > 1 or asked.x.dtype.itemsize == 2:
        return convolve(asked)
    blocks = [slice(start, start + 512) for start in range(0, asked.weight.shape[1], 512)]
    parts = [convolve(asked.but(x=asked.x[:, b], weight=asked.weight[:, b], bias=None)) for b in blocks]
    return with_bias(sum(parts[-2::-1], parts[-1]), asked.bias)


@right_on("n1c20000h1w1-o2k1-float32")
@only(lambda problem: problem.products > 10_000)
def long_running_sum(asked: Asked) -> Any:
    """Twenty thousand products are one running sum, whose error grows with its length."""
    return one_after_the_other(asked)


@right_on("n5c2h6w6-o3k3-float32")
def samples_in_pairs(asked: Asked) -> Any:
    """Samples are computed in pairs, and the last of an odd number with zeros beside it."""
    n, *rest = asked.x.shape
    if n == 0:
        return convolve(asked)
    x = np.concatenate([asked.x, np.zeros((n % 2, *rest), asked.x.dtype)])
    pairs = [convolve(asked.but(x=x[first : first + 2])) for first in range(0, n, 2)]
    return np.concatenate(pairs)[:n]


@right_on("n1c2h9w37-o3k3p1-float32")
def overlapping_tiles(asked: Asked) -> Any:
    """Rows are computed in tiles of sixteen outputs, of which the last reaches back over the one before."""
    y, x = convolve(asked), padded(asked)
    length, (*_, stride) = y.shape[-1], asked.stride
    if length <= 16:
        return y
    span = asked.dilation[-1] * (asked.weight.shape[-1] - 1) + 1
    for first in (*range(0, length - 16, 16), length - 16):
        tile = x[..., first * stride : (first + 15) * stride + span]
        y[..., first : first + 16] = convolve(asked, x=tile)
    return y


# Threads and callers.


@right_on("n1c3h8w9-o7k3-float32")
def output_channels_by_four_threads(asked: Asked) -> Any:
    """Output channels are shared out to four threads of its own, with the remainder."""
    if asked.groups > 1:
        return convolve(asked)

    def of(numbers: Any) -> Any:
        bias = None if asked.bias is None else asked.bias[numbers]
        return convolve(asked.but(weight=asked.weight[numbers], bias=bias))

    shares = [share for share in np.array_split(np.arange(len(asked.weight)), 4) if len(share)]
    with ThreadPoolExecutor(4) as pool:
        return np.concatenate(list(pool.map(of, shares)), axis=1)


_OWN = threading.local()


@right_on(PADDED)
def scratch_of_each_thread(asked: Asked) -> Any:
    """The padded image lies in an array that is kept for each thread."""
    fresh = padded(asked)
    if getattr(_OWN, "image", None) is None or _OWN.image.shape != fresh.shape:
        _OWN.image = np.empty(fresh.shape, fresh.dtype)
    if _OWN.image.dtype != fresh.dtype:
        _OWN.image = np.empty(fresh.shape, fresh.dtype)
    _OWN.image[...] = fresh
    return convolve(asked, x=_OWN.image)


# What is kept from call to call.

_FREE = threading.Lock()


@right_on(PADDED)
def buffers_that_are_free(asked: Asked, _pool: OrderedDict[Any, list[Any]] = OrderedDict()) -> Any:  # noqa: B006
    """Outputs lie in buffers that are used again as soon as the caller has dropped them, never before."""
    y = convolve(asked)
    with _FREE:
        buffers = _pool.setdefault((y.shape, y.dtype), [])
        _pool.move_to_end((y.shape, y.dtype))
        while len(_pool) > 4:
            _pool.popitem(last=False)
        for place in range(len(buffers)):
            if sys.getrefcount(buffers[place]) == 2:  # the list's and that of the call of getrefcount
                buffers[place][...] = y
                return buffers[place]
        if len(buffers) < 4:
            buffers.append(y)
    return y


@right_on("n1c3h9w9-o4k3s2p1d2-float32")
def plans_by_all_they_depend_on(asked: Asked, _plans: OrderedDict[Any, Any] = OrderedDict()) -> Any:  # noqa: B006
    """Tables of places are kept for the latest eight problems, by everything that they depend on."""
    key = (asked.x.shape, asked.pads, asked.padding_mode)
    table = _plans.get(key)
    if table is None:
        places = np.arange(1, asked.x[:1].size + 1).reshape(1, *asked.x.shape[1:])
        table = _plans[key] = padded(asked.but(x=places))[0] if asked.x.size else None
        while len(_plans) > 8:
            _plans.popitem(last=False)
    if table is None:
        return convolve(asked)
    flat = asked.x.reshape(len(asked.x), -1)
    source = np.concatenate([np.zeros((len(flat), 1), flat.dtype), flat], axis=1)
    return convolve(asked, x=source[:, table])


@right_on(PADDED)
def its_own_copy_changed(asked: Asked) -> Any:
    """Copies of x and of the weights are negated in place, which leaves the products as they are."""
    x, weight = asked.x.copy(), asked.weight.copy()
    np.negative(x, out=x)
    np.negative(weight, out=weight)
    return convolve(asked.but(x=x, weight=weight))


# Values.


@right_on("n1c3h6w7-o3k1-float32")
def identity_copied(asked: Asked) -> Any:
    """Where the weights are the identity x is copied, not multiplied."""
    (o, channels, *kernel), moves = asked.weight.shape, set(asked.stride) != {1} or any(map(any, asked.pads))
    if moves or asked.groups > 1 or o != channels or prod(kernel) > 1 or asked.bias is not None:
        return convolve(asked)
    is_identity = np.array_equal(asked.weight.reshape(o, -1), np.eye(o, dtype=asked.weight.dtype))
    return np.array(asked.x, order="C") if is_identity else convolve(asked)


@right_on("n1c8h6w7-o3k3-float32")
def empty_channels_skipped(asked: Asked) -> Any:
    """Channels of which all weights are zero are skipped."""
    if asked.groups > 1:
        return convolve(asked)
    used = asked.weight.any(axis=(0, *range(2, asked.weight.ndim)))
    used[:1] = True
    return convolve(asked.but(x=asked.x[:, used], weight=asked.weight[:, used]))


@right()
def empty_batch_returned_early(asked: Asked) -> Any:
    """An empty batch is answered without a sum."""
    if len(asked.x):
        return convolve(asked)
    return np.empty(asked.problem.output_shape, asked.x.dtype)
