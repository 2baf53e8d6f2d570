"""Frames small enough to check every number by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pandas as pd
import pytest

from convharness.measure.stopwatch import Effort
from convharness.reports import formats
from convharness.reports.report import Report
from convharness.reports.views import ranking
from convharness.runs.row import Row
from convharness.runs.run import Run
from convharness.runs.settings import Settings

MILLI = 1e-3


def report_of(frame: pd.DataFrame, *runs: Run, baseline: str | None = None) -> Report:
    """Return the report of the records of a frame."""
    known = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return Report(msgspec.convert(known, list[Row], strict=False), runs, baseline)


def prepared(frame: pd.DataFrame, *runs: Run) -> pd.DataFrame:
    """Return the records of a frame as views take them."""
    return report_of(frame, *runs).frame


def ranks_of(frame: pd.DataFrame, baseline: str | None = None) -> pd.DataFrame:
    """Return the ranking against a baseline."""
    report = report_of(frame, baseline=baseline)
    return ranking.ranked(report.compared, report.baselines)


def render(format_name: str, frame: pd.DataFrame, *runs: Run, baseline: str | None = None) -> str:
    """Return the records of a frame in a format."""
    return formats.render(format_name, report_of(frame, *runs, baseline=baseline), formats.FORMATS)


def run_with(name: str = "r1", effort: Mapping[str, Any] | None = None, **environment: Any) -> Run:
    """Return a run with an environment, that timed with some effort."""
    return Run(name, "", "convharness run", environment, Settings(effort=Effort(**(effort or {}))))


def record(implementation: str, case: str, status: str = "passed", **columns: Any) -> dict[str, Any]:
    """Return one row; `ms` is its time in milliseconds."""
    ms = columns.pop("ms", None)
    return {
        "run": "r1",
        "started_at": "2026-01-02T03:04:05+00:00",
        "machine": "bench",
        "commit": "0123456789abcdef",
        "suite": "net",
        "case": case,
        "weight": 1,
        "problem": f"{case}-float32",
        "dtype": "float32",
        "direction": "forward",
        "implementation": implementation,
        "family": implementation.partition(".")[0],
        "library": implementation.partition(".")[0],
        "layout": "contiguous",
        "threads": 1,
        "status": status,
        "time_median_s": None if ms is None else ms * MILLI,
        "reproduce": f"convharness verify --implementation {implementation} --problem {case}",
        **columns,
    }


STEADY = (0.001, -0.001, 0.002, -0.002, 0.0)
NOISY = (0.05, -0.06, 0.04, -0.05, 0.02)


def timed(
    implementation: str, case: str, ms: float, luck: Sequence[float] = STEADY, **columns: Any
) -> dict[str, Any]:
    """Return a row whose five processes took three samples each, and had their own `luck`."""
    samples = [[generation, [ms * MILLI * (1 + share)] * 3] for generation, share in enumerate(luck)]
    return record(
        implementation,
        case,
        ms=ms,
        samples_s=[second for _, some in samples for second in some],
        passes=[[generation, len(some), 1] for generation, some in samples],
        samples=3 * len(samples),
        **columns,
    )


def twin(ms: float) -> list[Any]:
    """Return the samples of an A/A control."""
    return [[generation, [ms * MILLI] * 3] for generation in range(5)]


@pytest.fixture
def compared() -> pd.DataFrame:
    """Return two cases with one rival of each kind; on case a the noise floor is 1 %, on b the least."""
    flat = (0.0,) * 5
    rows = [
        timed("pytorch.conv", "a", 1.0, flat, twin=twin(1.01)),
        timed("fast.kernel", "a", 0.5),
        timed("slow.kernel", "a", 1.05),
        timed("same.kernel", "a", 1.001),
        timed("noisy.kernel", "a", 1.02, NOISY),
        timed("pytorch.conv", "b", 2.0, flat),
        timed("slow.kernel", "b", 2.2, twin=twin(2.2)),
        timed("same.kernel", "b", 2.0),
        timed("noisy.kernel", "b", 1.98, NOISY),
        record("gone.conv", "a", "unavailable", reason="gone is not installed"),
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def frame() -> pd.DataFrame:
    """Return three cases, four implementations in NCHW and one in NHWC; layer `a` occurs twice."""
    rows = [
        record("pytorch.conv", "a", ms=1, error_u=1.0, gflops=8.0, weight=2),
        record("pytorch.conv", "b", ms=2, error_u=2.0, gflops=9.0),
        record("pytorch.conv", "c", ms=4, error_u=0.5, gflops=7.0),
        record("fast.kernel", "a", ms=0.5, error_u=3.0, weight=2),
        record(
            "fast.kernel",
            "b",
            "wrong",
            ms=0.001,
            error_u=1e6,
            gflops=1e9,
            reason="y[0] is 1, want 2",
            where="y[0]",
        ),
        record("fast.kernel", "c", "unsupported", reason="needs stride 1, got (2, 2)"),
        record("slow.loops", "a", ms=10, error_u=1.0, weight=2),
        record("slow.loops", "b", ms=20, error_u=1.0),
        record("slow.loops", "c", ms=40, error_u=1.0),
        *(record("gone.conv", case, "unavailable", reason="gone is not installed") for case in "abc"),
        record("torch.nhwc", "a", ms=0.25, error_u=1.0, layout="channels_last", weight=2),
        record("torch.nhwc", "b", ms=0.25, error_u=1.0, layout="channels_last"),
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def verified() -> pd.DataFrame:
    """Return what a run leaves that verified and timed nothing."""
    rows = [
        record("pytorch.conv", "a", error_u=1.5),
        record("slow.loops", "a", "wrong", reason="zeros", error_u=9e5),
    ]
    return pd.DataFrame(rows).drop(columns="time_median_s")


@pytest.fixture
def pair() -> pd.DataFrame:
    """Return the bottleneck beside the plain convolution that it replaces."""
    bottleneck = {"versus": "plain", "parameters": 69_632, "dense_macs": 13_647_872}
    plain = {"parameters": 589_824, "dense_macs": 115_605_504}
    rows = [
        record("pytorch.conv", "bottleneck", ms=1, **bottleneck),
        record("pytorch.conv", "plain", ms=5, **plain),
        record("slow.loops", "bottleneck", ms=30, **bottleneck),
        record("slow.loops", "plain", "timeout", **plain),
    ]
    return pd.DataFrame(rows)
