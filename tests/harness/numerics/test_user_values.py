"""Values that users have: what each kind is, and that sums of them are exact in every type."""

from collections.abc import Callable

import numpy as np
import pytest

from convharness import Problem
from convharness.numerics.accuracy import accumulator_bits
from convharness.numerics.operands import Operands
from convharness.numerics.reference import convolve
from convharness.numerics.user_values import (
    a_box,
    a_delta_at_the_first_tap,
    a_delta_at_the_last_tap,
    a_delta_in_the_centre,
    a_single_one,
    a_sparse_input,
    a_sparse_weight,
    an_image,
    an_image_and_reals,
    ones,
    pairs_of_opposites,
    weights_that_sum_to_one,
)
from convharness.problems.fields import DTYPES

Make = Callable[[Problem, int], Operands]

EXACT = (
    an_image,
    a_delta_in_the_centre,
    a_delta_at_the_first_tap,
    a_delta_at_the_last_tap,
    a_box,
    ones,
    a_single_one,
    a_sparse_input,
    a_sparse_weight,
    pairs_of_opposites,
    weights_that_sum_to_one,
)
SHAPES = (
    "n2c3h6w7-o4k3b",
    "n1c1h1w1-o1k1",
    "n1c600h3w3-o2k3b",
    "n2c6w9-o3k3p2d2g3b",
    "n1c4d4h4w4-o8k2x3x1g2",
)
PLAIN = Problem.parse("n2c4h6w7-o4k3p1-float32")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("make", [*EXACT, an_image_and_reals])
def test_operands_have_the_shapes_and_the_type_of_the_problem(make: Make, shape: str, dtype: str) -> None:
    """A bias is there where the problem has one."""
    problem = Problem.parse(f"{shape}-{dtype}")
    items = make(problem, 0).items()

    expected = {"x": problem.input_shape, "weight": problem.weight_shape, "bias": problem.bias_shape}
    assert {name: shape for name, shape in expected.items() if shape} == {
        name: array.shape for name, array in items.items()
    }
    assert {dtype} == {str(array.dtype) for array in items.values()}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("make", EXACT)
def test_sums_are_exact_in_any_order(make: Make, shape: str, dtype: str) -> None:
    """All are multiples of one unit, and what is added up stays below 2^p of them and in the type's range."""
    problem = Problem.parse(f"{shape}-{dtype}")
    operands = make(problem, 0)
    unit = 2.0**-8 if make in (an_image, weights_that_sum_to_one) else 1.0
    arrays = [array.astype(np.float64) / unit for array in operands.items().values()]
    largest = convolve(
        problem, *(None if a is None else np.abs(a) for a in (operands.x, operands.weight, operands.bias))
    )

    assert all(np.array_equal(array, np.rint(array)) for array in arrays)
    assert largest.max() / unit < 2.0 ** accumulator_bits(dtype) * (
        2.0**8 if unit < 1 and dtype != "float16" else 1
    )
    assert dtype != "float16" or largest.max() < 65504


def test_an_image_has_bytes_and_signed_weights() -> None:
    """Of which two products are beyond sixteen bits."""
    operands = an_image(PLAIN, 0)
    pair = operands.x.max() * np.sort(operands.weight[0].ravel())[-2:].sum()

    assert (0, 255) == (operands.x.min(), operands.x.max())
    assert np.abs(operands.weight).max() <= 127 < operands.weight.max() + 64
    assert pair > 2**15


def test_a_delta_in_the_centre_is_the_identity() -> None:
    """Where input and output channels are as many and padding keeps the size."""
    operands = a_delta_in_the_centre(PLAIN, 0)

    assert np.array_equal(operands.x, convolve(PLAIN, operands.x, operands.weight, None))


@pytest.mark.parametrize(("make", "place"), [(a_delta_at_the_first_tap, 0), (a_delta_at_the_last_tap, -1)])
def test_other_deltas_shift(make: Make, place: int) -> None:
    """Each filter has its one at the first tap or at the last."""
    operands = make(PLAIN, 0)

    assert np.array_equal(np.eye(4), operands.weight[:, :, place, place])
    assert 4 == operands.weight.sum()


def test_a_single_one_gives_the_kernel_turned_round() -> None:
    """The impulse response."""
    operands = a_single_one(PLAIN, 0)

    assert (1, 1) == (np.count_nonzero(operands.x), operands.x.max())


@pytest.mark.parametrize(("make", "name"), [(a_sparse_input, "x"), (a_sparse_weight, "weight")])
def test_sparse_numbers_are_mostly_zeros(make: Make, name: str) -> None:
    """Whole slices of each axis among them, but not all."""
    array = getattr(make(PLAIN, 0), name)

    assert 0 < np.count_nonzero(array) < array.size / 4
    assert all(
        (~np.moveaxis(array, axis, 0).reshape(size, -1).any(axis=1)).any()
        for axis, size in enumerate(array.shape)
    )


def test_opposites_cancel_in_blocks() -> None:
    """The sums of whole samples and filters are zero."""
    operands = pairs_of_opposites(PLAIN, 0)

    assert [0, 0] == operands.x.reshape(2, -1).sum(axis=1).tolist()
    assert [0] * 4 == operands.weight.reshape(4, -1).sum(axis=1).tolist()
    assert operands.x.all()


def test_weights_sum_to_one() -> None:
    """A quarter each, in each filter."""
    operands = weights_that_sum_to_one(PLAIN, 0)

    assert [1] * 4 == operands.weight.reshape(4, -1).sum(axis=1).tolist()
    assert {0.0, 0.25} == set(operands.weight.ravel().tolist())
