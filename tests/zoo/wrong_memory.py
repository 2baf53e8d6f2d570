"""Mutants that misuse memory: layouts misread, neighbours read or written, buffers read before writing."""

import ctypes
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .convolution import Asked, convolve, padded, wrong

PLAIN = "n2c3h6w7-o4k3-float32"


def _raw(array: Any) -> Any:
    """Return an array read as if its memory were contiguous, which C code assumes."""
    pointer = ctypes.cast(array.ctypes.data, ctypes.POINTER(ctypes.c_uint8))
    raw = np.ctypeslib.as_array(pointer, (array.nbytes,))
    return raw.view(array.dtype).reshape(array.shape)


@wrong(PLAIN, "wrong", "layout")
def input_taken_for_contiguous(asked: Asked) -> Any:
    """The input's address is passed to code that ignores strides."""
    return convolve(asked.but(x=_safely(asked.x)))


@wrong(PLAIN, "wrong", "layout")
def weight_taken_for_contiguous(asked: Asked) -> Any:
    """The weight's address is passed to code that ignores strides."""
    return convolve(asked.but(weight=_safely(asked.weight)))


@wrong("n2c3h6w7-o4k3b-float32", "wrong", "layout")
def bias_taken_for_contiguous(asked: Asked) -> Any:
    """The bias's address is passed to code that ignores strides."""
    return convolve(asked.but(bias=_safely(asked.bias)))


def _safely(array: Any) -> Any:
    """Return an array with its strides misread, without reading outside its memory."""
    if min(array.strides, default=0) < 0:
        return np.ascontiguousarray(array[(slice(None, None, -1),) * array.ndim])
    return _raw(array).copy()


@wrong(PLAIN, "wrong", "layout")
def fortran_as_c(asked: Asked) -> Any:
    """The input's elements are read in the order of memory."""
    order = "K" if asked.x.flags.c_contiguous or asked.x.flags.f_contiguous else "C"
    return convolve(asked.but(x=asked.x.ravel(order).reshape(asked.x.shape)))


@wrong(PLAIN, "wrong", "layout")
def negative_strides_forgotten(asked: Asked) -> Any:
    """The sign of a stride is dropped."""
    if min(asked.x.strides) >= 0:
        return convolve(asked)
    return convolve(asked.but(x=asked.x[..., ::-1]))


@wrong(PLAIN, "error", "layout")
def alignment_demanded(asked: Asked) -> Any:
    """An input that is not aligned is refused."""
    if not asked.x.flags.aligned:
        raise ValueError("x is not aligned")
    return convolve(asked)


@wrong(PLAIN, "wrong", None)
def reads_one_row_too_many(asked: Asked) -> Any:
    """The row of memory after the last row of the last image is read, and multiplied by zero."""
    x = np.ascontiguousarray(asked.x) if not asked.x.flags.c_contiguous else asked.x
    n, c, h, w = x.shape
    longer = as_strided(x, (n, c, h + 1, w), x.strides)
    y = convolve(asked, x=padded(asked))
    y[-1, -1, -1, -1] += (longer[-1, -1, -1] * 0).sum()
    return y


@wrong(PLAIN, "wrong", None)
def reads_before_its_start(asked: Asked) -> Any:
    """The element before the input is read, and multiplied by zero."""
    if not asked.x.flags.c_contiguous:
        return convolve(asked)
    pointer = ctypes.cast(asked.x.ctypes.data - asked.x.itemsize, ctypes.POINTER(ctypes.c_float))
    y = convolve(asked)
    y[0, 0, 0, 0] += np.float32(pointer[0]) * 0
    return y


@wrong(PLAIN, "contract", "memory")
def writes_beyond_its_input(asked: Asked) -> Any:
    """The element after the input is overwritten."""
    if asked.x.flags.c_contiguous:
        pointer = ctypes.cast(asked.x.ctypes.data + asked.x.nbytes, ctypes.POINTER(ctypes.c_float))
        pointer[0] = 0.0
    return convolve(asked)


@wrong("n2c40h9w9-o4k3-float32", "crashed", "memory")
def peeks_beyond_its_input(asked: Asked) -> Any:
    """The element after the input is read and not used, which only a guard page shows."""
    if asked.x.flags.c_contiguous:
        pointer = ctypes.cast(asked.x.ctypes.data + asked.x.nbytes, ctypes.POINTER(ctypes.c_float))
        _ = pointer[0]
    return convolve(asked)


@wrong(PLAIN, "wrong", "values")
def output_not_initialised(asked: Asked) -> Any:
    """Sums are added to memory that was not cleared, if its values are large."""
    y = convolve(asked)
    dirt = np.empty_like(y)
    return y + np.where(np.abs(dirt) < 1e20, 0, dirt).astype(y.dtype)


@wrong("n2c3h6w7-o4k3p1-float32", "wrong", None)
def border_not_initialised(asked: Asked) -> Any:
    """The border of the padded image is memory that was not cleared, if its values are large."""
    good = padded(asked)
    image = np.empty_like(good)
    dirty = ~(np.abs(image) < 1e20)
    return convolve(asked, x=np.where(dirty & (good == 0), image, good).astype(good.dtype))
