"""Which outputs an element of x reaches: as the reference finds them, which multiplies everything out."""

from itertools import pairwise

import numpy as np
import pytest

from convharness import Problem
from convharness.numerics.large_outputs.reach import drawn_place, may_reach, reached
from convharness.numerics.operands import reals
from convharness.numerics.reference import convolve

PROBLEMS = (
    "n2c4h9w8-o6k3p1g2-float32",
    "n2c4h9w8-o6k3x2s2x3p2:1d2x1g2-float32",
    "n1c2w19-o3k4s2p3:-2d2-float32",
    "n2c2d4h5w6-o2k2p1-replicate-float32",
    "n1c3h6w7-o2k3p4x2s2-reflect-float32",
    "n1c1h6w7-o1k3p5:6x2d2x1s2-circular-float32",
)


@pytest.mark.parametrize("text", PROBLEMS)
def test_an_element_reaches_the_outputs_that_read_it(text: str) -> None:
    """Every element of the first sample, with some weights that are zero."""
    problem = Problem.parse(text)
    weight = reals(problem, 0).weight
    weight.reshape(-1)[::3] = 0
    for place in np.ndindex(*problem.input_shape):
        x = np.zeros(problem.input_shape)
        x[place] = 1
        expected = convolve(problem, x, np.abs(weight), None) > 0
        reach = reached(problem, weight, place)
        found = np.zeros(problem.output_shape, bool)
        found[reach.index] = reach.reads

        assert np.array_equal(expected, found)
        assert not expected[~_may(problem, place, "window")].any()


@pytest.mark.parametrize("text", PROBLEMS)
def test_each_locality_is_wider_than_the_one_before(text: str) -> None:
    """What one allows, all that follow do."""
    problem = Problem.parse(text)
    place = drawn_place(problem, 0)
    assert place is not None
    masks = [_may(problem, place, name) for name in ("window", "hull", "tile", "group", "sample", "batch")]

    assert [0] * 5 == [int((a & ~b).sum()) for a, b in pairwise(masks)]
    assert masks[-1].all()


def _may(problem: Problem, place: tuple[int, ...], locality: str) -> np.ndarray:
    mask = np.zeros(problem.output_shape, bool)
    mask[may_reach(problem, place, locality, 1) or ...] = True
    return mask


def test_a_place_is_one_that_an_output_reads() -> None:
    """Strides leave out elements that no output reads."""
    problem = Problem.parse("n2c3h40w40-o1k1s13-float32")
    place = drawn_place(problem, 3)

    assert place is not None
    assert [0, 0] == [index % 13 for index in place[2:]]


def test_no_place_is_read_where_there_is_no_output() -> None:
    """An empty batch has none."""
    assert drawn_place(Problem.parse("n0c3h4w4-o1k1-float32"), 0) is None
