"""Records: flat columns in order, with their units."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from convharness import Case, Measurement, Problem, Record, Run, Verdict, implementation
from convharness.machine.ceilings import Ceilings
from convharness.problems.problem import FIELDS
from convharness.runs.row import COLUMNS, NESTED_COLUMNS
from tests.making import case_of, declared

DESIGNED = (
    *("run", "started_at", "machine", "commit", "suite", "case", "weight", "problem"),
    *FIELDS,
    *(
        "implementation",
        "family",
        "library",
        "library_version",
        "accuracy",
        "threads",
        "status",
        "reason",
        "layer",
    ),
    *("error_u", "error_bound_u", "error_max_abs", "error_rel_l2", "plan_s", "time_median_s", "time_low_s"),
    *("time_high_s", "samples", "macs", "flops", "min_bytes", "gflops", "gbytes_s", "peak_fraction"),
    *("peak_memory_bytes", "seed", "reproduce"),
)
RUN = Run(
    "20260101-000000-abcdef",
    "2026-01-01T00:00:00+00:00",
    "convharness run",
    {"machine": "m", "commit": "c"},
    {},
)


def row_of(one: Record) -> dict[str, Any]:
    """Return the columns of a record by name."""
    return msgspec.structs.asdict(RUN.row(one))


@implementation
def nothing(x, weight):
    """Do nothing."""


def record(case: Case | None = None, **facts: object) -> Record:
    """Return a record of an implementation that does nothing."""
    one = declared(nothing)
    return Record("suite", case or case_of("n1c2h4w4-o2k3-float32"), one, Verdict("passed"), **facts)


def test_the_main_columns_keep_their_order() -> None:
    """The main columns come in a fixed order, and others may stand between them."""
    assert list(DESIGNED) == [name for name in COLUMNS if name in DESIGNED]


def test_a_row_has_every_column_in_order() -> None:
    """A row has all columns in order, with None for what is not known."""
    assert [*COLUMNS, *NESTED_COLUMNS] == list(row_of(record()))


def test_no_column_is_there_twice() -> None:
    """No column appears twice."""
    assert len(COLUMNS) == len(set(COLUMNS))


def test_a_row_says_where_it_comes_from() -> None:
    """A row has the run, its start, the machine and the commit."""
    row = row_of(record())

    assert (RUN.id, RUN.started_at, "m", "c") == (
        row["run"],
        row["started_at"],
        row["machine"],
        row["commit"],
    )


@pytest.mark.parametrize(
    ("verdict", "cause"),
    [
        (Verdict("unsupported", "needs stride 1, got (2, 2)", cause="needs stride 1"), "needs stride 1"),
        (Verdict("unavailable", "jax is not installed"), "jax is not installed"),
        (Verdict("wrong", "y[0] is 1", cause="y[0] is 1"), None),
        (Verdict("passed"), None),
    ],
)
def test_a_record_that_was_not_judged_has_a_cause(verdict: Verdict, cause: str | None) -> None:
    """A record that was not judged has the part of its reason that is the same for all problems."""
    assert cause == row_of(replace(record(), verdict=verdict))["cause"]


def test_rates_follow_from_times_and_counts() -> None:
    """The rates of a row are 10⁹ flops and bytes per second of the median time."""
    measured = Measurement([(0, (0.002, 0.001, 0.003))], [7], plan_s=0.5, first_call_s=0.25)
    row = row_of(record(measurement=measured))
    problem = Problem.parse("n1c2h4w4-o2k3-float32")

    assert (0.002, 0.001, 0.003, 3, 7) == tuple(
        row[name] for name in ("time_median_s", "time_low_s", "time_high_s", "samples", "number")
    )
    assert (0.5, 0.25, [0.002, 0.001, 0.003]) == (row["plan_s"], row["first_call_s"], row["samples_s"])
    assert pytest.approx(problem.flops / 0.002 / 1e9) == row["gflops"]
    assert pytest.approx(problem.min_bytes / 0.002 / 1e9) == row["gbytes_s"]


PASSES = ((0, (0.5, 0.25)), (1, (1.0,)), (0, ()))
MEASURED = Measurement(
    PASSES,
    (4, 2, 0),
    plan_s=3.0,
    first_call_s=2.0,
    twin=((0, (0.5,)),),
    reference=((0, (9.0,)),),
    conditions={"throttled": 0},
)


def test_a_measurement_s_figures_follow_from_its_passes() -> None:
    """A measurement has its samples in order, their median, and the time of all calls."""
    assert [0.5, 0.25, 1.0] == MEASURED.samples_s
    assert (0.5, 4 * 0.75 + 2 * 1.0) == (MEASURED.median_s, MEASURED.timed_s)


@pytest.mark.parametrize(
    ("plan_s", "first_call_s", "calls", "seconds"),
    [
        (3.0, 2.0, 1, 5.0),
        (3.0, 2.0, 10, (3.0 + 2.0 + 9 * 0.5) / 10),
        (None, 2.0, 1, 2.0),
        (None, None, 1, 0.5),  # without a first call it counts as any other
        (3.0, None, 10, 0.5 + 0.3),
    ],
)
def test_planning_and_the_first_call_are_amortised(
    plan_s: float | None, first_call_s: float | None, calls: int, seconds: float
) -> None:
    """The amortised time of a call has its share of planning and of the first call."""
    measured = Measurement(PASSES, (4, 2, 0), plan_s=plan_s, first_call_s=first_call_s)

    assert pytest.approx(seconds) == measured.amortised_s(calls)


def test_a_row_has_the_samples_and_where_each_pass_begins() -> None:
    """A row has its samples, its passes, the A/A control, the conditions and amortised times."""
    row = row_of(record(measurement=MEASURED))

    assert [0.5, 0.25, 1.0] == row["samples_s"]
    assert [(0, 2, 4), (1, 1, 2), (0, 0, 0)] == row["passes"]
    assert ([(0, [0.5])], {"throttled": 0}) == (row["twin"], row["conditions"])
    assert (3, 4) == (row["samples"], row["number"])
    assert [5.0, 0.95, (5.0 + 999 * 0.5) / 1000] == [
        pytest.approx(row[f"amortised_{calls}_s"]) for calls in (1, 10, 1000)
    ]


def test_a_row_has_the_share_of_the_machine_s_peak_where_it_is_known() -> None:
    """A row has the share of the peak of its data type, or None if that is not known."""
    known = Ceilings(1, {"float32": 1e-6}, 1.0, 1.0)
    shares = [
        row_of(record(measurement=MEASURED, ceilings=ceilings))["peak_fraction"]
        for ceilings in (known, Ceilings(1, {}, 1.0, 1.0), None)
    ]

    assert [pytest.approx(288 / 0.5 / 1e3), None, None] == shares


def test_a_row_has_the_memory_that_algorithms_need() -> None:
    """A row has the bytes of a direct algorithm and of im2col, for a chain the largest of its layers."""
    chain = Case("chain", (Problem.parse("c2h4w4-o3k1-float64"), Problem.parse("c3h4w4-o2k3-float64")))
    one, both = row_of(record()), row_of(record(chain))

    assert (2 * 4 * 4, (2 * 4 + 2 * 9 * 4) * 4) == (one["output_bytes"], one["im2col_bytes"])
    assert (2 * 4 * 8, (2 * 4 + 3 * 9 * 4) * 8) == (both["output_bytes"], both["im2col_bytes"])


def test_without_a_measurement_there_are_counts_and_no_times() -> None:
    """A row without a measurement has counts and neither times nor rates."""
    row = row_of(record())

    assert (None, None, None, None) == (row["time_median_s"], row["gflops"], row["samples"], row["samples_s"])
    assert (36, 144, 288) == (row["parameters"], row["macs"], row["flops"])


def test_fields_are_written_as_in_the_canonical_string() -> None:
    """The fields of a problem are texts as in the canonical string."""
    row = row_of(record(case_of("n1c2h6w6-o2k3x2s2p1:2x0-reflect-float64")))

    assert ("6x6", "3x2", "2x2", "1:2x0", "reflect", "float64", False) == tuple(
        row[name]
        for name in ("input_size", "kernel_size", "stride", "padding", "padding_mode", "dtype", "bias")
    )


def test_of_a_chain_the_fields_are_those_in_which_its_layers_agree() -> None:
    """The row of a chain has the fields in which its layers agree, and the sums of counts."""
    chain = Case("chain", (Problem.parse("c2h4w4-o3k1"), Problem.parse("c3h4w4-o2k3")))
    row = row_of(record(chain))

    assert ("4x4", None, "1x1", None) == tuple(
        row[name] for name in ("input_size", "kernel_size", "stride", "in_channels")
    )
    assert "n1c2h4w4-o3k1-float32 -> n1c3h4w4-o2k3-float32" == row["problem"]
    assert 6 + 54 == row["parameters"]
