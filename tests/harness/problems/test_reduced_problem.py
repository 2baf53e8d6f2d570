"""Reduced problems of problems whose input is cropped."""

import pytest

from convharness import Problem
from convharness.problems.reduced_problem import smaller


@pytest.mark.parametrize("padding", ["-3:10", "10:-3", "-7", "-7:0", "2:-40"])
@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_not_all_of_the_input_is_cropped_away(padding: str, mode: str) -> None:
    """What is reduced still reads its input, as the large problem does."""
    small = smaller(Problem.parse(f"n8c64w4000-o64k1p{padding}-{mode}"))

    (before, after), (size,) = small.pads[0], small.input_size
    assert size + min(before, 0) + min(after, 0) > 0
    assert small.input_size < (200,)
