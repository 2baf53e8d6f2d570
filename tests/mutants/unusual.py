"""Convolutions that are right in an unusual way: other orders of summation, other memory, more precision."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.mutants.convolution import Asked, Body, convolve, made, padded, with_bias

UNUSUAL: list[Body] = []


def right(body: Body) -> Body:
    """Put a body among those that must pass."""
    UNUSUAL.append(body)
    return body


@right
def the_twin(asked: Asked) -> Any:
    """What every mutant is made of, unbroken."""
    return convolve(asked)


@right
def reversed_channels(asked: Asked) -> Any:
    """The sum runs from the last channel to the first."""
    n, c, *size = asked.x.shape
    x = asked.x.reshape(n, asked.groups, -1, *size)[:, :, ::-1].reshape(n, c, *size)
    return convolve(asked.but(x=x, weight=asked.weight[:, ::-1]))


@right
def double_inside(asked: Asked) -> Any:
    """Sums are held in float64 and rounded once."""
    return convolve(asked, work=np.float64)


@right
def bias_first(asked: Asked) -> Any:
    """The sum starts with the bias: one more channel of ones and one more tap."""
    return _summed(asked, lambda products: products.sum(axis=-1, dtype=products.dtype), bias_last=False)


@right
def compensated(asked: Asked) -> Any:
    """Kahan's sum, which carries the lost bits along."""

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


@right
def one_after_the_other(asked: Asked) -> Any:
    """The worst order there is: one running sum."""
    return _summed(asked, lambda products: np.cumsum(products, axis=-1, dtype=products.dtype)[..., -1])


@right
def pairwise(asked: Asked) -> Any:
    """Halves are summed separately, down to single products."""

    def halves(products: Any) -> Any:
        count = products.shape[-1]
        if count == 1:
            return products[..., 0]
        return halves(products[..., : count // 2]) + halves(products[..., count // 2 :])

    return _summed(asked, halves)


@right
def largest_first(asked: Asked) -> Any:
    """Products are sorted before they are summed."""

    def by_size(products: Any) -> Any:
        order = np.argsort(-np.abs(products), axis=-1)
        ordered = np.take_along_axis(products, order, axis=-1)
        return np.cumsum(ordered, axis=-1, dtype=products.dtype)[..., -1]

    return _summed(asked, by_size)


@right
def blocked(asked: Asked) -> Any:
    """Channels are summed in blocks of two, and the blocks added up."""
    channels = asked.weight.shape[1]
    if asked.groups > 1 or asked.x.dtype.itemsize == 2:
        return convolve(asked)
    blocks = [slice(start, start + 2) for start in range(0, channels, 2)]
    parts = [convolve(asked.but(x=asked.x[:, b], weight=asked.weight[:, b], bias=None)) for b in blocks]
    return with_bias(sum(parts[1:], parts[0]), asked.bias)


@right
def fortran_order(asked: Asked) -> Any:
    """The output is stored with its first axis running fastest."""
    return np.asfortranarray(convolve(asked))


@right
def strided(asked: Asked) -> Any:
    """The output is every second element of a larger buffer."""
    y = convolve(asked)
    buffer = np.full((*y.shape[:-1], 2 * y.shape[-1]), np.nan, y.dtype)
    buffer[..., ::2] = y
    return buffer[..., ::2]


@right
def backwards_in_memory(asked: Asked) -> Any:
    """The output's strides are negative."""
    return np.ascontiguousarray(convolve(asked)[..., ::-1])[..., ::-1]


@right
def read_only(asked: Asked) -> Any:
    """The output cannot be written to."""
    y = convolve(asked)
    y.flags.writeable = False
    return y


@right
def negative_zeros(asked: Asked) -> Any:
    """Nought is sometimes minus nought."""
    y = convolve(asked)
    y[y == 0] = -0.0
    return y


@right
def warns_nobody(asked: Asked) -> Any:
    """It divides by zero on the way and throws the result away."""
    with np.errstate(divide="ignore", invalid="ignore"):
        np.divide(asked.x, 0)
    return convolve(asked)


def _summed(asked: Asked, total: Callable[[Any], Any], *, bias_last: bool = True) -> Any:
    """Return the output whose sums of products are made by `total`, over the last axis."""
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


RIGHT = [made(body) for body in UNUSUAL]
