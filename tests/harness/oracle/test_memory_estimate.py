"""What judging a problem takes of memory, and what becomes of one for which there is none."""

from math import prod

import pytest

from convharness import Case, Problem, find_suite
from convharness.numerics.large_outputs.large_truth import FullReference
from convharness.oracle import Oracle
from convharness.oracle.memory_estimate import needed_bytes, too_large
from convharness.problems.fields import ITEM_SIZES
from convharness.zoo.convolution import convolve, made
from tests.making import case_of

FULL = FullReference()


@pytest.mark.parametrize("text", ["c64h1024w1024-o1k1-float32", "c1h4096w4096-o1k1-bfloat16"])
def test_a_large_problem_takes_little_more_than_its_arrays(text: str) -> None:
    """Operands in the parent and in shared memory, and the copies of an output on both sides."""
    problem = Problem.parse(text)

    assert needed_bytes(problem, FULL) < 3.5 * problem.min_bytes + 2**28


def test_contents_at_hand_at_once_are_counted() -> None:
    """Each takes as much as the operands."""
    problem = Problem.parse("c64h1024w1024-o1k1-float32")
    one, two = (needed_bytes(problem, FULL, contents=count) for count in (1, 2))

    assert problem.min_bytes - problem.output_bytes == two - one


def test_what_does_not_fit_is_mistrusted_and_says_what_it_needs() -> None:
    """No machine has room for it."""
    text = "c1024h1048576w1048576-o1k1s1024-float32"
    verdict = Oracle().judge(made(convolve), case_of(text))

    assert "mistrusted" == verdict.status
    assert verdict.reason == too_large(Problem.parse(text), FULL) or "GiB of memory" in (verdict.reason or "")


@pytest.mark.parametrize("case", list(find_suite("huge")), ids=lambda case: case.label)
def test_a_huge_case_is_beyond_what_its_label_says(case: Case) -> None:
    """Its largest array has more bytes or elements than an index of 32 bits counts."""
    (problem,) = case.problems
    largest = max(map(prod, (problem.input_shape, problem.weight_shape, problem.output_shape)))
    count = largest * ITEM_SIZES[problem.dtype] if case.label.endswith("bytes") else largest
    power = 32 if "2-32" in case.label else 31

    assert 2**power < count < 1.02 * 2**power
