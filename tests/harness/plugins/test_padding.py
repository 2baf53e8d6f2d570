"""`pad`, the helper of plugin authors, against the oracle's own padding."""

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
def test_it_pads_as_the_reference_does(pads: tuple, padding_mode: str) -> None:
    """A 1×1 kernel of one shows the padded input itself."""
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
def test_it_leaves_its_input_and_its_dtype(padding_mode: str) -> None:
    """A read-only input is enough, and the output is of the same type."""
    x = np.arange(6, dtype=np.float16).reshape(1, 1, 6)
    x.flags.writeable = False
    y = pad(x, [(2, 2)], padding_mode)

    assert (np.float16, (1, 1, 10), False) == (y.dtype, y.shape, np.may_share_memory(x, y))


def test_nothing_to_pad_is_the_input_itself() -> None:
    """No copy is made in vain."""
    x = np.ones((1, 1, 3))

    assert x is pad(x, [(0, 0)])
