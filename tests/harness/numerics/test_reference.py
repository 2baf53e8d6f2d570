"""The reference, compared with the definition in fractions and loops."""

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from convharness import Problem, ProblemError
from convharness.numerics.operands import Operands, reals, wide_x
from convharness.numerics.reference import convolve, truth

GEOMETRIES = (
    "n2c2w7-o3k3",
    "n1c2w8-o2k2s3p2:1d3b",
    "n1c1h4w5-o2k3x2",
    "n2c4h5w6-o4k3x2s2x1p1x0:2d1x2g2b",
    "n1c2h5w6-o2k3p3:-2x2:-1",
    "n1c2h4w4-o2k1p3:-4",
    "n1c2w8-o2k2s2p-3:1d2b",
    "n1c2h6w7-o2k3x2p-1x-2:3",
    "n1c2h4w4-o2k1p-5:3",
    "n1c3h4w4-o3k3p2g3",
    "n1c2d3h4w3-o2k2x3x1s1x2x1p1",
    "n1c2d4h3w3-o2k2p2d2g2b",
)


def element(problem: Problem, x: Any, position: tuple[int, ...]) -> Fraction:
    """Return the value at a position of the padded input, as a fraction."""
    inside = []
    for start, size in zip(position, problem.input_size, strict=True):
        at = start
        if not 0 <= at < size:
            if problem.padding_mode == "zeros":
                return Fraction(0)
            if problem.padding_mode == "replicate":
                at = 0 if at < 0 else size - 1
            while not 0 <= at < size:
                if problem.padding_mode == "circular":
                    at += size if at < 0 else -size
                else:
                    at = -at if at < 0 else 2 * (size - 1) - at
        inside.append(at)
    return Fraction(float(x[tuple(inside)]))


def by_definition(problem: Problem, operands: Operands) -> np.ndarray:
    """Return the output by the definition, in fractions."""
    y = np.empty(problem.output_shape, object)
    channels, per_group = problem.in_channels // problem.groups, problem.out_channels // problem.groups
    for n, o, *place in product(*map(range, problem.output_shape)):
        total = Fraction(0 if operands.bias is None else float(operands.bias[o]))
        for c, *taps in product(range(channels), *map(range, problem.kernel_size)):
            position = tuple(
                p * s - before + k * d
                for p, s, (before, _), k, d in zip(
                    place, problem.stride, problem.pads, taps, problem.dilation, strict=True
                )
            )
            plane = operands.x[n, o // per_group * channels + c]
            total += Fraction(float(operands.weight[(o, c, *taps)])) * element(problem, plane, position)
        y[(n, o, *place)] = total
    return y


@pytest.mark.parametrize("padding_mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_the_reference_is_exact_on_integers(geometry: str, padding_mode: str) -> None:
    """The reference is equal to the definition on integers."""
    problem = Problem.parse(f"{geometry}-{padding_mode}-float32")
    operands = wide_x(problem, 0)

    assert (
        by_definition(problem, operands).astype(np.float64).tolist()
        == truth(problem, operands, exact=True).y.tolist()
    )


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_the_reference_is_within_its_doubt_on_reals(geometry: str) -> None:
    """The true output differs from `y + tail` by at most `doubt`, and Σ|products| ≤ `magnitude`."""
    problem = Problem.parse(f"{geometry}-float64")
    operands = reals(problem, 0)
    true = truth(problem, operands)

    off = by_definition(problem, operands) - _fractions(true.y) - _fractions(true.tail)
    absolute = Operands(
        *(None if a is None else np.abs(a) for a in (operands.x, operands.weight, operands.bias))
    )
    assert np.all(np.abs(off) <= _fractions(true.doubt))
    assert np.all(by_definition(problem, absolute) <= _fractions(true.magnitude))


def _fractions(array: Any) -> np.ndarray:
    return np.vectorize(Fraction, otypes=[object])(array)


X = np.array([[[[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[1, 2, 3], [4, 5, 6], [7, 8, 9]]]], np.float32)
K = np.array([[[0, 1], [2, 3]], [[1, 2], [3, 4]]], np.float32)


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        (1, [[[56, 72], [104, 120]]]),
        (2, [[[56, 72], [104, 120]], [[76, 100], [148, 172]]]),
        (3, [[[56, 72], [104, 120]], [[76, 100], [148, 172]], [[96, 128], [192, 224]]]),
    ],
)
def test_the_worked_examples_come_out(channels: int, expected: list) -> None:
    """The reference gives the figures of the tutorials, with one, two and three output channels."""
    problem = Problem(in_channels=2, input_size=3, out_channels=channels, kernel_size=2)
    weight = np.stack([K + o for o in range(channels)])

    assert [expected] == convolve(problem, X, weight, None).tolist()


def test_the_kernel_is_not_flipped() -> None:
    """The reference is a cross-correlation: the first tap meets the first element."""
    problem = Problem.parse("c1w3-o1k3")

    y = convolve(problem, np.array([[[1.0, 10.0, 100.0]]]), np.array([[[1.0, 2.0, 3.0]]]), None)
    assert [[[321.0]]] == y.tolist()


def test_the_doubt_on_exact_data_is_zero() -> None:
    """The doubt of the reference is 0 on data whose sums cannot round."""
    problem = Problem.parse("c2h4w4-o2k3")

    assert 0 == truth(problem, wide_x(problem, 0), exact=True).doubt


def test_the_size_of_blocks_does_not_change_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of elements that the reference gathers at once does not change the output."""
    problem = Problem.parse("n2c3h7w6-o4k3s2p1d2g1b")
    operands = wide_x(problem, 0)
    whole = convolve(problem, operands.x, operands.weight, operands.bias)

    monkeypatch.setattr("convharness.numerics.reference._BLOCK_ELEMENTS", 1)
    assert np.array_equal(whole, convolve(problem, operands.x, operands.weight, operands.bias))


@pytest.mark.parametrize("direction", ["input_gradient", "weight_gradient"])
def test_a_direction_without_a_reference_is_refused(direction: str) -> None:
    """A direction without a reference is refused, and the message names it."""
    problem = Problem.parse(f"c2h4w4-o2k3-float32-{direction}")

    with pytest.raises(ProblemError) as refused:
        truth(problem, reals(problem, 0))

    assert f"there is no reference for direction '{direction}' yet; use 'forward'" == str(refused.value)
