"""The truth of large outputs: every single wrong element shows, wherever it is, and no right one does."""

import numpy as np
import pytest

from convharness import Problem
from convharness.numerics.accuracy_classes import DIRECT, parse
from convharness.numerics.large_outputs.large_truth import FullReference, LargeTruth, large_truth, true_output
from convharness.numerics.operands import Operands, reals, sparse_integers, timed_integers, wide_x
from convharness.numerics.reference import convolve
from convharness.oracle.output_errors import compare

PROBLEMS = (
    "n2c6h9w8-o4k3x2s2p1d1x2g2b-reflect-float32",
    "n3c4w19-o6k3p2:-1b-circular-float64",
    "n2c4d5h4w6-o4k2p1g4-replicate-float32",
    "n4c16h12w12-o8k3p1-float32",
)
LARGE = "n2c4h40w41-o3k3p1b-float32"


def made(text: str, make: type = timed_integers) -> tuple[LargeTruth, np.ndarray]:
    """Return the truth of a problem as if it were large, and the output that belongs to it."""
    problem = Problem.parse(text)
    operands = make(problem, 0)
    exact = make in (timed_integers, wide_x, sparse_integers)
    y = convolve(problem, operands.x, operands.weight, operands.bias)
    return large_truth(problem, operands, exact=exact, seed=0), y.astype(problem.dtype)


def without_elements(truth: LargeTruth) -> LargeTruth:
    """Return the truth of weighted sums alone, but for one element of the output."""
    first = tuple(np.array([0]) for _ in truth.problem.output_shape)
    one = truth.element((0,) * len(first))
    return LargeTruth(
        truth.problem, truth.x, truth.weight, one.y, one.magnitude, one.doubt, one.tail, truth.bias, first,
        exact=truth.exact,
    )  # fmt: skip


@pytest.mark.parametrize("text", [*PROBLEMS, LARGE])
@pytest.mark.parametrize("make", [timed_integers, reals, sparse_integers])
def test_a_right_output_is_right(text: str, make: type) -> None:
    """On whole numbers to the bit, on reals within its bound."""
    truth, y = made(text, make)

    assert compare(y, truth, DIRECT, exact_data=truth.exact).where is None


@pytest.mark.parametrize("text", PROBLEMS)
def test_any_single_wrong_element_is_seen_and_found(text: str) -> None:
    """Off by one, wherever it is, by the weighted sums alone."""
    truth, y = made(text)
    truth = without_elements(truth)

    missed = []
    drawn = np.random.default_rng(0).integers(y.size, size=30)
    for place in zip(*map(np.ndarray.tolist, np.unravel_index(drawn, y.shape)), strict=True):
        wrong = y.copy()
        wrong[place] += 1
        if compare(wrong, truth, DIRECT, exact_data=True).where != place:
            missed.append(place)
    assert [] == missed


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_wrong(value: float) -> None:
    """No comparison with it is true, and it is named."""
    truth, y = made(LARGE)
    y[1, 2, 39, 17] = value

    assert (1, 2, 39, 17) == compare(y, truth, DIRECT, exact_data=True).where


def test_two_channels_exchanged_are_seen() -> None:
    """The coefficients of channels differ."""
    truth, y = made(LARGE)

    assert compare(y[:, ::-1].copy(), truth, DIRECT, exact_data=True).where is not None


def test_errors_that_cancel_in_every_plain_sum_are_seen() -> None:
    """Four elements of one position, whose errors add up to zero over samples and over channels."""
    truth, y = made(LARGE)
    y[:, :2, 20, 20] += np.array([[1, -1], [-1, 1]])

    assert (20, 20) == compare(y, without_elements(truth), DIRECT, exact_data=True).where[2:]


def test_a_transform_may_round_but_no_element_may_be_another_number() -> None:
    """Where the bound is below one half the nearest whole number is the true value."""
    truth, y = made(LARGE, sparse_integers)
    y = y + np.float32(1e-5) * np.sin(np.arange(y.size, dtype=np.float32)).reshape(y.shape)
    wrong = y.copy()
    wrong[0, 1, 33, 3] += 1

    found = [compare(one, truth, parse("fft"), exact_data=True).where for one in (y, wrong)]
    assert [None, (0, 1, 33, 3)] == found


def test_an_element_between_two_whole_numbers_is_wrong() -> None:
    """It is nearest to the right one, and beyond the bound."""
    truth, y = made(LARGE, sparse_integers)
    y[0, 1, 33, 3] += 0.375

    assert (0, 1, 33, 3) == compare(y, truth, parse("fft"), exact_data=True).where


@pytest.mark.parametrize("text", [LARGE, "n2c4h40w41-o3k3p1b-float64", "n2c4h40w41-o3k3p1b-bfloat16"])
@pytest.mark.parametrize("accuracy", ["direct", "fft", "winograd(4,3)", "low(8)"])
def test_a_gross_error_on_reals_is_seen_anywhere(text: str, accuracy: str) -> None:
    """A sum may be off by all bounds together, and one element is off by more."""
    truth, y = made(text, reals)
    truth = without_elements(truth)
    wrong = y.copy()
    wrong[1, 2, 20, 40] += 500

    found = [compare(one, truth, parse(accuracy), exact_data=False).where for one in (y, wrong)]
    assert [None, (1, 2, 20, 40)] == found


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_narrow_storage_may_round_wide_sums(dtype: str) -> None:
    """Each output is rounded once, which no weighted sum of many may be held against."""
    problem = Problem.parse(f"n2c9h40w41-o3k3p1-{dtype}")
    operands = wide_x(problem, 0)
    y = convolve(problem, operands.x, operands.weight, None)
    truth = large_truth(problem, operands, exact=True, seed=0)
    stored = DIRECT.results(true_output(problem, operands, exact=True, seed=0, full=FullReference()))[0]

    assert compare(stored, truth, DIRECT, exact_data=True).where is None
    assert y.shape == stored.shape


def test_bounds_of_elements_are_those_of_the_whole() -> None:
    """Each class bounds an element alone as it does among all."""
    problem = Problem.parse("n2c4h9w8-o6k3p1g2b-float32")
    operands = reals(problem, 0)
    full = true_output(problem, operands, exact=False, seed=0, full=FullReference())
    some = large_truth(problem, operands, exact=False, seed=0)

    for name in ("direct", "fft", "winograd(4,3)", "strassen(1)", "low(8)"):
        whole = np.broadcast_to(parse(name).bound(full), problem.output_shape)
        assert np.allclose(whole[some.places], parse(name).bound(some), rtol=1e-12)


def test_a_problem_is_large_by_its_arithmetic_or_its_size() -> None:
    """Either makes the whole reference too costly; float64's costs more."""
    texts = ("c64h56w56-o64k3p1", "c16h1024w64-o1k1", "c16h32w32-o16k3p1-float64", "c16h32w32-o16k3p1")

    assert [False, False, False, True] == [FullReference().covers(Problem.parse(text)) for text in texts]


def test_an_operand_is_looked_at_once() -> None:
    """A truth of one element knows how large the operands are."""
    truth, y = made(LARGE, reals)

    assert compare(y, truth, DIRECT, exact_data=False).where is None
    assert truth.element((0, 0, 0, 0)).sizes is truth.sizes
    assert isinstance(truth.operands, Operands)
