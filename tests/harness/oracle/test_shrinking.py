"""Shrinking: from a problem that fails to the smallest one that fails in the same way."""

import shlex
from typing import Any

import pytest

from convharness import Problem, Settings, Suite, run
from convharness.oracle.shrinking import shrink
from convharness.zoo.convolution import Asked, convolve, made
from tests.making import case_of

LARGE = Problem.parse("n8c32h28w30-o64k3x5s2x1p1x2:0d1x2g4b-reflect-float32")


@pytest.mark.parametrize(
    ("fails", "expected"),
    [
        (lambda problem: True, "n1c1w1-o1k1-float32"),
        (lambda problem: problem.bias, "n1c1w1-o1k1b-float32"),
        (lambda problem: problem.groups > 1, "n1c2w1-o2k1g2-float32"),
        (lambda problem: problem.batch_size > 2, "n3c1w1-o1k1-float32"),
        (lambda problem: problem.ndim == 2 and problem.stride[0] == 2, "n1c1h1w1-o1k1s2x1-float32"),
        (lambda problem: max(problem.kernel_size) > 3, "n1c1w4-o1k4-float32"),
        (lambda problem: problem.in_channels >= 17, "n1c17w1-o1k1-float32"),
        (lambda problem: problem.padding_mode == "reflect", "n1c1w1-o1k1-reflect-float32"),
    ],
)
def test_each_field_that_the_failure_does_not_need_is_simplified(fails: Any, expected: str) -> None:
    """Shrinking leaves each field as simple as the failure allows."""
    assert expected == str(shrink(LARGE, fails))


def test_a_problem_without_a_simpler_failing_one_is_unchanged() -> None:
    """Shrinking returns the problem itself if no simpler one fails."""
    assert LARGE == shrink(LARGE, lambda problem: False)


def test_the_runner_shrinks_a_failure() -> None:
    """With `shrink`, the reason names the smallest problem that fails, and the reproducer runs it."""

    def flipped(asked: Asked) -> Any:
        """Flip the kernel's last axis."""
        return convolve(asked.but(weight=asked.weight[..., ::-1]))

    suite = Suite("mine", (case_of("n2c4h9w8-o4k3x2p1g2b-float32"),))
    record = next(iter(run([suite], [made(flipped)], Settings(shrink=True))))

    words = shlex.split(record.verdict.reproduce or "")
    smallest = words[words.index("--problem") + 1]
    assert "n1c1w2-o1k2-float32" == smallest
    assert (record.verdict.reason or "").startswith(f"shrunk to {smallest}: y[0, 0, 0] is ")
    assert "n2c4h9w8-o4k3x2p1g2b-float32" == str(record.case)


def test_a_padding_that_matters_on_one_side_is_reached_in_few_steps() -> None:
    """No step leads back to a problem that was left, as it would be taken again and again."""
    asked: list[str] = []

    def fails(problem: Problem) -> bool:
        asked.append(str(problem))
        return problem.pads[0][0] == 2

    smallest = shrink(Problem.parse("n1c1w6-o1k3p2-float32"), fails)
    assert ((2, 0), True) == (smallest.pads[0], len(asked) < 60)
