"""The errors of an output, compared with the true one."""

import numpy as np
import pytest

from convharness.numerics.operands import reals
from convharness.numerics.reference import truth
from convharness.oracle.output_errors import significant_bits
from convharness.problems.problem import Problem

PROBLEM = Problem.parse("n1c2h4w4-o2k3-float32")


@pytest.mark.parametrize(
    ("value", "bits"), [(np.nan, 0), (np.inf, 0), (np.float32(1e38), 0)], ids=["nan", "infinity", "huge"]
)
def test_an_output_beyond_all_measure_has_no_significant_bits(value: float, bits: int) -> None:
    """An output with one element that is not finite, or far off, has no significant bits."""
    true = truth(PROBLEM, reals(PROBLEM, 0))
    y = true.y.astype(np.float32)
    y[0, 0, 0, 0] = value

    assert bits == significant_bits(y, true)


def test_a_rounded_output_has_as_many_bits_as_its_type() -> None:
    """The true output, rounded to float32, has some 24 significant bits."""
    true = truth(PROBLEM, reals(PROBLEM, 0))

    assert 24 <= significant_bits(true.y.astype(np.float32), true) <= 27
