"""Unusual kernels: right convolutions with other orders of summation, other memory, more precision."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ml_dtypes
import numpy as np

from .convolution import Asked, convolve, padded, right, rounded, with_bias


@right()
def the_twin(asked: Asked) -> Any:
    """The convolution of which all mutants are made, without a mistake."""
    return convolve(asked)


@right()
def reversed_channels(asked: Asked) -> Any:
    """The sum runs from the last channel to the first."""
    n, c, *size = asked.x.shape
    x = asked.x.reshape(n, asked.groups, -1, *size)[:, :, ::-1].reshape(n, c, *size)
    return convolve(asked.but(x=x, weight=asked.weight[:, ::-1]))


@right()
def double_inside(asked: Asked) -> Any:
    """Sums are held in float64 and rounded once."""
    return convolve(asked, work=np.float64)


@right()
def bias_first(asked: Asked) -> Any:
    """The sum starts with the bias: one more channel of ones and one more tap."""
    return _summed(asked, lambda products: products.sum(axis=-1, dtype=products.dtype), bias_last=False)


@right()
def compensated(asked: Asked) -> Any:
    """Kahan's compensated sum, which keeps the lost bits."""

    def kahan(products: Any) -> Any:
        total = np.zeros_like(products[..., 0])
        lost = np.zeros_like(total)
        for index in range(products.shape[-1]):
            term = products[..., index] - lost
            larger = total + term
            lost = (larger - total) - term
            total = larger
        return total

    return _summed(asked, kahan)


@right()
def one_after_the_other(asked: Asked) -> Any:
    """One running sum, the order with the largest error bound."""
    return _summed(asked, lambda products: np.cumsum(products, axis=-1, dtype=products.dtype)[..., -1])


@right()
def pairwise(asked: Asked) -> Any:
    """Halves are summed separately, down to single products."""

    def halves(products: Any) -> Any:
        count = products.shape[-1]
        if count == 1:
            return products[..., 0]
        return halves(products[..., : count // 2]) + halves(products[..., count // 2 :])

    return _summed(asked, halves)


@right()
def largest_first(asked: Asked) -> Any:
    """Products are sorted before they are summed."""

    def by_size(products: Any) -> Any:
        order = np.argsort(-np.abs(products), axis=-1)
        ordered = np.take_along_axis(products, order, axis=-1)
        return np.cumsum(ordered, axis=-1, dtype=products.dtype)[..., -1]

    return _summed(asked, by_size)


@right()
def blocked(asked: Asked) -> Any:
    """Channels are summed in blocks of two, and the blocks added up."""
    channels = asked.weight.shape[1]
    if asked.groups > 1 or asked.x.dtype.itemsize == 2:
        return convolve(asked)
    blocks = [slice(start, start + 2) for start in range(0, channels, 2)]
    parts = [convolve(asked.but(x=asked.x[:, b], weight=asked.weight[:, b], bias=None)) for b in blocks]
    return with_bias(sum(parts[1:], parts[0]), asked.bias)


@right()
def fortran_order(asked: Asked) -> Any:
    """The output is stored with its first axis running fastest."""
    return np.asfortranarray(convolve(asked))


@right()
def strided(asked: Asked) -> Any:
    """The output is every second element of a larger buffer."""
    y = convolve(asked)
    buffer = np.full((*y.shape[:-1], 2 * y.shape[-1]), np.nan, y.dtype)
    buffer[..., ::2] = y
    return buffer[..., ::2]


@right()
def backwards_in_memory(asked: Asked) -> Any:
    """The output's strides are negative."""
    return np.ascontiguousarray(convolve(asked)[..., ::-1])[..., ::-1]


@right()
def read_only(asked: Asked) -> Any:
    """The output cannot be written to."""
    y = convolve(asked)
    y.flags.writeable = False
    return y


@right()
def negative_zeros(asked: Asked) -> Any:
    """Zeros of the output are negative zeros."""
    y = convolve(asked)
    y[y == 0] = -0.0
    return y


@right()
def warns_nobody(asked: Asked) -> Any:
    """The input is divided by zero, with warnings off, and the result is not used."""
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(asked.x, 0)
    return convolve(asked)


def _summed(asked: Asked, total: Callable[[Any], Any], *, bias_last: bool = True) -> Any:
    """Return the output whose sums of products, over the last axis, `total` makes."""
    dtype = asked.x.dtype
    work = np.float64 if dtype == np.float64 else np.float32
    x, weight = padded(asked).astype(work), asked.weight.astype(work)
    o, channels, *kernel = weight.shape
    axes = list(zip(x.shape[2:], kernel, asked.stride, asked.dilation, strict=True))
    out = [(size - d * (k - 1) - 1) // s + 1 for size, k, s, d in axes]
    y = np.empty((len(x), o, *out), work)
    for sample, channel, *place in np.ndindex(*y.shape):
        first = channel // (o // asked.groups) * channels
        steps = zip(place, kernel, asked.stride, asked.dilation, strict=True)
        window = x[
            (
                sample,
                slice(first, first + channels),
                *(slice(p * s, p * s + d * (k - 1) + 1, d) for p, k, s, d in steps),
            )
        ]
        products = (window * weight[channel]).reshape(-1)
        if asked.bias is not None and not bias_last:
            products = np.concatenate([[asked.bias[channel].astype(work)], products], dtype=work)
        y[(sample, channel, *place)] = total(products)
    return (with_bias(y, asked.bias) if bias_last else y).astype(dtype)


# Other algorithms, with the classes that they declare.


@right(accuracy="fft")
def spectra(asked: Asked) -> Any:
    """Products of real Fourier transforms, in float64."""
    x, weight = padded(asked).astype(np.float64), asked.weight.astype(np.float64)
    o, channels, *kernel = weight.shape
    spans = [d * (k - 1) + 1 for d, k in zip(asked.dilation, kernel, strict=True)]
    spread = np.zeros((o, channels, *spans))
    spread[(..., *(slice(None, None, d) for d in asked.dilation))] = weight
    sizes = [size + span - 1 for size, span in zip(x.shape[2:], spans, strict=True)]
    axes = tuple(range(2, x.ndim))
    image = np.fft.rfftn(x, sizes, axes)
    kernels = np.fft.rfftn(spread, sizes, axes).conj()
    image = image.reshape(len(x), asked.groups, 1, channels, *image.shape[2:])
    kernels = kernels.reshape(asked.groups, -1, channels, *kernels.shape[2:])
    products = (image * kernels).sum(axis=3).reshape(len(x), o, *image.shape[4:])
    full = np.fft.irfftn(products, sizes, axes)
    steps = (
        slice(0, size - span + 1, s) for size, span, s in zip(x.shape[2:], spans, asked.stride, strict=True)
    )
    return with_bias(full[(..., *steps)], asked.bias).astype(asked.x.dtype)


def _winograd(asked: Asked, matrices: tuple[Any, Any, Any]) -> Any:
    """Return F(m, 3) on the last axis where it has three taps, stride 1 and dilation 1."""
    a, g, b = (np.array(matrix, np.float64) for matrix in matrices)
    fits = (asked.weight.shape[-1], asked.stride[-1], asked.dilation[-1]) == (3, 1, 1)
    if not fits:
        return convolve(asked)
    outputs, tile = a.shape
    work = np.float64 if asked.x.dtype == np.float64 else np.float32
    x = padded(asked).astype(work)
    wide = x.shape[-1] - 2
    tiles = -(-wide // outputs)
    x = np.pad(x, [*[(0, 0)] * (x.ndim - 1), (0, (tiles - 1) * outputs + tile - x.shape[-1])])
    patches = np.lib.stride_tricks.sliding_window_view(x, tile, -1)[..., ::outputs, :]
    data = (patches @ b.T.astype(work)).astype(work)  # (…, tiles, t)
    filters = (asked.weight.astype(work) @ g.T.astype(work)).astype(work)  # (…, t)
    slices = []
    for place in range(tile):
        plane = asked.but(
            x=np.ascontiguousarray(data[..., place]),
            weight=np.ascontiguousarray(filters[..., place : place + 1]),
            bias=None,
        )
        slices.append(convolve(plane, x=plane.x))
    y = np.stack(slices, -1) @ a.T.astype(work)
    y = y.reshape(*y.shape[:-2], -1)[..., :wide]
    return with_bias(y, asked.bias).astype(asked.x.dtype)


@right(accuracy="winograd(2,3)")
def winograd_f2(asked: Asked) -> Any:
    """F(2, 3): four products for two outputs."""
    a = [[1, 1, 1, 0], [0, 1, -1, -1]]
    g = [[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]
    b = [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]
    return _winograd(asked, (a, g, b))


@right(accuracy="winograd(4,3)")
def winograd_f4(asked: Asked) -> Any:
    """F(4, 3): six products for four outputs, with Lavin's matrices."""
    a = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
    g = [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
    b = [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
    return _winograd(asked, (a, g, b))


@right(accuracy="strassen(1)", groups=1)
def strassen(asked: Asked) -> Any:
    """One step of Strassen's algorithm on the matrices of im2col."""
    work = np.float64 if asked.x.dtype == np.float64 else np.float32
    x, weight = padded(asked).astype(work), asked.weight.astype(work)
    o, _, *kernel = weight.shape
    axes = list(zip(x.shape[2:], kernel, asked.stride, asked.dilation, strict=True))
    out = [(size - d * (k - 1) - 1) // s + 1 for size, k, s, d in axes]
    taps = [
        x[
            (
                ...,
                *(
                    slice(k * d, k * d + (n - 1) * s + 1, s)
                    for k, n, (_, _, s, d) in zip(tap, out, axes, strict=True)
                ),
            )
        ]
        for tap in np.ndindex(*kernel)
    ]
    columns = np.stack(taps, 2).reshape(len(x), -1, *out)  # (N, C·K, …)
    columns = np.moveaxis(columns, 1, 0).reshape(columns.shape[1], -1)
    y = _strassen_product(weight.reshape(o, -1), columns)
    y = np.moveaxis(y.reshape(o, len(x), *out), 0, 1)
    return with_bias(np.ascontiguousarray(y), asked.bias).astype(asked.x.dtype)


def _strassen_product(a: Any, b: Any) -> Any:
    """Return a @ b by seven products of halves, with odd sizes padded with zeros."""
    rows, columns = a.shape[0], b.shape[1]
    a = np.pad(a, [(0, size % 2) for size in a.shape])
    b = np.pad(b, [(0, size % 2) for size in b.shape])
    (a11, a12), (a21, a22) = (np.hsplit(half, 2) for half in np.vsplit(a, 2))
    (b11, b12), (b21, b22) = (np.hsplit(half, 2) for half in np.vsplit(b, 2))
    m1 = (a11 + a22) @ (b11 + b22)
    m2, m3 = (a21 + a22) @ b11, a11 @ (b12 - b22)
    m4, m5 = a22 @ (b21 - b11), (a11 + a12) @ b22
    m6, m7 = (a21 - a11) @ (b11 + b12), (a12 - a22) @ (b21 + b22)
    product = np.block([[m1 + m4 - m5 + m7, m3 + m5], [m2 + m4, m1 - m2 + m3 + m6]])
    return product[:rows, :columns]


# Fewer bits, as declared.


@right(accuracy="low(8)", dtype="float32")
def bfloat16_declared(asked: Asked) -> Any:
    """Inputs are rounded to bfloat16, sums are float32."""
    return convolve(asked.but(x=_to_bfloat16(asked.x), weight=_to_bfloat16(asked.weight)))


@right(accuracy="low(11)", dtype="float32")
def tf32_declared(asked: Asked) -> Any:
    """Inputs are rounded to TF32, sums are float32."""
    return convolve(asked.but(x=_rounded(asked.x, 11), weight=_rounded(asked.weight, 11)))


@right(accuracy="low(24)", dtype="float64")
def float32_declared(asked: Asked) -> Any:
    """Everything is float32, behind an interface of float64."""
    single = asked.but(
        x=asked.x.astype(np.float32),
        weight=asked.weight.astype(np.float32),
        bias=None if asked.bias is None else asked.bias.astype(np.float32),
    )
    return convolve(single).astype(np.float64)


def _to_bfloat16(array: Any) -> Any:
    return array.astype(ml_dtypes.bfloat16).astype(np.float32)


def _rounded(array: Any, bits: int) -> Any:
    """Return finite numbers rounded to `bits` significant bits, and all others unchanged."""
    return np.where(np.isfinite(array), rounded(array, bits), array).astype(array.dtype)


# Traits, as declared.


@right(deterministic=False)
def order_drawn(asked: Asked) -> Any:
    """The channels are summed in an order drawn anew."""
    if asked.groups > 1 or asked.x.dtype.itemsize == 2:
        return convolve(asked)
    order = np.random.default_rng().permutation(asked.weight.shape[1])
    return convolve(asked.but(x=asked.x[:, order], weight=asked.weight[:, order]))


@right(flushes_subnormals=True)
def flushes(asked: Asked) -> Any:
    """Subnormal results become zero."""
    y = convolve(asked)
    y[np.abs(y) < np.finfo(np.float32 if y.dtype != np.float64 else y.dtype).tiny] = 0
    return y


@right(locality="hull")
def dilation_filled(asked: Asked) -> Any:
    """Dilation is a larger kernel with zeros."""
    o, c, *kernel = asked.weight.shape
    spans = [d * (k - 1) + 1 for d, k in zip(asked.dilation, kernel, strict=True)]
    weight = np.zeros((o, c, *spans), asked.weight.dtype)
    weight[(..., *(slice(None, None, d) for d in asked.dilation))] = asked.weight
    return convolve(asked.but(weight=weight, dilation=(1,) * len(spans)))


@right(locality="sample")
def groups_filled(asked: Asked) -> Any:
    """Groups are a dense product with zeros."""
    groups, (o, c, *kernel) = asked.groups, asked.weight.shape
    weight = np.zeros((o, c * groups, *kernel), asked.weight.dtype)
    for group in range(groups):
        rows = slice(group * o // groups, (group + 1) * o // groups)
        weight[rows, group * c : (group + 1) * c] = asked.weight[rows]
    return convolve(asked.but(weight=weight, groups=1))


@right()
def all_positions_first(asked: Asked) -> Any:
    """All positions are computed at stride 1, and the stride selects among them."""
    y = convolve(asked.but(stride=(1,) * len(asked.stride)))
    return np.ascontiguousarray(y[(..., *(slice(None, None, s) for s in asked.stride))])


@right()
def tables_by_shape(asked: Asked, _tables: dict[Any, Any] = {}) -> Any:  # noqa: B006 it depends on shapes alone
    """Index tables are kept from call to call, and data is not."""
    key = (asked.x.shape, asked.pads, asked.padding_mode)
    if key not in _tables:
        size = int(np.prod(asked.x.shape))
        _tables[key] = padded(asked.but(x=np.arange(1, size + 1).reshape(asked.x.shape)))
    source = np.concatenate([np.zeros(1, asked.x.dtype), asked.x.reshape(-1)])
    return convolve(asked, x=source[_tables[key]])


@right()
def threads_inside(asked: Asked) -> Any:
    """Samples are computed by threads that end with the call."""
    if len(asked.x) == 0:
        return convolve(asked)
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(lambda n: convolve(asked.but(x=asked.x[n : n + 1])), range(len(asked.x))))
    return np.concatenate(parts)
