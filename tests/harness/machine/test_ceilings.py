"""Ceilings: exact thresholds of implausible times, and how simulated libraries are measured."""

from collections.abc import Callable
from math import nextafter

import numpy as np
import pytest

from convharness import Case, Problem
from convharness.machine import ceilings
from convharness.machine.ceilings import Ceilings, measure_here
from convharness.numerics.accuracy import Accuracy
from convharness.numerics.accuracy_classes import parse
from tests.making import case_of

DIRECT = parse("direct")
POINTWISE = "n1c8h8w8-o8k1-float32"  # 8192 operations; 512 inputs, 64 weights and 512 outputs of 4 bytes
MADE = Ceilings(threads=1, gflops={"float32": 1.0, "float64": 0.5}, gbytes_s=0.5, cached_gbytes_s=1.0)


def threshold(made: Ceilings, case: Case, one: Accuracy = DIRECT) -> float:
    """Return the shortest time in seconds that is not implausible, by bisection."""
    low, high = 0.0, 1.0
    while nextafter(low, 1.0) < high:
        middle = (low + high) / 2
        low, high = (middle, high) if made.implausible(case, one, middle) else (low, middle)
    return high


# Implausible times


def test_a_time_below_half_of_the_best_product_is_implausible() -> None:
    """8192 operations at 1 Gflop/s take 8.192 µs, and a time below half of that is implausible."""
    least = 8192 / 1e9 / 2

    assert least == threshold(MADE, case_of(POINTWISE))
    assert None is MADE.implausible(case_of(POINTWISE), DIRECT, least)
    assert (
        "took 4.1e-06 s a call, which is implausible: at the 1 Gflop/s that this machine was seen to reach"
        " it takes 8.19e-06 s"
    ) == MADE.implausible(case_of(POINTWISE), DIRECT, nextafter(least, 0.0))


def test_a_time_below_a_quarter_of_the_best_copy_is_implausible() -> None:
    """1088 numbers of 4 bytes at 1 GB/s take 4.352 µs, and a time below a quarter is implausible."""
    unlimited = Ceilings(threads=1, gflops={"float32": 1e9}, gbytes_s=1e-9, cached_gbytes_s=1.0)
    least = 1088 * 4 / 1e9 / 4

    assert least == threshold(unlimited, case_of(POINTWISE))
    assert (
        "took 1.09e-06 s a call, which is implausible: at the 1 GB/s in cache that this machine was seen to"
        " reach it takes 4.35e-06 s"
    ) == unlimited.implausible(case_of(POINTWISE), DIRECT, nextafter(least, 0.0))


@pytest.mark.parametrize("name", ["fft", "winograd(2,3)", "winograd(4,3)", "strassen(1)"])
def test_fast_algorithms_are_compared_with_the_copy_alone(name: str) -> None:
    """The time of a fast algorithm is compared with the copy alone, since it needs fewer operations."""
    assert 1088 * 4 / 1e9 / 4 == threshold(MADE, case_of(POINTWISE), parse(name))


@pytest.mark.parametrize(("name", "least"), [("low(8)", 8192 / 16e9 / 2), ("direct", 8192 / 1e9 / 2)])
def test_a_low_precision_class_may_use_the_fastest_type(name: str, least: float) -> None:
    """An implementation that declares fewer bits is compared with the products of the fastest type."""
    made = Ceilings(1, {"float32": 1.0, "bfloat16": 16.0}, 1.0, cached_gbytes_s=1e6)

    assert least == threshold(made, case_of(POINTWISE), parse(name))


@pytest.mark.parametrize("rate", [None, 0.0])
def test_without_a_measured_product_only_bytes_count(rate: float | None) -> None:
    """A time is compared with the copy alone if no product was measured."""
    gflops = {} if rate is None else {"float32": rate}

    assert 1088 * 4 / 1e9 / 4 == threshold(Ceilings(1, gflops, 1.0, 1.0), case_of(POINTWISE))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("n1c1h2048w2048-o1k1s64", 1024 + 1 + 1024),  # one pixel of 4096 is read
        ("n2c3h9w9-o4k3s2", 2 * 3 * 81 + 4 * 27 + 2 * 4 * 16),  # windows overlap: all of it
        ("n1c1h64w64-o9k3s8", (8 * 3) ** 2 + 9 * 9 + 9 * 64),  # windows do not overlap
        ("n1c1h99w99-o1k3p0:-80", 19**2 + 9 + 17**2),  # all but a corner is cropped
        ("n1c1w99-o1k9p-80:40", 19 + 9 + 51),  # and where zeros follow
        ("n1c1h65w65-o1k3s2d2", 33**2 + 9 + 31**2),  # only even pixels
        ("n1c1w1-o1k101p50", 1 + 1 + 1),  # all taps but one see zeros
        ("n1c1w9-o1k1s20p10", 0 + 0 + 2),  # all of them
        ("n1c2w9-o3k3p1b-reflect", 2 * 9 + (3 * 6 + 3) + 3 * 9),
    ],
)
def test_numbers_that_no_output_needs_are_not_counted(text: str, numbers: int) -> None:
    """Numbers of input and weight that no output needs, as with a large stride or a crop, do not count."""
    made = Ceilings(threads=1, gflops={}, gbytes_s=1.0, cached_gbytes_s=1.0)

    assert numbers * 4 / 1e9 / 4 == threshold(made, case_of(f"{text}-float32"))


def test_a_chain_counts_all_of_its_layers() -> None:
    """The operations and bytes of a chain are those of all layers."""
    chain = Case("chain", (Problem.parse(POINTWISE), Problem.parse(POINTWISE)))

    assert 2 * 8192 / 1e9 / 2 == threshold(MADE, chain)


def test_the_share_of_the_peak_is_that_of_the_data_type() -> None:
    """The share of the peak is that of the data type's product, or None if it was not measured."""
    seconds = 16.384e-6
    found = [
        MADE.peak_fraction(case_of(f"n1c8h8w8-o8k1-{dtype}"), seconds) for dtype in ("float32", "float64")
    ]

    assert [pytest.approx(0.5), pytest.approx(1.0)] == found
    assert None is MADE.peak_fraction(case_of("n1c8h8w8-o8k1-float16"), seconds)


# How ceilings are measured


class Library:
    """A simulated library with given rates of products and copies, where half types may be missing."""

    def __init__(self, gflops: dict[str, float], gbytes_s: Callable[[int], float]) -> None:
        self.threads = 0
        self._gflops = gflops
        self._gbytes_s = gbytes_s

    def limit_threads(self, threads: int) -> None:
        """Record the number of threads."""
        self.threads = threads

    def product(self, dtype: str, size: int) -> Callable[[], float] | None:
        """Return a function that returns the seconds of a product."""
        rate = self._gflops.get(dtype)
        return None if rate is None else lambda: 2.0 * size**3 / (rate * 1e9)

    def copying(self, size: int) -> Callable[[], float]:
        """Return a function that returns the seconds of a copy."""
        return lambda: 2.0 * size / (self._gbytes_s(size) * 1e9)


@pytest.fixture
def libraries(monkeypatch: pytest.MonkeyPatch) -> dict[str, Library]:
    """Replace the libraries by two simulated ones, whose calls return their seconds."""
    held = {
        "plain": Library({"float32": 64.0, "float64": 32.0}, lambda size: 8.0),
        "quick": Library(
            {"float16": 2.0, "bfloat16": 256.0, "float32": 128.0, "float64": 16.0},
            lambda size: {2**13: 16.0, 2**15: 128.0}.get(size, 4.0),
        ),
    }
    monkeypatch.setattr(ceilings, "LIBRARIES", ("plain", "missing", "quick"))
    monkeypatch.setattr(ceilings, "is_installed", lambda name: name != "missing")
    monkeypatch.setattr(ceilings, "adapter", held.__getitem__)
    monkeypatch.setattr(ceilings, "_fastest", lambda call, budget_s: call())
    return held


@pytest.mark.usefixtures("libraries")
def test_the_best_of_all_libraries_counts() -> None:
    """The ceiling of each type is the best of all libraries, and half types have at least that of float32."""
    found = measure_here(1)

    assert {
        "float16": pytest.approx(128.0),  # 2 by itself
        "bfloat16": pytest.approx(256.0),
        "float32": pytest.approx(128.0),
        "float64": pytest.approx(32.0),
    } == dict(found.gflops)
    assert (pytest.approx(8.0), pytest.approx(128.0)) == (found.gbytes_s, found.cached_gbytes_s)


def test_libraries_are_limited_to_the_threads(libraries: dict[str, Library]) -> None:
    """Libraries are limited to the number of threads for which the ceilings hold."""
    found = measure_here(3)

    assert (3, [3, 3]) == (found.threads, [one.threads for one in libraries.values()])


def test_a_large_product_is_not_tried_if_a_small_one_is_slow(
    libraries: dict[str, Library], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A type whose small product is slow is not tried with a large one, which would take seconds."""
    sizes = []

    def product(dtype: str, size: int) -> Callable[[], float]:
        sizes.append(size)
        return lambda: size**3 * 1e-6

    for library in libraries.values():
        monkeypatch.setattr(library, "product", product)
    measure_here(1)

    assert {128} == set(sizes)


def test_the_fastest_call_counts_and_short_ones_are_timed_together() -> None:
    """The fastest call counts, and short calls are timed together in groups that fill 0.1 ms."""
    now, calls = 0.0, 0

    def call() -> None:
        nonlocal now, calls
        calls += 1
        now += 2.0**-17 if calls < 40 else 2.0**-18 if calls < 80 else 2.0**-19

    found = ceilings._fastest(call, 2.0**-10, clock=lambda: now)

    assert 2.0**-19 == found
    assert 0 == (calls - 2) % int(1e-4 / 2.0**-17)


def test_a_call_too_short_for_the_clock_is_counted_at_100_ns() -> None:
    """A call too short for the clock is timed in groups of a thousand."""
    readings = iter([0.0, 0.0, 0.0, 0.5, 1.0, 1.0 + 2.0**-10, 2.0])
    calls = []
    found = ceilings._fastest(lambda: calls.append(1), 1.0, clock=lambda: next(readings))

    assert (1002, 2.0**-10 / 1000) == (len(calls), found)


@pytest.mark.parametrize("library", ceilings.LIBRARIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_and_copies_are_what_they_are_called(library: str, dtype: str) -> None:
    """The product of matrices of ones is their size everywhere, in the data type asked for."""
    one = ceilings.adapter(library)
    call = one.product(dtype, 8)
    assert call is not None

    assert np.full((8, 8), 8.0).tolist() == np.asarray(call()).tolist()
    assert dtype == str(np.asarray(call()).dtype)


def test_numpy_has_no_fast_product_of_half_types() -> None:
    """NumPy has no product of half types as a ceiling, since it loops over elements."""
    numpy = ceilings.adapter("numpy")

    assert [None, None] == [numpy.product(dtype, 8) for dtype in ("float16", "bfloat16")]


def test_more_threads_are_at_least_as_good_as_fewer() -> None:
    """Ceilings combine to the better of each figure, with the threads of the first."""
    two = Ceilings(2, {"float32": 0.8, "float16": 0.1}, gbytes_s=0.7, cached_gbytes_s=0.9)
    both = {"float32": 1.0, "float16": 0.1, "float64": 0.5}

    assert Ceilings(2, both, gbytes_s=0.7, cached_gbytes_s=1.0) == two.at_least(MADE)
