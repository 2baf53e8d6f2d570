"""The views: which numbers the records add up to."""

import math
from math import log

import pandas as pd
import pytest

from convharness.errors import SelectionError
from convharness.reports.views import cases, comparisons, ranking, verdicts
from tests.harness.reports.conftest import prepared, ranks_of, record, report_of


def speedup_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the speed-ups against the usual baselines."""
    report = report_of(frame)
    return comparisons.speedup(report.frame, report.baselines)


def column(frame: pd.DataFrame, name: str) -> dict[str, object]:
    """Return one column of the ranking by implementation."""
    return dict(zip(frame["implementation"], frame[name], strict=True))


def test_verdict_matrix(frame: pd.DataFrame) -> None:
    """The verdict matrix has a status for each implementation on each case."""
    matrix = cases.verdict_matrix(prepared(frame))

    assert ["a", "b", "c"] == list(matrix.columns)
    assert ["passed", "wrong", "unsupported"] == list(matrix.loc["fast.kernel"])


def test_order(frame: pd.DataFrame) -> None:
    """Implementations of one library stand side by side."""
    assert [
        "fast.kernel",
        "gone.conv",
        "pytorch.conv",
        "slow.loops",
        "torch.nhwc",
    ] == cases.implementations(prepared(frame))


@pytest.mark.parametrize("name", ["time_median_s", "gflops"])
def test_wrong_has_no_speed(frame: pd.DataFrame, name: str) -> None:
    """A wrong result has no speed, even if a record carries one."""
    rows = prepared(frame)

    assert rows.loc[rows["status"] == "wrong", name].isna().all()


def test_time_that_cannot_be() -> None:
    """A time of zero is no time."""
    assert not cases.is_timed(prepared(pd.DataFrame([record("a.a", "a", ms=0)])))


def test_wrong_is_never_best(frame: pd.DataFrame) -> None:
    """A wrong result is no measure for others."""
    assert 1.0 == ranking.slowdown(prepared(frame)).loc["pytorch.conv", "b"]


def test_error_matrix_keeps_wrong(frame: pd.DataFrame) -> None:
    """The error of a wrong result is shown: it is what is wrong with it."""
    assert 1e6 == cases.error_matrix(prepared(frame)).loc["fast.kernel", "b"]


def test_speedup(frame: pd.DataFrame) -> None:
    """The speed-up of a case is the baseline's time over the implementation's."""
    speedup = speedup_of(frame)

    assert [0.1, 0.1, 0.1] == list(speedup.loc["slow.loops"].round(6))
    assert {"a": 2.0} == speedup.loc["fast.kernel"].dropna().to_dict()


def test_speedup_pairs_rounds() -> None:
    """Within a run, ratios are taken round by round: 1, 1/2 and 3 have the median 1."""
    frame = pd.DataFrame(
        [
            record("pytorch.conv", "a", ms=2, samples_s=[0.001, 0.002, 0.009]),
            record("fast.kernel", "a", ms=3, samples_s=[0.001, 0.004, 0.003]),
        ]
    )

    assert pytest.approx(1.0) == speedup_of(frame).loc["fast.kernel", "a"]


def test_speedup_skips_missing_rounds() -> None:
    """A round in which one of the two has no sample does not count."""
    frame = pd.DataFrame(
        [
            record("pytorch.conv", "a", ms=2, samples_s=[0.002, math.nan, 0.002, 0.5]),
            record("fast.kernel", "a", ms=1, samples_s=[0.001, 0.007, 0.001]),
        ]
    )

    assert pytest.approx(2.0) == speedup_of(frame).loc["fast.kernel", "a"]


def test_speedup_between_runs() -> None:
    """Rounds of different runs have nothing in common, so the medians are compared."""
    frame = pd.DataFrame(
        [
            record("pytorch.conv", "a", ms=2, samples_s=[0.001, 0.002, 0.009]),
            record("fast.kernel", "a", ms=4, samples_s=[0.001, 0.004, 0.009], run="r2"),
        ]
    )

    assert pytest.approx(0.5) == speedup_of(frame).loc["fast.kernel", "a"]


def test_layouts_have_their_own_baseline(frame: pd.DataFrame) -> None:
    """A layout is measured against one of its own."""
    assert {"contiguous": "pytorch.conv", "channels_last": "torch.nhwc"} == report_of(frame).baselines
    assert 1.0 == speedup_of(frame).loc["torch.nhwc", "a"]


def test_chosen_baseline(frame: pd.DataFrame) -> None:
    """The chosen baseline holds in its layout; the other layouts keep theirs."""
    assert {
        "contiguous": "slow.loops",
        "channels_last": "torch.nhwc",
    } == report_of(frame, baseline="slow.loops").baselines


def test_most_timed_baseline(frame: pd.DataFrame) -> None:
    """Without the usual baseline the one that was timed most often serves."""
    others = frame[frame["implementation"] != "pytorch.conv"]

    assert "slow.loops" == report_of(others).baselines["contiguous"]


def test_unknown_baseline(frame: pd.DataFrame) -> None:
    """An unknown baseline is answered with the nearest name."""
    with pytest.raises(
        SelectionError, match=r"unknown baseline 'pytorch\.con'; did you mean 'pytorch\.conv'\?"
    ):
        ranks_of(frame, "pytorch.con")


def test_layouts_never_mix(frame: pd.DataFrame) -> None:
    """The fastest of another layout takes nothing from a score, and comes in a ranking of its own."""
    ranks = ranks_of(frame)

    assert ["contiguous"] * 4 + ["channels_last"] == list(ranks["layout"])
    assert 1.0 == ranks["score"].iloc[-1]


def test_score(frame: pd.DataFrame) -> None:
    """The score is the mean over the cases that were timed; what is not solved counts nothing."""
    score = column(ranks_of(frame), "score")

    assert pytest.approx((1 - log(2) / log(100) + 1 + 1) / 3) == score["pytorch.conv"]
    assert pytest.approx(1 / 3) == score["fast.kernel"]
    assert pytest.approx((1 - log(20) / log(100) + 0.5 + 0.5) / 3) == score["slow.loops"]


def test_order_of_ranking(frame: pd.DataFrame) -> None:
    """The score orders: a good mean over few cases does not come first, a missing library comes last."""
    ranks = ranks_of(frame)

    assert ["pytorch.conv", "slow.loops", "fast.kernel", "gone.conv"] == list(ranks["implementation"][:4])
    assert pd.isna(ranks["score"].iloc[3])


def test_geometric_mean_over_common_cases(frame: pd.DataFrame) -> None:
    """The mean speed-up covers the cases that both were timed on, and says how many these are."""
    ranks = ranks_of(frame)

    assert pytest.approx(2.0) == column(ranks, "speedup")["fast.kernel"]
    assert {
        "pytorch.conv": 3, "slow.loops": 3, "fast.kernel": 1, "gone.conv": 0, "torch.nhwc": 2,
    } == column(ranks, "speedup_cases")  # fmt: skip


def test_geometric_mean_is_geometric() -> None:
    """Twice as fast and half as fast is as fast."""
    frame = pd.DataFrame(
        [
            *(record("pytorch.conv", case, ms=2) for case in "ab"),
            record("fast.kernel", "a", ms=1),
            record("fast.kernel", "b", ms=4),
        ]
    )

    assert pytest.approx(1.0) == column(ranks_of(frame), "speedup")["fast.kernel"]


def test_tally(frame: pd.DataFrame) -> None:
    """Each record is counted once: as passed, failed, unsupported or unavailable."""
    ranks = ranks_of(frame).set_index("implementation")
    columns = ["cases", "passed", "failed", "unsupported", "unavailable", "timed"]

    assert [3, 1, 1, 1, 0, 1] == list(ranks.loc["fast.kernel", columns])
    assert [3, 0, 0, 0, 3, 0] == list(ranks.loc["gone.conv", columns])


def test_best_rate(frame: pd.DataFrame) -> None:
    """The best rate is that of right results: the wrong one's fabulous rate is not among them."""
    rates = column(ranks_of(frame), "gflops")

    assert 9.0 == rates["pytorch.conv"]
    assert pd.isna(rates["fast.kernel"])


def test_weighted_total(frame: pd.DataFrame) -> None:
    """A whole suite counts a layer as often as it occurs, and is missing where a layer is."""
    total = ranking.weighted_total(prepared(frame))["net"]

    assert pytest.approx(0.008) == total["pytorch.conv"]
    assert pytest.approx(0.00075) == total["torch.nhwc"]
    assert pd.isna(total["fast.kernel"])


def test_network_totals_need_weights(pair: pd.DataFrame) -> None:
    """A suite of single layers has no total worth showing."""
    assert [] == list(ranking.network_totals(prepared(pair)).columns)


def test_alternatives(pair: pd.DataFrame) -> None:
    """The bottleneck has 8.47 times fewer weights and multiply-adds, and its own measured gain."""
    first, second = cases.alternatives(prepared(pair)).to_dict("records")

    assert ("pytorch.conv", "slow.loops") == (first["implementation"], second["implementation"])
    assert (69_632, 589_824) == (first["parameters"], first["parameters_plain"])
    assert pytest.approx(8.4706, abs=1e-4) == first["parameters_ratio"]
    assert pytest.approx(8.4706, abs=1e-4) == first["dense_macs_ratio"]
    assert pytest.approx(5.0) == first["time_ratio"]
    assert pd.isna(second["time_ratio"])


def test_failures(frame: pd.DataFrame) -> None:
    """A failure has its reason, its place and the command that repeats it."""
    (row,) = verdicts.failures(prepared(frame)).to_dict("records")

    assert ("fast.kernel", "b", "y[0]") == (row["implementation"], row["label"], row["where"])
    assert "convharness verify --implementation fast.kernel --problem b" == row["reproduce"]


def test_skipped(frame: pd.DataFrame) -> None:
    """What was not judged is grouped by reason, without the value that each case had."""
    skipped = verdicts.skipped(prepared(frame))

    assert [
        ["unsupported", "needs stride 1", 1],
        ["unavailable", "gone is not installed", 3],
    ] == skipped[["status", "reason", "records"]].to_numpy().tolist()


def test_skipped_layers() -> None:
    """It is one reason, whichever layer of a chain gives it."""
    reasons = [
        "needs stride 1, got (2, 2)",
        "layer 2 (n1c64h14w14-o64k3s2-float32): needs stride 1, got (2, 2)",
    ]
    frame = pd.DataFrame(
        [record("a.a", str(place), "unsupported", reason=reasons[place]) for place in (0, 1)]
    )

    assert ["needs stride 1"] == list(verdicts.skipped(prepared(frame))["reason"])


def test_skipped_is_grouped_by_what_is_stored_as_the_cause() -> None:
    """Whatever the reason looks like; a record of an earlier version, which has none, is read for it."""
    causes = [("needs one of odd, got or even", "(2, 2)"), ("needs one of odd, got or even", "(4, 4)")]
    rows = [
        record("a.a", str(place), "unsupported", cause=cause, reason=f"layer 1 (odd): {cause}, got {value}")
        for place, (cause, value) in enumerate(causes)
    ]
    rows.append(record("a.a", "new", "unsupported", cause="needs stride 1", reason="needs stride 1, got 2"))
    rows.append(record("a.a", "old", "unsupported", reason="needs stride 1, got (2, 2)"))
    skipped = verdicts.skipped(prepared(pd.DataFrame(rows)))

    assert [("needs one of odd, got or even", 2), ("needs stride 1", 2)] == list(
        zip(skipped["reason"], skipped["records"], strict=True)
    )


def test_counts(frame: pd.DataFrame) -> None:
    """Statuses are counted in their own order."""
    assert {"passed": 9, "wrong": 1, "unsupported": 1, "unavailable": 3} == verdicts.counts(prepared(frame))


def test_newest_record() -> None:
    """Of two records of a case and implementation the newer one counts."""
    old = record("pytorch.conv", "a", "wrong", started_at="2026-01-01T00:00:00+00:00")
    frame = pd.DataFrame([record("pytorch.conv", "a", ms=1, run="r2"), old])

    assert {"passed": 1} == verdicts.counts(prepared(frame))


def test_machines_are_not_pooled() -> None:
    """The same case on two machines, or with two numbers of threads, is two cases."""
    frame = pd.DataFrame(
        [
            record("pytorch.conv", "a", ms=1),
            record("pytorch.conv", "a", ms=2, machine="other"),
            record("pytorch.conv", "b", ms=1),
            record("pytorch.conv", "b", ms=1, threads=2),
        ]
    )

    assert ["a · bench", "a · other", "b · 1 threads", "b · 2 threads"] == cases.labels(prepared(frame))


def test_nothing() -> None:
    """An empty frame has empty views."""
    empty = pd.DataFrame()

    assert {} == verdicts.counts(prepared(empty))
    assert ranks_of(empty).empty
    assert cases.alternatives(prepared(empty)).empty
    assert speedup_of(empty).empty
    assert ranking.weighted_total(prepared(empty)).empty
