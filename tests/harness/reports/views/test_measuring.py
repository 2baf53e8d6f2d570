"""How well it was measured, and what a call costs besides its time: the numbers, the words, the formats."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from convharness.machine.ceilings import Ceilings
from convharness.reports import formats, provenance, sentences
from convharness.reports.report import Report
from convharness.reports.views import measuring
from tests.harness.reports.conftest import prepared, record, render, report_of, run_with, timed, twin

CALM = {
    "foreign_processors": 0.12,
    "stolen_processors": 0.02,
    "stalled_fraction": 0.07,
    "swapped_bytes": 0,
    "throttled": None,
    "megahertz": 2596.0,
    "load_average": 0.7,
    "disturbed_blocks": 0,
    "repeated_samples": 3,
    "disturbed_samples": 1,
    "repeated_blocks": 2,
    "processors": 0.97,
}
TIMER = {
    "measured_at": "2026-11-20T19:00:00+00:00",
    "threads": 1,
    "budget_s": 0.5,
    "pairs": 520,
    "false_positives": [0, 120],
    "detected": {"0.01": [31, 100], "0.05": [98, 100]},
    "bias": 0.0004,
    "kernel_share": 0.4,
    "smallest_10_s": 0.011,
    "smallest_60_s": 0.0062,
}
CEILINGS = {
    "threads": 1,
    "gflops": {"float16": 104.9, "float32": 104.9, "float64": 52.3},
    "gbytes_s": 11.24,
    "cached_gbytes_s": 61.7,
}


def met(**conditions: Any) -> pd.DataFrame:
    """Return two times, one of which met with something."""
    rows = [
        timed("pytorch.conv", "a", 1.0, conditions=CALM),
        timed("x.y", "a", 2.0, conditions={**CALM, **conditions}),
    ]
    return pd.DataFrame(rows)


def run_in(**environment: Any) -> Report:
    """Return the report of a timed record of a run with such an environment."""
    return report_of(
        pd.DataFrame([timed("pytorch.conv", "a", 1.0, peak_fraction=0.41)]), run_with(**environment)
    )


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (
            {"disturbed_blocks": 1, "foreign_processors": 0.56},
            "Other processes used up to 0.6 processors while 1 of 2 times were taken.",
        ),
        (
            {"foreign_processors": 5.0},
            "Other processes used up to 5.0 processors while 1 of 2 times were taken.",
        ),
        (
            {"disturbed_samples": 7},
            "In 1 of 2 times many samples had to wait for a processor, 7 in all:"
            " taking them again did not help.",
        ),
        (
            {"stolen_processors": 0.25},
            "The virtual machine's host gave up to 0.25 processors to others while 1 of 2 times were taken.",
        ),
        ({"swapped_bytes": 3 * 2**20}, "The system swapped up to 3.00 MiB while 1 of 2 times were taken."),
        (
            {"throttled": 2},
            "The processor was slowed down because it was hot while 1 of 2 times were taken.",
        ),
    ],
)
def test_disturbances(conditions: dict[str, Any], expected: str) -> None:
    """Whatever disturbed a time is a caution that says how many times it disturbed."""
    assert [expected] == provenance.cautions(report_of(met(**conditions)))


@pytest.mark.parametrize(
    "conditions",
    [{}, {"repeated_samples": 40, "repeated_blocks": 2}, {"foreign_processors": 0.9}, {"throttled": 0}],
)
def test_nothing_was_wrong(conditions: dict[str, Any]) -> None:
    """What was taken again, or is always so, is no reason for a caution."""
    assert [] == provenance.cautions(report_of(met(**conditions)))


def test_records_without_conditions(frame: pd.DataFrame) -> None:
    """Of records of earlier versions nothing is known, and nothing said."""
    assert measuring.disturbances(prepared(frame)).empty
    assert measuring.disturbances(prepared(pd.DataFrame())).empty


def test_disturbances_of_one_time() -> None:
    """A single time is one time."""
    frame = pd.DataFrame([timed("x.y", "a", 1.0, conditions={**CALM, "throttled": 1})])

    assert [
        "The processor was slowed down because it was hot while 1 of 1 time was taken."
    ] == provenance.cautions(report_of(frame))


def test_disturbances_add_up() -> None:
    """Each kind has the number of its records, its sum, its worst and its names."""
    rows = [
        timed("x.y", case, 1.0, conditions={**CALM, "swapped_bytes": size})
        for case, size in zip("abc", (0, 1, 5), strict=True)
    ]
    (row,) = measuring.disturbances(prepared(pd.DataFrame(rows))).to_dict("records")

    assert {
        "kind": "swapped", "records": 2, "timed": 3, "total": 6.0, "worst": 5.0, "implementations": ["x.y"],
    } == row  # fmt: skip


def test_only_times_are_disturbed() -> None:
    """What did not pass has no time that could be doubted."""
    frame = pd.DataFrame([record("x.y", "a", "wrong", conditions={**CALM, "throttled": 3})])

    assert [] == provenance.cautions(report_of(frame))


@pytest.mark.parametrize(
    ("caches", "expected"),
    [
        (("warm", "warm"), []),
        (
            ("cold", "cold"),
            [
                "These times were taken with cold caches: every call found its data in main memory. "
                "Do not compare them with warm ones."
            ],
        ),
        (
            ("cold", "warm"),
            ["Some times were taken with cold caches and some with warm ones; do not compare them."],
        ),
    ],
)
def test_cold_caches(caches: tuple[str, str], expected: list[str]) -> None:
    """Cold times are said to be cold, and not to be compared with warm ones."""
    frame = pd.DataFrame([timed("x.y", "a", 1.0), timed("x.y", "b", 1.0, run="r2")])
    runs = [run_with(name, {"cache": cache}) for name, cache in zip(("r1", "r2"), caches, strict=True)]
    report = report_of(frame, *runs)

    assert expected == provenance.cautions(report)
    assert ("cold" if "cold" in caches else None) == provenance.facts(report).get("Caches")


def test_what_is_declared_and_not_tried_is_named(verified: pd.DataFrame) -> None:
    """Each feature with the number of implementations that declare it."""
    untried = {"a.one": ["groups", "1-D"], "a.other": ["groups"]}
    what = "Declared, not tried here (number of implementations): groups (2), 1-D (1)"
    expected = f"{what}; --suite conformance tries it."

    assert [expected] == provenance.cautions(report_of(verified, replace(run_with(), untried=untried)))


def test_results_whose_last_bits_depend_on_the_batch_are_named() -> None:
    """An implementation is named with the number of cases; one whose bits depend on nothing is not."""
    rows = [
        record("a.one", "first", traits={"batch_invariant": False}),
        record("a.one", "second", traits={"batch_invariant": False, "thread_invariant": True}),
        record("a.other", "first", traits={"batch_invariant": True}),
        record("a.other", "second", traits=None),
    ]
    expected = "The last bits of results depend on the batch that a sample is in: a.one (2 cases)."

    assert [expected] == provenance.cautions(report_of(pd.DataFrame(rows)))


def test_verification_has_no_caches(verified: pd.DataFrame) -> None:
    """Where nothing was timed, nothing is said of caches."""
    assert [] == provenance.cautions(report_of(verified, run_with(effort={"cache": "cold"})))


def test_noise_floor() -> None:
    """The noise floor of a run is told with what it is."""
    rows = [
        timed("x.y", case, 1.0, twin=twin(ms)) for case, ms in zip("abc", (1.01, 1.02, 1.05), strict=True)
    ]

    assert (
        "Noise floor: 2.0 % in the median of 3 cases, 5.0 % at most. It is the difference to the A/A"
        " control, the same implementation timed twice, and at least 0.50 %; a smaller difference is not"
        " reported as one."
    ) == provenance.measured(report_of(pd.DataFrame(rows)))["r1"][0]
    assert provenance.measured(report_of(pd.DataFrame(rows[:1])))["r1"][0].startswith(
        "Noise floor: 1.0 %. It is the difference"
    )


@pytest.mark.parametrize(
    ("timer", "expected"),
    [
        (
            TIMER,
            "On this machine the timer called 0 of 120 identical pairs different, and saw slow-downs of"
            " 1 % in 31 of 100 and 5 % in 98 of 100; the smallest it can see of one pair is 1.1 % in 10 s"
            " and 0.62 % in 60 s (1 thread, 2026-11-20).",
        ),
        (
            {"false_positives": [1, 1200], "detected": {"0.1": [9, 10]}, "threads": 2, "smallest_60_s": None},
            "On this machine the timer called 1 of 1,200 identical pairs different, and saw slow-downs of"
            " 10 % in 9 of 10 (2 threads).",
        ),
        (
            {"false_positives": [0, 4]},
            "On this machine the timer called 0 of 4 identical pairs different.",
        ),
        (
            None,
            "How well the timer sees differences on this machine is not known;"
            " convharness selftest --timing finds out.",
        ),
    ],
)
def test_timer(timer: dict[str, Any] | None, expected: str) -> None:
    """What the timer's test of itself has found is one sentence, as far as it goes."""
    assert {"r1": [expected]} == provenance.measured(run_in(timer=timer))


def test_ceilings() -> None:
    """What the machine can do is told for the data types that were timed."""
    assert (
        "The highest rates measured on this machine with 1 thread: 105 GFLOP/s in float32, 11.2 GB/s in main"
        " memory, 61.7 GB/s in cache."
    ) == provenance.measured(run_in(ceilings=CEILINGS))["r1"][-1]


def test_facts_of_a_run_that_has_just_ended() -> None:
    """A run that was not read from a file holds the engine's own values, which say the same."""
    assert provenance.measured(run_in(ceilings=Ceilings(**CEILINGS))) == provenance.measured(
        run_in(ceilings=CEILINGS)
    )


def test_nothing_was_measured(verified: pd.DataFrame) -> None:
    """A verification says nothing of timing."""
    assert {} == provenance.measured(report_of(verified))
    assert {} == provenance.measured(report_of(pd.DataFrame()))


@pytest.mark.parametrize("name", ["markdown", "html"])
def test_measured_in_reports(name: str) -> None:
    """Reports say how well was measured, and what share of the peak was reached."""
    text = formats.render(name, run_in(timer=TIMER, ceilings=CEILINGS), formats.FORMATS)

    for part in ("How well this was measured", "0 of 120 identical pairs", "105 GFLOP/s in float32", "41 %"):
        assert part in text


@pytest.mark.parametrize(("name", "title"), [("markdown", "Run r{}:"), ("html", "<h3>Run r{}</h3>")])
def test_measured_run_by_run(name: str, title: str) -> None:
    """Where there are several runs, each has its own words."""
    one, two = timed("x.y", "a", 1.0), timed("x.y", "b", 1.0, run="r2")

    assert [True, True] == [title.format(run) in render(name, pd.DataFrame([one, two])) for run in (1, 2)]
    assert title.format(1) not in render(name, pd.DataFrame([one]))


@pytest.fixture
def costly() -> pd.DataFrame:
    """Return a plan, a late first call, and neither; a call that needs im2col's memory, and a small one."""
    amortised = {"amortised_1_s": 0.025, "amortised_10_s": 0.0034, "amortised_1000_s": 0.001024}
    large = {"output_bytes": 2.0**20, "im2col_bytes": 10 * 2.0**20}
    rows = [
        timed("plain.conv", "a", 1.0, first_call_s=1.9e-3, peak_memory_bytes=2.0**20, **large),
        timed("late.conv", "a", 1.0, first_call_s=2.1e-3, peak_memory_bytes=9.5 * 2**20, **large),
        timed("planned.conv", "a", 1.0, plan_s=0.024, first_call_s=1e-3, **amortised, **large),
        timed(
            "late.conv", "b", 1.0, first_call_s=1e-3, peak_memory_bytes=4096, output_bytes=16, im2col_bytes=80
        ),
        record("wrong.conv", "a", "wrong", plan_s=1.0, first_call_s=1.0),
    ]
    return pd.DataFrame(rows)


def test_overheads(costly: pd.DataFrame) -> None:
    """A plan, or a first call of more than twice the time, is a cost; the largest comes first."""
    assert ["planned.conv", "late.conv"] == measuring.overheads(prepared(costly))["implementation"].tolist()


def test_memory(costly: pd.DataFrame) -> None:
    """Memory is a multiple of the output, beside im2col's, the largest first; small outputs are left out."""
    found = measuring.memory(prepared(costly))

    assert [
        ["late.conv", "a", 9.5, 10.0],
        ["plain.conv", "a", 1.0, 10.0],
    ] == found[["implementation", "label", "memory_ratio", "im2col_ratio"]].to_numpy().tolist()


def test_markdown_costs(costly: pd.DataFrame) -> None:
    """Costs and memory are tables with a sentence each."""
    text = render("markdown", costly)

    assert "| a | planned.conv | 24.0 ms | 1.00 ms | 1.00 ms | 25.0 ms | 3.40 ms | 1.02 ms |" in text
    assert "| a | late.conv | 9.50 MiB | 1.00 MiB | 9.50× | 10.0× |" in text
    assert sentences.ABOUT_COSTS in text
    assert sentences.ABOUT_MEMORY in text


def test_markdown_shows_the_largest() -> None:
    """Of many costs the largest are shown, and the others counted."""
    rows = [timed("x.y", f"c{place}", 1.0, plan_s=1.0 + place) for place in range(40)]
    text = render("markdown", pd.DataFrame(rows))

    assert "| c39 | x.y | 40.0 s |" in text
    assert "| c9 | x.y | 10.0 s |" not in text
    assert "These are the largest; the HTML report has 10 more." in text


def test_html_costs(costly: pd.DataFrame) -> None:
    """The page has a sortable table of costs, and one of memory."""
    page = render("html", costly)
    costs = page[page.index('<section id="costs"') : page.index('<section id="memory"')]
    memory = page[page.index('<section id="memory"') : page.index('<section id="failures"')]

    assert 'data-v="0.024">24.0 ms<' in costs
    assert 'data-v="9.5">9.50×<' in memory
    assert (1, 1) == (costs.count("sortable"), memory.count("sortable"))


@pytest.mark.parametrize("name", ["markdown", "html"])
def test_no_costs(name: str, frame: pd.DataFrame) -> None:
    """Where no implementation has such a cost, or it is not known, there is no table for it."""
    text = render(name, frame)

    assert "Costs besides a call" not in text
    assert "Memory of a call" not in text


def test_memory_in_markdown_is_escaped() -> None:
    """A name in the tables of costs and memory opens no cell."""
    rows = [
        timed(
            "a|b", "a", 1.0, plan_s=1.0, peak_memory_bytes=2.0**20, output_bytes=2.0**20, im2col_bytes=2.0**20
        )
    ]

    assert 2 == render("markdown", pd.DataFrame(rows)).count("| a | a\\|b |")
