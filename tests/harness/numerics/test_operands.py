"""Operands: the same numbers on every machine, and integers whose sums cannot round."""

import numpy as np
import pytest

from convharness import Problem
from convharness.numerics.accuracy import PRECISION, accumulator_bits
from convharness.numerics.operands import (
    Operands,
    full_weight,
    full_x,
    impulses,
    reals,
    small_integers,
    sparse_integers,
    storable_sums,
    timed,
    timed_integers,
    wide_weight,
    wide_x,
)
from convharness.numerics.reference import convolve
from convharness.problems.fields import DTYPES

MAKERS = (wide_x, wide_weight, full_x, full_weight, small_integers, sparse_integers, impulses)
KINDS = {make.__name__: make for make in (*MAKERS, reals, timed, timed_integers)}
SHAPES = (
    "n2c3h6w7-o4k3b",
    "n1c1h1w1-o1k1",
    "n1c600h3w3-o2k3b",
    "n2c6w9-o3k3p2d2g3b",
    "n1c4d4h4w4-o8k2x3x1g2",
)
FIRST_NUMBERS = [512169.0, 550111.0, -577921.0, 848057.0]
EXACT_KINDS = ("wide_x", "wide_weight", "full_x", "full_weight", "small_integers")


def made(kind: str, shape: str, dtype: str = "float32", seed: int = 0) -> tuple[Problem, Operands]:
    """Return a problem and its operands of a kind."""
    problem = Problem.parse(f"{shape}-{dtype}")
    return problem, KINDS[kind](problem, seed)


def doubles(operands: Operands) -> list[np.ndarray]:
    """Return the operands of a problem as float64."""
    return [array.astype(np.float64) for array in operands.items().values()]


def lattice(kind: str, dtype: str) -> tuple[float, float]:
    """Return the units of x and weight in exact data of a kind."""
    of_x = 2.0**-8 if dtype == "float16" and kind != "small_integers" else 1.0
    return (of_x * 2.0**-4, 2.0**-5) if kind == "wide_weight" else (of_x, 1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_problem_and_seed_give_the_same_numbers(kind: str) -> None:
    """The numbers depend on the problem, the kind and the seed alone."""
    (_, one), (_, other) = made(kind, SHAPES[0], seed=7), made(kind, SHAPES[0], seed=7)

    assert all(np.array_equal(a, b) for a, b in zip(doubles(one), doubles(other), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_another_seed_gives_other_numbers(kind: str) -> None:
    """Another seed gives other numbers."""
    (_, one), (_, other) = made(kind, SHAPES[0], seed=1), made(kind, SHAPES[0], seed=2)

    assert not all(np.array_equal(a, b) for a, b in zip(doubles(one), doubles(other), strict=True))


def test_kinds_draw_from_sources_of_their_own() -> None:
    """Two kinds draw different numbers from one seed, so that timed data was never seen by a check."""
    (_, one), (_, other) = made("reals", SHAPES[0]), made("timed", SHAPES[0])

    assert not np.array_equal(one.x, other.x)


def test_the_numbers_are_the_same_on_every_machine() -> None:
    """The first numbers of a known draw are equal to the digit."""
    _, operands = made("wide_x", "n1c1h2w2-o1k1")

    assert 4 == operands.x.size
    assert FIRST_NUMBERS == [float(value) for value in operands.x.ravel()]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_operands_have_the_problem_s_shapes_and_dtype(kind: str, shape: str, dtype: str) -> None:
    """Operands have the shapes and the data type of the problem, and a bias only if it has one."""
    problem, operands = made(kind, shape, dtype)
    shapes = {name: array.shape for name, array in operands.items().items()}

    expected = {"x": problem.input_shape, "weight": problem.weight_shape, "bias": problem.bias_shape}
    assert {name: shape for name, shape in expected.items() if shape} == shapes
    assert {dtype} == {str(array.dtype) for array in operands.items().values()}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["wide_x", "wide_weight", "small_integers"])
@pytest.mark.parametrize("seed", range(3))
def test_no_order_of_summation_can_round(kind: str, shape: str, dtype: str, seed: int) -> None:
    """All numbers are multiples of a unit, and Σ|products| + |bias| is below 2^p of its units."""
    problem, operands = made(kind, shape, dtype, seed)
    magnitude = convolve(
        problem, *(None if a is None else np.abs(a) for a in (operands.x, operands.weight, operands.bias))
    )
    of_x, of_weight = lattice(kind, dtype)

    units = {"x": of_x, "weight": of_weight, "bias": of_x * of_weight}
    whole = [array / units[name] for name, array in zip(operands.items(), doubles(operands), strict=True)]
    assert all(np.array_equal(array, np.rint(array)) for array in whole)
    assert magnitude.max() / (of_x * of_weight) < 2.0 ** accumulator_bits(dtype)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["full_x", "full_weight"])
def test_single_products_are_never_added_to_another(kind: str, shape: str) -> None:
    """Each output of full significands is a single product, and all other terms are zeros."""
    problem, operands = made(kind, shape, "float32")
    products = convolve(problem, operands.x != 0, operands.weight != 0, None)

    assert {0, 1} >= set(products.ravel().tolist())
    assert 0 == np.count_nonzero(operands.bias if operands.bias is not None else 0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", EXACT_KINDS)
def test_float16_holds_the_sums(kind: str, shape: str) -> None:
    """An output of exact data does not overflow float16."""
    problem, operands = made(kind, shape, "float16")

    assert np.abs(convolve(problem, operands.x, operands.weight, operands.bias)).max() < 65504


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["wide_x", "wide_weight"])
def test_wide_integers_are_odd(kind: str, shape: str, dtype: str) -> None:
    """The last bit of every wide integer is set, so that rounding or omission shows."""
    _problem, operands = made(kind, shape, dtype)
    of_x, of_weight = lattice(kind, dtype)

    arrays = [operands.x.astype(np.float64) / of_x, operands.weight.astype(np.float64) / of_weight]
    assert [True, True] == [bool(np.all(np.abs(array) % 2 == 1)) for array in arrays]


@pytest.mark.parametrize(
    ("kind", "wide", "narrow"), [("wide_x", "x", "weight"), ("wide_weight", "weight", "x")]
)
def test_one_operand_is_as_wide_as_sums_allow(kind: str, wide: str, narrow: str) -> None:
    """The largest sum of wide data takes at least a quarter of the accumulator's range."""
    problem, operands = made(kind, "n1c4h6w6-o4k3")
    largest = (
        np.abs(getattr(operands, wide)).max() * np.abs(getattr(operands, narrow)).max() * problem.products
    )

    of_x, of_weight = lattice(kind, "float32")
    assert 2.0**22 < largest / (of_x * of_weight) < 2.0**24


@pytest.mark.parametrize("kind", ["full_x", "full_weight"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_full_significands_have_one_tap_per_output_channel(dtype: str, kind: str) -> None:
    """Each output channel of full significands has one tap, different from its neighbours'."""
    _problem, operands = made(kind, "n1c3h5w5-o5k3", dtype)
    taps = [np.flatnonzero(row.astype(np.float64)).tolist() for row in operands.weight.reshape(5, -1)]

    assert [1] * 5 == [len(tap) for tap in taps]
    assert 5 == len({tuple(tap) for tap in taps})


@pytest.mark.parametrize(("kind", "full"), [("full_x", 0), ("full_weight", 1)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_one_factor_has_a_full_significand_and_the_other_is_a_power_of_two(
    dtype: str, kind: str, full: int
) -> None:
    """One factor has a full significand and the other is a power of two, so that products are exact."""
    _, operands = made(kind, "n1c3h5w5-o5k3", dtype)
    factors = doubles(operands)
    wide, narrow = (values[values != 0] for values in (factors[full], factors[1 - full]))
    significands = np.ldexp(np.frexp(wide)[0], PRECISION[dtype])

    assert np.all(np.abs(significands) % 2 == 1)
    assert {0.5} == set(np.abs(np.frexp(narrow)[0]).tolist())


def test_impulses_are_one_element_per_group_and_one_tap_per_channel() -> None:
    """Impulses are one element per group and one tap per channel, so that a normwise bound is small."""
    _problem, operands = made("impulses", "n2c6h5w5-o4k3g2", "float64")
    per_group = operands.x.reshape(2, 2, -1)

    assert [[1, 1], [1, 1]] == np.count_nonzero(per_group, axis=2).tolist()
    assert [1] * 4 == np.count_nonzero(operands.weight.max(axis=1).reshape(4, -1), axis=1).tolist()


def test_the_items_of_operands_without_a_bias_lack_it() -> None:
    """The items of operands without a bias are the input and the weight."""
    _, operands = made("reals", "n1c1h2w2-o1k1")

    assert ["x", "weight"] == list(operands.items())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bits", [None, 8, 2])
def test_storable_sums_are_held_by_every_type(shape: str, dtype: str, bits: int | None) -> None:
    """No output needs more bits than an input has, whatever the order of its sum."""
    problem = Problem.parse(f"{shape}-{dtype}")
    operands = storable_sums(problem, 0, bits)
    x, weight, *bias = (np.abs(array) for array in doubles(operands))
    most = convolve(problem, x, weight, bias[0] if bias else None).max()

    assert 0 < most < 2 ** min(bits or 53, PRECISION[dtype]) + (bits == 2)
    assert all(np.array_equal(array, np.rint(array)) for array in (x, weight))
