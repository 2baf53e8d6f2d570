"""The check at size: weighted sums and single elements of outputs too large to compute again."""

import numpy as np
import pytest

from convharness import Problem
from convharness.numerics.accuracy_classes import parse
from convharness.numerics.operands import Operands, timed_integers
from convharness.numerics.reference import convolve
from convharness.oracle.large_outputs import AtSize, is_decided_exactly

PROBLEMS = (
    "n2c6h9w8-o4k3x2s2p1d1x2g2b-reflect-float32",
    "n3c4w19-o6k3p2:-1b-circular-float64",
    "n2c4d5h4w6-o4k2p1g4-replicate-float32",
    "n4c16h12w12-o8k3p1-float32",
)


def made(text: str) -> tuple[Problem, Operands, np.ndarray]:
    """Return a problem, its timed operands, and their output."""
    problem = Problem.parse(text)
    operands = timed_integers(problem, 0)
    y = convolve(problem, operands.x, operands.weight, operands.bias)
    return problem, operands, y.astype(problem.dtype)


@pytest.mark.parametrize("text", PROBLEMS)
def test_a_right_output_has_no_complaint(text: str) -> None:
    """A right output has no complaint, since both sides are exact."""
    problem, operands, y = made(text)

    assert AtSize(problem, operands, 0).complaint(y) is None


@pytest.mark.parametrize("text", PROBLEMS)
def test_any_single_wrong_element_is_seen(text: str) -> None:
    """An output with any single element off by one has a complaint."""
    problem, operands, y = made(text)
    check = AtSize(problem, operands, 0)

    missed = []
    for place in np.ndindex(*y.shape):
        wrong = y.copy()
        wrong[place] += 1
        if check.complaint(wrong) is None:
            missed.append(place)
    assert [] == missed


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_element_that_is_not_finite_is_wrong(value: float) -> None:
    """An output with a NaN or an infinity is wrong."""
    problem, operands, y = made(PROBLEMS[-1])
    y[3, 7, 11, 11] = value

    assert "wrong" in (AtSize(problem, operands, 0).complaint(y) or "")


def test_exchanged_channels_are_seen() -> None:
    """An output with its channels exchanged has a complaint, since their coefficients differ."""
    problem, operands, y = made(PROBLEMS[-1])

    assert AtSize(problem, operands, 0).complaint(y[:, ::-1].copy()) is not None


@pytest.mark.parametrize(
    ("text", "accuracy", "expected"),
    [
        ("c1h3w3-o1k1-float32", "direct", True),
        ("c1h3w3-o1k1-float64", "direct", True),
        ("c1h3w3-o1k1-float16", "direct", False),
        ("c1h3w3-o1k1-float32", "fft", False),
        ("c1h3w3-o1k1-float32", "low(8)", False),
        ("n0c1h3w3-o1k1-float32", "direct", False),
    ],
)
def test_only_exact_outputs_are_decided_exactly(text: str, accuracy: str, expected: bool) -> None:
    """An output is decided exactly only if its data type and accuracy class do not round."""
    assert expected == is_decided_exactly(Problem.parse(text), parse(accuracy))
