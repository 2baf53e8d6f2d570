"""Accuracy classes: constants of the data types, and bounds that hold and are tight."""

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
from convharness.numerics.bounds.worst_case import low_precision
from convharness.numerics.operands import reals, wide_x
from convharness.numerics.reference import truth

NAMES = ("direct", "fft", "winograd(2,3)", "winograd(4,3)", "strassen(2)", "low(8)", "low(11)", "low(24)")
DTYPES = ("float16", "bfloat16", "float32", "float64")


@pytest.mark.parametrize("dtype", DTYPES)
def test_precision_is_that_of_the_type(dtype: str) -> None:
    """One plus the last bit of a type differs from one, and one plus a quarter of it does not."""
    one, last = dtype_of(dtype).type(1), 2.0 ** (1 - PRECISION[dtype])

    assert one + dtype_of(dtype).type(last) != one
    assert dtype_of(dtype).type(1 + last / 4) == one


@pytest.mark.parametrize(
    ("dtype", "bits"), [("float16", 24), ("bfloat16", 24), ("float32", 24), ("float64", 53)]
)
def test_short_types_are_summed_in_float32(dtype: str, bits: int) -> None:
    """A type of 16 bits has a float32 accumulator."""
    assert (bits, 2.0**-bits) == (accumulator_bits(dtype), unit_roundoff(dtype))


def test_gamma_is_higham_s() -> None:
    """γ_m is m·u/(1 − m·u), as in Higham."""
    assert 0.5 / 0.5 == gamma(2, 0.25)


@pytest.mark.parametrize("name", NAMES)
def test_a_class_is_known_by_name(name: str) -> None:
    """An accuracy class is found by the name that a plugin declares."""
    assert name == parse(name).name


def test_an_unknown_class_is_refused() -> None:
    """The message about an unknown accuracy class proposes the nearest name."""
    with pytest.raises(PluginError) as refused:
        parse("dirct")

    assert "declares accuracy='dirct', which is not known; did you mean 'direct'?" == str(refused.value)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_bound_of_an_exact_class_on_exact_data_is_zero(dtype: str) -> None:
    """The bound of `direct` on data whose sums cannot round is 0, and that of `fft` is not."""
    problem = Problem.parse(f"n1c2h4w4-o2k3b-{dtype}")
    true = truth(problem, wide_x(problem, 0), exact=True)

    assert 0 == parse("direct").bound(true, exact_data=True).max()
    assert 0 < parse("fft").bound(true, exact_data=True).min()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_the_bound_of_short_types_on_exact_data_is_one_rounding(dtype: str) -> None:
    """The bound of a 16-bit type on exact data is one rounding of the float32 sum."""
    problem = Problem.parse(f"n1c2h4w4-o2k3-{dtype}")
    true = truth(problem, wide_x(problem, 0), exact=True)

    allowed = parse("direct").bound(true, exact_data=True)
    rounding = np.abs(true.y.astype(dtype_of(dtype)).astype(np.float64) - true.y)
    half = 2.0 ** -PRECISION[dtype] * np.abs(true.y)
    assert np.all(rounding <= allowed)
    assert np.all(allowed <= half * 1.01 + 1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_direct_bound_is_gamma_times_the_magnitude(dtype: str) -> None:
    """The bound of `direct` is γₙ₊₁·(|x|⋆|w| + |b|) plus the error of the reference itself."""
    problem = Problem.parse(f"n1c2h4w4-o2k3b-{dtype}")
    true = truth(problem, reals(problem, 0))

    expected = gamma(19, unit_roundoff(dtype)) * true.magnitude + true.doubt
    assert np.allclose(expected, parse("direct").bound(true), rtol=1e-9, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_a_bound_grows_with_its_data(name: str) -> None:
    """Twice the input gives twice the bound, which has no absolute tolerance."""
    problem = Problem.parse("n1c2h4w4-o2k3-float32")
    operands = reals(problem, 0)
    one = parse(name).bound(truth(problem, operands))

    twice = type(operands)(2 * operands.x, operands.weight, operands.bias)
    assert np.allclose(2 * one, parse(name).bound(truth(problem, twice)), rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_true_output_rounded_once_is_within_every_bound(name: str, dtype: str) -> None:
    """The true output, rounded once to the type, is within the bound of every class."""
    problem = Problem.parse(f"n2c4h5w5-o4k3p1g2b-{dtype}")
    true = truth(problem, reals(problem, 0))

    error = np.abs(true.y.astype(dtype_of(dtype)).astype(np.float64) - true.y)
    assert np.all(error <= parse(name).bound(true))


def test_low_precision_is_wider_than_the_direct_bound() -> None:
    """The bounds of low precision are wider than that of `direct`, and wider for fewer bits."""
    problem = Problem.parse("n1c2h4w4-o2k3-float32")
    true = truth(problem, reals(problem, 0))

    assert np.all(parse("direct").bound(true) < low_precision(true, 11))
    assert np.all(low_precision(true, 11) < low_precision(true, 8))
