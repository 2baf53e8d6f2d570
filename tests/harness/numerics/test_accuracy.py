"""Accuracy classes: constants of the types, and bounds that hold and are not slack."""

import numpy as np
import pytest

from convharness import PluginError, Problem
from convharness.numerics.accuracy import (
    PRECISION,
    accumulator_bits,
    gamma,
    unit_roundoff,
)
from convharness.numerics.accuracy_classes import parse
from convharness.numerics.arrays import dtype_of
from convharness.numerics.error_bounds import low_precision
from convharness.numerics.operands import reals, wide_x
from convharness.numerics.reference import truth

NAMES = ("direct", "fft", "winograd(2,3)", "winograd(4,3)", "strassen(2)", "low(8)", "low(11)", "low(24)")
DTYPES = ("float16", "bfloat16", "float32", "float64")


@pytest.mark.parametrize("dtype", DTYPES)
def test_precision_is_that_of_the_type(dtype: str) -> None:
    """One plus the last bit differs from one, one plus half of it does not."""
    one, last = dtype_of(dtype).type(1), 2.0 ** (1 - PRECISION[dtype])

    assert one + dtype_of(dtype).type(last) != one
    assert dtype_of(dtype).type(1 + last / 4) == one


@pytest.mark.parametrize(
    ("dtype", "bits"), [("float16", 24), ("bfloat16", 24), ("float32", 24), ("float64", 53)]
)
def test_short_types_are_summed_in_float32(dtype: str, bits: int) -> None:
    """Sixteen bits of storage mean a float32 accumulator."""
    assert (bits, 2.0**-bits) == (accumulator_bits(dtype), unit_roundoff(dtype))


def test_gamma_is_higham_s() -> None:
    """γ_m = m·u/(1 − m·u)."""
    assert 0.5 / 0.5 == gamma(2, 0.25)


@pytest.mark.parametrize("name", NAMES)
def test_a_class_is_known_by_name(name: str) -> None:
    """What a plugin declares is what it is held to."""
    assert name == parse(name).name


def test_an_unknown_class_is_refused() -> None:
    """With the nearest right word."""
    with pytest.raises(PluginError) as refused:
        parse("dirct")

    assert "declares accuracy='dirct', which is not known; did you mean 'direct'?" == str(refused.value)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_exact_data_leaves_an_exact_class_no_room(dtype: str) -> None:
    """Sums that cannot round must be equal bit for bit."""
    problem = Problem.parse(f"n1c2h4w4-o2k3b-{dtype}")
    true = truth(problem, wide_x(problem, 0), exact=True)

    assert 0 == parse("direct").bound(true, exact_data=True).max()
    assert 0 < parse("fft").bound(true, exact_data=True).min()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_exact_data_leaves_short_types_their_last_rounding(dtype: str) -> None:
    """The float32 sum is rounded once, by at most half of the last bit."""
    problem = Problem.parse(f"n1c2h4w4-o2k3-{dtype}")
    true = truth(problem, wide_x(problem, 0), exact=True)

    allowed = parse("direct").bound(true, exact_data=True)
    rounding = np.abs(true.y.astype(dtype_of(dtype)).astype(np.float64) - true.y)
    half = 2.0 ** -PRECISION[dtype] * np.abs(true.y)
    assert np.all(rounding <= allowed)
    assert np.all(allowed <= half * 1.01 + 1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_direct_bound_is_gamma_times_the_magnitude(dtype: str) -> None:
    """γₙ₊₁·(|x|⋆|w| + |b|) on top of the reference's own doubt, and no more than a hair of subnormals."""
    problem = Problem.parse(f"n1c2h4w4-o2k3b-{dtype}")
    true = truth(problem, reals(problem, 0))

    expected = gamma(19, unit_roundoff(dtype)) * true.magnitude + true.doubt
    assert np.allclose(expected, parse("direct").bound(true), rtol=1e-9, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_a_bound_grows_with_its_data(name: str) -> None:
    """Twice the input, twice the bound: there is no absolute tolerance in it."""
    problem = Problem.parse("n1c2h4w4-o2k3-float32")
    operands = reals(problem, 0)
    one = parse(name).bound(truth(problem, operands))

    twice = type(operands)(2 * operands.x, operands.weight, operands.bias)
    assert np.allclose(2 * one, parse(name).bound(truth(problem, twice)), rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_true_output_rounded_once_is_within_every_bound(name: str, dtype: str) -> None:
    """The best answer that the type can hold always passes."""
    problem = Problem.parse(f"n2c4h5w5-o4k3p1g2b-{dtype}")
    true = truth(problem, reals(problem, 0))

    error = np.abs(true.y.astype(dtype_of(dtype)).astype(np.float64) - true.y)
    assert np.all(error <= parse(name).bound(true))


def test_low_precision_is_wider_than_the_direct_bound() -> None:
    """What is merely imprecise lies between the two."""
    problem = Problem.parse("n1c2h4w4-o2k3-float32")
    true = truth(problem, reals(problem, 0))

    assert np.all(parse("direct").bound(true) < low_precision(true, 11))
    assert np.all(low_precision(true, 11) < low_precision(true, 8))
