"""Which conditions on the geometry, of those that a fault may depend on, the suites meet."""

from collections.abc import Iterable
from statistics import mean

import pytest

from convharness import Case, Problem
from convharness.oracle import Oracle
from convharness.problems.random_problems import random_problems
from convharness.problems.suite_files import find_suite
from convharness.zoo.geometry import FAULTS, kernel_with, met

FIXED = ("features", "corner", "sizes")


def problems_of(suites: Iterable[str]) -> list[Problem]:
    """Return all problems of some suites."""
    return [problem for name in suites for case in find_suite(name) for problem in case.problems]


def test_every_condition_is_met_by_a_fixed_suite() -> None:
    """Each condition is met by a problem of the suites that `check` asks in every run."""
    assert set() == set(FAULTS) - met(problems_of(FIXED))


def test_random_problems_meet_most_conditions() -> None:
    """Of the conditions, 200 random problems meet at least two thirds on average, whatever the seed."""
    shares = [len(met(random_problems(200, seed))) / len(FAULTS) for seed in range(5)]

    assert mean(shares) > 2 / 3


@pytest.mark.parametrize(("problem", "status"), [("c9h4w4-o2k3", "wrong"), ("c8h4w4-o2k3", "passed")])
def test_a_kernel_with_a_fault_is_wrong_where_its_condition_holds(problem: str, status: str) -> None:
    """A kernel with a fault of geometry is wrong where its condition holds, and right elsewhere."""
    kernel = kernel_with("inputs after vectors of 8")

    assert status == Oracle(level="quick").judge(kernel, Case("", (Problem.parse(problem),))).status
