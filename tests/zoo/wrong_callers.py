"""Mutants that are wrong for some callers: calls at once, outputs that live on, writable inputs."""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from .convolution import Asked, Body, convolve, only, padded, wrong, wrong_plan

PLAIN = "n2c3h6w7-o4k3-float32"
PADDED = "n2c3h6w7-o4k3p1-float32"
BIASED = "n2c3h6w7-o4k3b-float32"

# Calls at once.


@wrong(PADDED, "wrong", "state")
def padded_image_shared(asked: Asked, _images: dict[Any, Any] = {}) -> Any:  # noqa: B006 that is the mistake
    """The padded image lies in one array for each shape, for all callers at once."""
    fresh = padded(asked)
    image = _images.setdefault((fresh.shape, fresh.dtype), np.empty_like(fresh))
    image[...] = fresh
    time.sleep(0)
    return convolve(asked, x=image)


_ACCUMULATORS: dict[Any, Any] = {}


@wrong(PLAIN, "wrong", "state")
def accumulators_shared(asked: Asked) -> Any:
    """Output channels are summed in one array of the module before each is copied to its place."""
    y = np.empty(asked.problem.output_shape, asked.x.dtype)
    of_group, channels = len(asked.weight) // asked.groups, asked.weight.shape[1]
    for o in range(len(asked.weight)):
        group = o // of_group
        inputs = slice(group * channels, (group + 1) * channels)
        bias = None if asked.bias is None else asked.bias[o : o + 1]
        one = asked.but(x=asked.x[:, inputs], weight=asked.weight[o : o + 1], bias=bias, groups=1)
        _ACCUMULATORS[y.shape, y.dtype] = convolve(one)[:, 0]
        time.sleep(0)
        y[:, o] = _ACCUMULATORS[y.shape, y.dtype]
    return y


# What is kept from call to call.


def _in_a_ring(length: int) -> Body:
    rings: dict[Any, deque[Any]] = {}

    def body(asked: Asked) -> Any:
        y = convolve(asked)
        ring = rings.setdefault((y.shape, y.dtype), deque(maxlen=length))
        if len(ring) == length:
            ring.rotate(-1)
            ring[-1][...] = y
        else:
            ring.append(y)
        return ring[-1]

    return body


for _length in (8, 32):
    _body = _in_a_ring(_length)
    _body.__name__ = f"ring_of_{_length}_outputs"
    _body.__doc__ = f"Outputs lie in a ring of {_length} buffers, so that a result lasts for so many calls."
    wrong(PLAIN, "contract", "state")(_body)


@wrong(PADDED, None, None)
def geometry_by_input_shape(asked: Asked, _known: dict[Any, Any] = {}) -> Any:  # noqa: B006 that is the mistake
    """Stride, padding and dilation are looked up by the shape of x alone, as the first call had them."""
    key = (asked.x.shape, asked.weight.shape)
    stride, pads, dilation, mode = _known.setdefault(
        key, (asked.stride, asked.pads, asked.dilation, asked.padding_mode)
    )
    return convolve(asked.but(stride=stride, pads=pads, dilation=dilation, padding_mode=mode))


@wrong(PLAIN, None, None)
def path_by_input_shape(asked: Asked, _known: dict[Any, Any] = {}) -> Any:  # noqa: B006 that is the mistake
    """The path is chosen once for each shape of x, and leaves out the last column for other weights."""
    path = _known.setdefault((asked.x.shape, asked.pads), asked.weight.shape)
    y = convolve(asked)
    if path != asked.weight.shape:
        y[..., -1] = 0
    return y


@wrong(BIASED, None, None)
def bias_by_address(asked: Asked, _known: dict[Any, Any] = {}) -> Any:  # noqa: B006 that is the mistake
    """A copy of the bias is kept by its address."""
    if asked.bias is None:
        return convolve(asked)
    bias = _known.setdefault((asked.bias.ctypes.data, len(asked.bias)), asked.bias.copy())
    return convolve(asked.but(bias=bias))


@wrong_plan(PLAIN, None, None)
def plan_for_its_first_range(asked: Asked) -> Any:
    """The plan keeps the largest absolute value of its first input, and clips later ones to it."""
    limits: list[Any] = []

    def run(x: Any) -> Any:
        if not limits and x.size:
            limits.append(np.abs(x).max())
        return convolve(asked.but(x=np.clip(x, -limits[0], limits[0]) if limits else x))

    return run


# Inputs that can be written to, as those of users can.


def _changes(name: str, problem: str, doc: str, change: Callable[[Asked], None]) -> None:
    """Add a mutant that changes its inputs after their last use, where it can."""

    def body(asked: Asked) -> Any:
        y = convolve(asked)
        if asked.x.flags.writeable and asked.weight.flags.writeable:
            change(asked)
        return y

    body.__name__, body.__doc__ = name, doc
    wrong(problem, "contract", None)(body)


def _clear_nan(asked: Asked) -> None:
    np.nan_to_num(asked.x, copy=False)


def _clear_the_border(asked: Asked) -> None:
    if any(max(sides) > 0 for sides in asked.pads):
        asked.x[..., -1:] = 0


def _flip(asked: Asked) -> None:
    asked.weight[...] = asked.weight[..., ::-1].copy()


def _negate_zeros(asked: Asked) -> None:
    asked.x[asked.x == 0] = -0.0


_changes("writes_where_nan_is", PLAIN, "A NaN in an x that can be written to becomes zero.", _clear_nan)
_changes(
    "writes_where_it_pads",
    PADDED,
    "With padding the last column of a writable x is cleared.",
    _clear_the_border,
)
_changes("flips_a_writable_weight", PLAIN, "Weights that can be written to are flipped in place.", _flip)
_changes("negates_zeros", PLAIN, "A zero in an x that can be written to becomes minus zero.", _negate_zeros)


@wrong(BIASED, "contract", None)
def bias_as_accumulator(asked: Asked) -> Any:
    """A bias that can be written to takes up the mean of the outputs."""
    y = convolve(asked)
    if asked.bias is not None and asked.bias.flags.writeable and y.size:
        asked.bias[...] += y.mean()
    return y


# Batches without samples.


@wrong(PLAIN, "contract", None)
def empty_batch_of_one(asked: Asked) -> Any:
    """An empty batch is computed as a batch of one."""
    if len(asked.x):
        return convolve(asked)
    return convolve(asked.but(x=np.zeros((1, *asked.x.shape[1:]), asked.x.dtype)))


@wrong(PLAIN, None, None)
@only(lambda problem: problem.batch_size == 0)
def empty_batch_without_channels(asked: Asked) -> Any:
    """The output of an empty batch has the channels of the input."""
    y = convolve(asked)
    return np.zeros((0, asked.x.shape[1], *y.shape[2:]), y.dtype)
