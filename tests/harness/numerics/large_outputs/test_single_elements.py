"""Single elements of an output: the same as among all, drawn at random and where loops end."""

import numpy as np
import pytest

from convharness import Problem
from convharness.numerics.large_outputs.single_elements import (
    BAD_SHARE,
    MISS_PROBABILITY,
    UNIFORM,
    sampled_places,
    single_elements,
)
from convharness.numerics.operands import reals
from convharness.numerics.reference import truth


@pytest.mark.parametrize(
    "text",
    [
        "n2c6h9w8-o4k3x2s2p1d1x2g2b-reflect-float32",
        "n3c4w19-o6k3p2:-1b-circular-float64",
        "n2c4d5h4w6-o4k2p1g4-replicate-bfloat16",
        "n2c4h7w6-o3k3p3s2-float16",
    ],
)
def test_an_element_alone_is_what_it_is_among_all(text: str) -> None:
    """Its value, its sum of magnitudes, and what is known of the rest of its value."""
    problem = Problem.parse(text)
    operands = reals(problem, 0)
    whole = truth(problem, operands)
    alone = single_elements(problem, operands, sampled_places(problem, 0))

    assert np.allclose(whole.y[alone.places], alone.y, rtol=1e-14, atol=1e-13)
    assert np.allclose(whole.magnitude[alone.places], alone.magnitude, rtol=1e-14)
    exact = (
        whole.y[alone.places].astype(np.longdouble) + np.broadcast_to(whole.tail, whole.y.shape)[alone.places]
    )
    found = alone.y.astype(np.longdouble) + alone.tail
    assert problem.dtype != "float64" or np.allclose(exact, found, rtol=1e-18, atol=1e-18)


def test_the_number_of_elements_follows_from_the_share_and_the_probability() -> None:
    """If one element in a hundred is bad, all that are drawn are good once in a million times."""
    assert (1 - BAD_SHARE) ** UNIFORM <= MISS_PROBABILITY < (1 - BAD_SHARE) ** (UNIFORM - 1)


def test_places_where_loops_end_are_among_them() -> None:
    """Corners, the remainders of vectors, and both sides of powers of two."""
    problem = Problem.parse("n3c1h300w301-o70k1-float32")
    places = set(zip(*(axis.tolist() for axis in sampled_places(problem, 0)), strict=True))
    flat = {int(np.ravel_multi_index(place, problem.output_shape)) for place in places}

    assert {(0, 0, 0, 0), (2, 69, 299, 300), (2, 0, 299, 0)} <= places
    assert {255, 256, 295, 296, 299, 300} <= {place[3] for place in places}
    assert {63, 64, 68, 69} <= {place[1] for place in places}
    assert {65_535, 65_536} <= flat


def test_another_seed_looks_elsewhere() -> None:
    """No element is left out for good."""
    problem = Problem.parse("n3c1h300w301-o70k1-float32")
    one, other = (set(sampled_places(problem, seed)[3].tolist()) for seed in (0, 1))

    assert one != other


def test_all_elements_of_a_small_output_are_looked_at() -> None:
    """There is nothing to draw."""
    problem = Problem.parse("n2c3h5w4-o6k1-float32")

    assert 240 == len(sampled_places(problem, 0)[0])
