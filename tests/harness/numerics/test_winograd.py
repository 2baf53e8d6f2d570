"""Winograd's matrices: they convolve, and they say how much they magnify."""

import numpy as np
import pytest

from convharness.numerics.winograd import growth, matrices


@pytest.mark.parametrize(("outputs", "taps"), [(2, 3), (4, 3), (6, 3), (2, 5), (3, 2), (8, 7)])
def test_the_matrices_make_a_filter(outputs: int, taps: int) -> None:
    """M outputs of t inputs, by t products."""
    a_t, g, b_t = matrices(outputs, taps)
    random = np.random.default_rng(0)
    data, kernel = random.integers(-9, 9, outputs + taps - 1), random.integers(-9, 9, taps)

    expected = [float(data[place : place + taps] @ kernel) for place in range(outputs)]
    assert np.allclose(expected, a_t @ ((g @ kernel) * (b_t @ data)), rtol=1e-9, atol=1e-6)


def test_f_2_3_is_the_one_in_the_books() -> None:
    """Up to signs that cancel: rows of Bᵀ and of G may both change theirs."""
    a_t, g, b_t = matrices(2, 3)

    assert [[1, 1, 1, 0], [0, 1, 1, 1]] == np.abs(a_t).tolist()
    assert [[1, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5], [0, 0, 1]] == np.abs(g).tolist()
    assert [[1, 0, 1, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 1, 0, 1]] == np.abs(b_t).tolist()


def test_larger_tiles_magnify_more() -> None:
    """Which is why their bounds are wider."""
    assert growth(2, 3).max() < growth(4, 3).max() < growth(8, 3).max()
