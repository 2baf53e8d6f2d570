"""`pad`, a function for plugin authors, compared with the padding of the reference."""

import numpy as np
import pytest

from convharness import Problem, pad
from convharness.numerics.reference import convolve

PADS = (
    ((0, 0),),
    ((2, 1),),
    ((1, -2),),
    ((3, -4),),
    ((0, -1),),
    ((-1, 0),),
    ((-1, -2),),
    ((-2, 3),),
    ((-5, 3),),
    ((-1, 1), (2, -3)),
    ((1, 2), (0, 3)),
    ((2, -1), (1, 0)),
    ((1, 1), (2, 2), (0, -1)),
)


@pytest.mark.parametrize("padding_mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("pads", PADS)
def test_pad_is_the_padding_of_the_reference(pads: tuple, padding_mode: str) -> None:
    """The output of `pad` is that of the reference with a 1×1 kernel of one."""
    size = (4, 5, 6)[: len(pads)]
    problem = Problem(
        in_channels=1,
        input_size=size,
        out_channels=1,
        kernel_size=(1,) * len(pads),
        padding=pads,
        padding_mode=padding_mode,
    )
    x = np.arange(1.0, 1 + np.prod(size)).reshape(problem.input_shape)

    shown = convolve(problem, x, np.ones(problem.weight_shape), None)
    assert shown.tolist() == pad(x, pads, padding_mode).tolist()


@pytest.mark.parametrize("padding_mode", ["zeros", "reflect", "replicate", "circular"])
def test_pad_keeps_the_data_type_and_copies(padding_mode: str) -> None:
    """`pad` accepts a read-only input and returns a new array of the same data type."""
    x = np.arange(6, dtype=np.float16).reshape(1, 1, 6)
    x.flags.writeable = False
    y = pad(x, [(2, 2)], padding_mode)

    assert (np.float16, (1, 1, 10), False) == (y.dtype, y.shape, np.may_share_memory(x, y))


def test_pad_without_padding_returns_its_input() -> None:
    """`pad` without padding returns its input without a copy."""
    x = np.ones((1, 1, 3))

    assert x is pad(x, [(0, 0)])
