"""Probable errors: every order of summation keeps to them, and fewer bits do not."""

from collections.abc import Callable
from math import exp

import numpy as np
import pytest

from convharness import Problem
from convharness.numerics.accuracy import Doubles, Truth
from convharness.numerics.accuracy_classes import DIRECT, parse
from convharness.numerics.bounds.probable import FALSE_ALARM, deviations
from convharness.numerics.operands import Operands, generator, operands_of, reals
from convharness.numerics.reference import truth

LONG = Problem.parse("n1c2048h8w8-o4k1-float32")
Products = Doubles


def positive(problem: Problem, seed: int = 0) -> Operands:
    """Return random numbers from ½ to 1."""
    random = generator(problem, "positive", seed)
    shapes = (problem.input_shape, problem.weight_shape, (problem.out_channels,))
    return operands_of(problem, *(random.uniform(0.5, 1, shape) for shape in shapes))


def products(operands: Operands) -> Products:
    """Return the float32 products (C, O, P) of a kernel of one tap."""
    x = operands.x.reshape(operands.x.shape[1], 1, -1)
    return operands.weight.reshape(len(operands.weight), -1).T[:, :, None] * x


def running(terms: Products) -> Products:
    """Add one after the other."""
    return np.cumsum(terms, axis=0, dtype=np.float32)[-1]


def backwards(terms: Products) -> Products:
    """Add from the last to the first."""
    return running(terms[::-1])


def largest_first(terms: Products) -> Products:
    """Add in the order that lets partial sums grow fastest."""
    return running(-np.sort(-terms, axis=0))


def in_lanes(terms: Products) -> Products:
    """Add eight running sums."""
    return pairwise(np.stack([running(terms[lane::8]) for lane in range(8)]))


def in_blocks(terms: Products) -> Products:
    """Add blocks of 64."""
    return running(np.stack([running(block) for block in np.split(terms, len(terms) // 64)]))


def pairwise(terms: Products) -> Products:
    """Add halves."""
    while len(terms) > 1:
        terms = terms[::2] + terms[1::2]
    return terms[0]


def in_double(terms: Products) -> Products:
    """Add in float64 and round once."""
    return terms.astype(np.float64).sum(axis=0).astype(np.float32)


ORDERS = (running, backwards, largest_first, in_lanes, in_blocks, pairwise, in_double)


def cut_off(terms: Products) -> Products:
    """Add one after the other, and cut off what the accumulator does not hold."""
    total = np.zeros(terms.shape[1:], np.float32)
    for term in terms:
        exact = total.astype(np.float64) + term
        rounded = exact.astype(np.float32)
        total = np.where(rounded > exact, np.nextafter(rounded, np.float32(0)), rounded)
    return total


def share(y: Products, true: Truth, accuracy: str = "direct") -> float:
    """Return the largest error as a share of what is likely."""
    likely = parse(accuracy).likely(true)
    assert likely is not None
    return float((np.abs(y.reshape(true.y.shape) - true.y) / likely).max())


@pytest.mark.parametrize("outputs", [1, 1000, 10**7])
def test_deviations_leave_the_stated_chance(outputs: int) -> None:
    """2·N·exp(−λ²/2) = ε."""
    assert pytest.approx(FALSE_ALARM) == 2 * outputs * exp(-(deviations(outputs) ** 2) / 2)


@pytest.mark.parametrize("make", [positive, lambda problem: reals(problem, 0)], ids=["positive", "signed"])
@pytest.mark.parametrize("order", ORDERS)
def test_every_order_of_summation_is_likely(
    order: Callable[[Products], Products], make: Callable[[Problem], Operands]
) -> None:
    """None comes near to the bound, which has a margin for the order and for uneven roundings."""
    operands = make(LONG)
    true = truth(LONG, operands)

    assert share(order(products(operands)), true) < 0.25


def test_one_running_sum_of_25000_positive_numbers_is_likely() -> None:
    """The order with the largest errors that there is, on the longest sums of known networks."""
    problem = Problem.parse("n1c25000h4w4-o4k1-float32")
    operands = positive(problem)

    assert share(running(products(operands)), truth(problem, operands)) < 0.25


def test_an_accumulator_that_cuts_off_is_not_likely() -> None:
    """Its errors all go the same way: within the worst case, and beyond what independent ones add up to."""
    operands = positive(LONG)
    true = truth(LONG, operands)
    y = cut_off(products(operands))

    assert share(y, true) > 1.5
    assert np.all(np.abs(y.reshape(true.y.shape) - true.y) < DIRECT.bound(true))


@pytest.mark.parametrize(("channels", "is_sharper"), [(16, False), (2048, True)])
def test_only_long_sums_have_less_than_the_worst_case(channels: int, is_sharper: bool) -> None:
    """λ·√n is less than n from about a hundred products on."""
    problem = Problem.parse(f"n1c{channels}h4w4-o4k1-float32")
    true = truth(problem, positive(problem))
    likely = DIRECT.likely(true)

    assert likely is not None
    assert is_sharper == bool(np.all(likely < DIRECT.bound(true) / 3))
    assert np.all(likely <= DIRECT.bound(true))


def test_products_that_are_zero_do_not_count() -> None:
    """A thousand channels of which one holds something are as good as one."""
    problem = Problem.parse("n1c1000h4w4-o4k3-float32")
    operands = reals(problem, 0)
    operands.x[:, 1:] = 0
    true = truth(problem, operands)

    assert np.all(DIRECT.bound(true) <= 1.001 * 10 * 2.0**-24 * true.magnitude + true.doubt + 1e-30)


def transformed(problem: Problem, operands: Operands, inside: Callable[[Products], Products]) -> Products:
    """Return a convolution without padding by transforms in float32, of which `inside` makes something."""
    size, axes = problem.input_size, (2, 3)
    image, kernel = (
        inside(np.fft.rfftn(array, size, axes).astype(np.complex64))
        for array in (operands.x, operands.weight)
    )
    y = np.fft.irfftn(np.einsum("nc...,oc...->no...", image, kernel.conj()), size, axes)
    return y[..., : problem.output_size[0], : problem.output_size[1]].astype(np.float32)


def of_eleven_bits(values: Products) -> Products:
    """Return complex numbers rounded to the significand of TF32."""
    parts = np.ascontiguousarray(values).view(np.float32)
    significand, power = np.frexp(parts)
    return np.ldexp(np.rint(significand * 2**11) / 2**11, power).astype(np.float32).view(np.complex64)


@pytest.mark.parametrize("shape", ["n2c3h17w19-o4k3", "n1c1h33w33-o2k5", "n1c16h24w9-o2k7x2"])
@pytest.mark.parametrize("make", [positive, lambda problem: reals(problem, 0)], ids=["positive", "signed"])
def test_a_transform_in_single_precision_is_likely(make: Callable[[Problem], Operands], shape: str) -> None:
    """By far."""
    problem = Problem.parse(f"{shape}-float32")
    operands = make(problem)

    assert share(transformed(problem, operands, np.asarray), truth(problem, operands), "fft") < 0.05


@pytest.mark.parametrize("shape", ["n2c3h17w19-o4k3", "n1c1h33w33-o2k5", "n1c16h24w9-o2k7x2"])
def test_a_transform_whose_spectra_have_eleven_bits_is_not_likely(shape: str) -> None:
    """Though the worst case of transforms allows it."""
    problem = Problem.parse(f"{shape}-float32")
    operands = reals(problem, 0)
    true = truth(problem, operands)
    y = transformed(problem, operands, of_eleven_bits)

    assert share(y, true, "fft") > 2
    assert np.all(np.abs(y - true.y) < parse("fft").bound(true))


@pytest.mark.parametrize("name", ["winograd(2,3)", "strassen(1)"])
def test_some_classes_have_the_worst_case_alone(name: str) -> None:
    """Where few channels make it sharp enough."""
    assert parse(name).likely(truth(LONG, reals(LONG, 0))) is None
