"""Blocks of large arrays: each element is in one of them, and none is large."""

import numpy as np
import pytest

from convharness.numerics.blocks import blocks, drawn, largest, same_bits


@pytest.mark.parametrize("shape", [(7,), (2, 5), (3, 4, 5), (1, 1, 60), (0, 3), (65, 2)])
@pytest.mark.parametrize("most", [1, 4, 13, 1000])
def test_every_element_is_in_one_block(shape: tuple[int, ...], most: int) -> None:
    """Blocks are in order and do not overlap."""
    seen = np.zeros(shape, int)
    sizes = []
    for block in blocks(shape, most):
        seen[block] += 1
        sizes.append(seen[block].size)

    assert (seen == 1).all()
    assert max(sizes, default=0) <= most


def test_an_array_is_drawn_block_by_block() -> None:
    """The source is asked for blocks, whose numbers lie one behind the other."""
    shapes = []

    def draw(shape: tuple[int, ...]) -> np.ndarray:
        shapes.append(shape)
        return np.full(shape, len(shapes))

    array = drawn((3, 2**18), np.dtype(np.float32), draw)
    assert [(1, 2**18)] * 3 == shapes
    assert [1, 2, 3] == array[:, 0].tolist()


def test_bits_are_compared_and_not_numbers() -> None:
    """A NaN is the same as itself, and zero is not its negative."""
    nan = np.array([np.nan, 0.0])

    assert [True, False] == [same_bits(nan, nan.copy()), same_bits(nan, np.array([np.nan, -0.0]))]


def test_the_largest_magnitude_is_taken_over_the_last_axes() -> None:
    """Of either sign."""
    array = np.array([[[1.0, -5.0], [2.0, 3.0]], [[0.0, 0.0], [-1.0, 0.5]]])

    assert [[5.0, 3.0], [0.0, 1.0]] == largest(array, (2, 2)).tolist()
