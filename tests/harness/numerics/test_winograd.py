"""Winograd's matrices: they convolve, and their growth bounds the errors."""

import numpy as np
import pytest

from convharness.numerics.winograd import growth, matrices


@pytest.mark.parametrize(("outputs", "taps"), [(2, 3), (4, 3), (6, 3), (2, 5), (3, 2), (8, 7)])
def test_the_matrices_make_a_filter(outputs: int, taps: int) -> None:
    """The matrices compute m outputs of a filter by one product for each element of a tile."""
    a_t, g, b_t = matrices(outputs, taps)
    random = np.random.default_rng(0)
    data, kernel = random.integers(-9, 9, outputs + taps - 1), random.integers(-9, 9, taps)

    expected = [float(data[place : place + taps] @ kernel) for place in range(outputs)]
    assert np.allclose(expected, a_t @ ((g @ kernel) * (b_t @ data)), rtol=1e-9, atol=1e-6)


def test_f_2_3_has_the_published_matrices() -> None:
    """The matrices of F(2, 3) are the published ones, up to signs that cancel."""
    a_t, g, b_t = matrices(2, 3)

    assert [[1, 1, 1, 0], [0, 1, 1, 1]] == np.abs(a_t).tolist()
    assert [[1, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5], [0, 0, 1]] == np.abs(g).tolist()
    assert [[1, 0, 1, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 1, 0, 1]] == np.abs(b_t).tolist()


def test_larger_tiles_magnify_more() -> None:
    """Larger tiles have a larger growth, and so wider bounds."""
    assert growth(2, 3).max() < growth(4, 3).max() < growth(8, 3).max()
