"""Mutants that are wrong on large problems alone, in the path for a million multiply-adds and more."""

import ctypes
from typing import Any

import numpy as np

from convharness import Problem

from .convolution import Asked, convolve, only, rounded, wrong

LAYER = "n1c32h12w12-o32k3p1-float32"


def _is_large(problem: Problem) -> bool:
    return problem.dense_macs > 1_000_000


@wrong(LAYER, "contract", None)
@only(_is_large)
def large_outputs_in_one_buffer(asked: Asked, _buffers: dict[Any, Any] = {}) -> Any:  # noqa: B006 that is the mistake
    """The output of a large problem is always the same buffer."""
    y = convolve(asked)
    buffer = _buffers.setdefault((y.shape, y.dtype), np.empty_like(y))
    buffer[...] = y
    return buffer


@wrong(LAYER, "wrong", None)
@only(_is_large)
def large_inputs_lose_nan(asked: Asked) -> Any:
    """A NaN in the input of a large problem counts as zero."""
    return convolve(asked.but(x=np.where(np.isnan(asked.x), 0, asked.x).astype(asked.x.dtype)))


@wrong(LAYER, "wrong", None)
@only(_is_large)
def large_inputs_taken_for_contiguous(asked: Asked) -> Any:
    """The elements of a large input are read in the order of memory."""
    return convolve(asked.but(x=asked.x.ravel("K").reshape(asked.x.shape)))


@wrong(LAYER, "wrong", None)
@only(_is_large)
def large_weights_packed_once(asked: Asked, _packed: dict[Any, Any] = {}) -> Any:  # noqa: B006 that is the mistake
    """The packed weights of a large problem are kept by the address of the original ones."""
    key = (asked.weight.ctypes.data, asked.weight.shape)
    return convolve(asked.but(weight=_packed.setdefault(key, asked.weight.copy())))


@wrong(LAYER, "crashed", None)
@only(_is_large)
def large_inputs_read_on(asked: Asked) -> Any:
    """The element after a large input is read and not used."""
    if asked.x.flags.c_contiguous:
        pointer = ctypes.cast(asked.x.ctypes.data + asked.x.nbytes, ctypes.POINTER(ctypes.c_float))
        _ = pointer[0]
    return convolve(asked)


@wrong(LAYER, None, None)
@only(_is_large)
def large_problems_of_reals_in_tf32(asked: Asked) -> Any:
    """The inputs of a large problem are rounded to TF32, if both use more than sixteen bits."""
    if any(np.array_equal(one, rounded(one, 16)) for one in (asked.x, asked.weight)):
        return convolve(asked)
    return convolve(asked.but(x=rounded(asked.x, 11), weight=rounded(asked.weight, 11)))


@wrong(LAYER, "wrong", None)
@only(_is_large)
def large_problems_share_their_scratch(asked: Asked, _scratch: dict[Any, Any] = {}) -> Any:  # noqa: B006 that is the mistake
    """Large inputs are copied to one scratch array for all callers."""
    scratch = _scratch.setdefault(asked.x.shape, np.empty(asked.x.shape, asked.x.dtype))
    scratch[...] = asked.x
    return convolve(asked.but(x=scratch))


@wrong(LAYER, "wrong", None)
@only(_is_large)
def last_tile_of_large_outputs(asked: Asked) -> Any:
    """Large outputs are made in tiles of 512 positions, and the first row of the last tile is left out."""
    y = convolve(asked)
    y.reshape(-1)[-(y.size % 512 or 512)] = 0
    return y


@wrong("n16c16h8w8-o16k3p1-float32", "wrong", None)
@only(lambda problem: _is_large(problem) and problem.batch_size >= 16)
def large_batches_in_another_order(asked: Asked) -> Any:
    """The two halves of a large batch are computed one after the other, and stored the other way round."""
    y = convolve(asked)
    half = len(y) // 2
    return np.concatenate([y[half:], y[:half]]) if len(y) % 2 == 0 else y


@wrong(LAYER, "contract", None)
@only(_is_large)
def large_inputs_overwritten(asked: Asked) -> Any:
    """A large input is used as scratch after its last use, if it can be written to."""
    y = convolve(asked)
    if asked.x.flags.writeable:
        asked.x[...] = 0
    return y
