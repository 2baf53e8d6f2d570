"""Long sums: what is rounded to fewer bits only where there is much to add is refused all the same."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convharness.oracle import Oracle
from convharness.zoo.convolution import Asked, convolve, made, rounded, with_bias
from tests.making import case_of

LONG = "n1c256h4w5-o3k3-float32"
POINTWISE = "n1c2000h3w4-o3k1-float32"
_MANY = 512


def in_chunks(asked: Asked, step: Callable[[Any, Any], Any], channels: int = 16) -> Any:
    """Return a sum over chunks of channels, of which `step` makes the next from the last and a chunk's."""
    starts = range(0, asked.x.shape[1], channels)
    total: Any = 0
    for part in (slice(start, start + channels) for start in starts):
        chunk = asked.but(x=asked.x[:, part], weight=asked.weight[:, part], bias=None)
        total = step(total, convolve(chunk))
    return with_bias(total, asked.bias)


def short_accumulator(bits: int) -> Callable[[Asked], Any]:
    """Return a kernel that holds its sums in so many bits where they are long."""

    def body(asked: Asked) -> Any:
        """Round after every chunk."""
        if asked.weight[0].size < _MANY:
            return convolve(asked)
        return in_chunks(asked, lambda total, chunk: rounded(total + chunk, bits))

    return body


def one_by_one(total: Callable[[Any], Any]) -> Callable[[Asked], Any]:
    """Return a kernel of one tap that makes long sums of its products (C, N, O, P) by `total`."""

    def body(asked: Asked) -> Any:
        """Multiply all, then add."""
        channels = asked.x.shape[1]
        if channels < _MANY or max(*asked.stride, *map(max, asked.pads)) > 1:
            return convolve(asked)
        x = np.moveaxis(asked.x, 1, 0).reshape(channels, len(asked.x), 1, -1)
        weight = asked.weight.reshape(len(asked.weight), channels).T[:, None, :, None]
        y = total(weight * x).reshape(len(asked.x), len(asked.weight), *asked.x.shape[2:])
        return with_bias(y, asked.bias)

    return body


def running(terms: Any) -> Any:
    """Add one after the other."""
    return np.cumsum(terms, axis=0, dtype=terms.dtype)[-1]


def cutting_off(terms: Any) -> Any:
    """Add one after the other, and cut off what float32 does not hold."""
    total = np.zeros(terms.shape[1:], np.float32)
    for term in terms:
        exact = np.add(total, term, dtype=np.float64)
        nearest = exact.astype(np.float32)
        total = np.where(np.abs(nearest) > np.abs(exact), np.nextafter(nearest, np.float32(0)), nearest)
    return total


@pytest.mark.parametrize("bits", [8, 11, 16, 18, 20, 22, 23])
def test_an_accumulator_of_fewer_bits_is_refused(bits: int) -> None:
    """Though it is as good as any where sums are short, as they are on reduced problems."""
    verdict = Oracle().judge(made(short_accumulator(bits), groups=1), case_of(LONG))

    assert verdict.failed
    assert verdict.layer in ("exact", "precision", "bound")


@pytest.mark.parametrize("level", ["standard", "thorough"])
def test_a_running_sum_passes(level: str) -> None:
    """It is the least exact of the right ones."""
    verdict = Oracle(level=level).judge(made(one_by_one(running), groups=1), case_of(POINTWISE))

    assert "passed" == verdict.status, verdict.reason


def test_sums_that_are_cut_off_are_imprecise() -> None:
    """Exact sums show nothing of it, nor does the worst case: all roundings go the same way."""
    verdict = Oracle().judge(made(one_by_one(cutting_off), groups=1), case_of(POINTWISE))

    assert ("imprecise", "bound") == (verdict.status, verdict.layer)
    assert "; roundings of a right sum are not so unlucky, its sums look as if held to 22 bits or fewer" in (
        verdict.reason or ""
    )
    assert (verdict.error_u or 0) < (verdict.error_bound_u or 0)


def spectra(inside: Callable[[Any], Any]) -> Callable[[Asked], Any]:
    """Return a kernel by Fourier transforms in float32, of whose spectra `inside` makes something."""

    def body(asked: Asked) -> Any:
        """Transform, multiply, transform back; directly where there is more to it."""
        if max(asked.stride + asked.dilation) > 1 or asked.groups > 1 or asked.padding_mode != "zeros":
            return convolve(asked)
        x = np.pad(asked.x, [(0, 0), (0, 0), *asked.pads])
        size, kernel = x.shape[2:], asked.weight.shape[2:]
        axes = tuple(range(2, x.ndim))
        image, filters = (inside(np.fft.rfftn(array, size, axes)) for array in (x, asked.weight))
        y = np.fft.irfftn(np.einsum("nc...,oc...->no...", image, filters.conj()), size, axes)
        kept = tuple(slice(0, full - taps + 1) for full, taps in zip(size, kernel, strict=True))
        return with_bias(y[(..., *kept)].astype(asked.x.dtype), asked.bias)

    return body


def of_eleven_bits(values: Any) -> Any:
    """Return complex numbers rounded as TF32 rounds."""
    parts = np.ascontiguousarray(values.astype(np.complex64)).view(np.float32)
    return rounded(parts, 11).view(np.complex64)


@pytest.mark.parametrize(
    "shape", ["n1c3h9w11-o4k3", "n4c1h33w33-o1k5p2", "n1c64h9w9-o4k3p1", "n2c2w300-o3k31"]
)
def test_spectra_of_eleven_bits_are_imprecise(shape: str) -> None:
    """The worst case of a transform is too wide to see it, what is likely is not."""
    seen = {
        name: Oracle().judge(made(spectra(inside), accuracy="fft"), case_of(f"{shape}-float32")).status
        for name, inside in (("all bits", np.asarray), ("eleven bits", of_eleven_bits))
    }

    assert {"all bits": "passed", "eleven bits": "imprecise"} == seen
