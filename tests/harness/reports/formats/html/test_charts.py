"""The charts: coordinates stay inside, and what is extreme is capped."""

import pandas as pd
import pytest

from convharness.reports.formats.html import charts
from tests.harness.reports.conftest import prepared, record


def test_scale() -> None:
    """A logarithmic axis puts ten in the middle between one and a hundred, and caps what is beyond."""
    scale = charts.Scale(1.0, 100.0, 0.0, 200.0)

    assert [0.0, 100.0, 200.0, 200.0, 0.0] == [scale(value) for value in (1, 10, 100, 1e9, 0)]


def test_ticks() -> None:
    """Over few decades there are ticks at 1, 2 and 5."""
    ticks = charts.Scale(1.0, 10.0, 0.0, 100.0).ticks("×")

    assert [
        ("1×", 0),
        ("2×", 30),
        ("5×", 70),
        ("10×", 100),
    ] == [(tick.text, round(tick.position)) for tick in ticks]


def test_scatter_has_no_wrong_results(frame: pd.DataFrame) -> None:
    """Only what was right and timed is drawn; an implementation without all cases is hollow."""
    chart = charts.scatter(prepared(frame), "contiguous")

    assert chart is not None
    assert {
        "pytorch.conv": True, "fast.kernel": False, "slow.loops": True,
    } == {mark.name: mark.is_complete for mark in chart.marks}  # fmt: skip
    assert 7 == len(chart.dots)


def test_scatter_of_nothing(verified: pd.DataFrame) -> None:
    """Without times there is no chart."""
    assert charts.scatter(prepared(verified), "contiguous") is None


@pytest.mark.parametrize("error", [0.0, 1e-300, 1e300, float("inf")])
def test_scatter_is_capped(error: float) -> None:
    """No error, however extreme, leaves the frame."""
    chart = charts.scatter(prepared(pd.DataFrame([record("a.a", "a", ms=1, error_u=error)])), "contiguous")

    assert chart is not None
    assert all(charts.TOP <= mark.y <= charts.HEIGHT - charts.BOTTOM for mark in chart.marks)


def test_profile(frame: pd.DataFrame) -> None:
    """The profile says how often an implementation is the fastest and how much it solves."""
    chart = charts.profile(prepared(frame), "contiguous", ["pytorch.conv", "fast.kernel", "gone.conv"])

    assert chart is not None
    assert [
        "pytorch.conv: 67 % fastest, 100 % within 100×",
        "fast.kernel: 33 % fastest, 33 % within 100×",
    ] == [line.title for line in chart.lines]


def test_profile_of_few_cases(pair: pd.DataFrame) -> None:
    """Two cases make no profile."""
    assert charts.profile(prepared(pair), "contiguous", ["pytorch.conv"]) is None


def test_strip() -> None:
    """The strip runs from the shortest to the longest sample, and leaves out what is missing."""
    assert "M2.0 3v10M118.0 3v10M60.0 3v10" == charts.strip([1.0, 3.0, float("nan"), 2.0])
    assert "" == charts.strip([])
