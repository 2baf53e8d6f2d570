"""How times compare: decisions, what they rest on, and how each format tells them."""

import re
from io import StringIO

import pandas as pd
import pytest

from convharness.errors import SelectionError
from convharness.reports import sentences
from convharness.reports.formats import comparison, terminal
from convharness.reports.views import cases, comparisons
from convharness.runs.run import Run
from tests.harness.reports.conftest import (
    NOISY,
    prepared,
    ranks_of,
    record,
    render,
    report_of,
    run_with,
    timed,
    twin,
)


def decisions(frame: pd.DataFrame, *runs: Run, baseline: str | None = None) -> dict[tuple[str, str], str]:
    """Return the decision of each case and implementation."""
    found = report_of(frame, *runs, baseline=baseline).comparisons
    return dict(
        zip(zip(found["label"], found["implementation"], strict=True), found["decision"], strict=True)
    )


def only(frame: pd.DataFrame, *cases: str) -> pd.DataFrame:
    """Return the records of some cases."""
    return frame[frame["case"].isin(cases)].reset_index(drop=True)


def test_decisions(compared: pd.DataFrame) -> None:
    """What was timed beside the baseline is faster, slower, the same, or cannot be told from it."""
    assert {
        ("a", "fast.kernel"): "faster",
        ("a", "slow.kernel"): "slower",
        ("a", "same.kernel"): "same",
        ("a", "noisy.kernel"): "cannot tell",
        ("b", "slow.kernel"): "slower",
        ("b", "same.kernel"): "same",
        ("b", "noisy.kernel"): "cannot tell",
    } == decisions(compared)


def test_ratio_has_an_interval(compared: pd.DataFrame) -> None:
    """The ratio is the time over the baseline's, and lies in its interval."""
    row = report_of(compared).comparisons.set_index(["label", "implementation"]).loc[("b", "slow.kernel")]

    assert pytest.approx(1.1, abs=1e-4) == row["time_ratio"]
    assert row["time_ratio_low"] < 1.1 < row["time_ratio_high"]
    assert "pytorch.conv" == row["baseline"]


def test_noise_floor_is_that_of_the_case(compared: pd.DataFrame) -> None:
    """The difference to the A/A control of a case is noise on that case, and half a percent always is."""
    found = report_of(compared).comparisons.groupby("label")["noise_floor"].unique()

    assert pytest.approx([0.01]) == found["a"]
    assert pytest.approx([0.005]) == found["b"]


def test_differences_within_noise_are_none() -> None:
    """Three percent are no difference where A/A controls are four percent apart."""
    rows = [timed("pytorch.conv", "a", 1.0, twin=twin(1.04)), timed("slow.kernel", "a", 1.03)]
    calm = [timed("pytorch.conv", "a", 1.0), timed("slow.kernel", "a", 1.03)]

    assert {("a", "slow.kernel"): "cannot tell"} == decisions(pd.DataFrame(rows))
    assert {("a", "slow.kernel"): "slower"} == decisions(pd.DataFrame(calm))


def test_noise_floor_holds_for_all_layouts() -> None:
    """The identical pair of a case may be of one layout; the noise is that of all."""
    rows = [
        timed("pytorch.conv", "a", 1.0),
        timed("slow.kernel", "a", 1.03),
        timed("torch.nhwc", "a", 1.0, layout="channels_last", twin=twin(1.04)),
    ]

    assert {("a", "slow.kernel"): "cannot tell"} == decisions(pd.DataFrame(rows))


@pytest.mark.parametrize(("precision", "expected"), [(0.01, "same"), (0.001, "cannot tell")])
def test_same_is_as_close_as_was_asked_for(precision: float, expected: str) -> None:
    """The precision of the run's settings says how close is the same."""
    luck = (0.008, -0.008, 0.004, -0.004, 0.0)
    frame = pd.DataFrame([timed("pytorch.conv", "a", 1.0, (0.0,) * 5), timed("same.kernel", "a", 1.0, luck)])
    run = run_with(effort={"precision": precision})

    assert {("a", "same.kernel"): expected} == decisions(frame, run)


def test_decisions_are_made_together() -> None:
    """What is only found when it is asked alone cannot be told among many that are the same."""
    rows = [timed("pytorch.conv", "a", 1.0, (0.0,) * 5), timed("slow.kernel", "a", 1.0079)]
    others = [timed(f"same.kernel{place}", "a", 1.0) for place in range(20)]

    assert "slower" == decisions(pd.DataFrame(rows))["a", "slow.kernel"]
    assert "cannot tell" == decisions(pd.DataFrame([*rows, *others]))["a", "slow.kernel"]


def test_runs_are_not_compared() -> None:
    """Times of two runs have a ratio, but neither an interval nor a decision."""
    frame = pd.DataFrame([timed("pytorch.conv", "a", 1.0), timed("slow.kernel", "a", 2.0, run="r2")])
    (row,) = report_of(frame).comparisons.to_dict("records")

    assert (pytest.approx(2.0), "cannot tell") == (row["time_ratio"], row["decision"])
    assert pd.isna([row[name] for name in ("time_ratio_low", "noise_floor", "detectable")]).all()


def test_records_of_earlier_versions(frame: pd.DataFrame) -> None:
    """Records without passes, or without samples, have a ratio and nothing else."""
    found = report_of(frame).comparisons

    assert {"cannot tell"} == set(found["decision"])
    assert found["time_ratio"].notna().all()
    assert found["noise_floor"].isna().all()


def test_with_comparisons(compared: pd.DataFrame) -> None:
    """Every record is still there, in order; the baseline and what has no time have no decision."""
    found = report_of(compared).compared

    names = ["label", "implementation"]
    assert compared[["case", "implementation"]].to_numpy().tolist() == found[names].to_numpy().tolist()
    assert [True, *[False] * 4, True, *[False] * 3, True] == found["decision"].isna().tolist()


def test_with_comparisons_of_one_label() -> None:
    """Two problems of one label are not mistaken for each other."""
    rows = [
        timed("pytorch.conv", "a", 1.0),
        timed("slow.kernel", "a", 1.1),
        timed("pytorch.conv", "a", 1.0, problem="other", dtype="float64"),
        timed("slow.kernel", "a", 0.8, problem="other", dtype="float64"),
    ]
    found = report_of(pd.DataFrame(rows)).compared

    assert ["", "slower", "", "faster"] == found["decision"].fillna("").tolist()


def test_outcomes(compared: pd.DataFrame) -> None:
    """Decisions are counted for each implementation, with the median of what could be seen."""
    found = comparisons.outcomes(report_of(compared).compared).set_index("implementation")

    assert [0, 2, 0, 0] == found.loc["slow.kernel", list(comparisons.DECISIONS)].tolist()
    assert [0, 0, 0, 2] == found.loc["noisy.kernel", list(comparisons.DECISIONS)].tolist()
    assert 0 == found["untold"].sum()
    assert found.loc["slow.kernel", "detectable"] < 0.02 < found.loc["noisy.kernel", "detectable"]


def test_outcomes_without_intervals(frame: pd.DataFrame) -> None:
    """What has no interval is counted apart."""
    found = comparisons.outcomes(report_of(frame).compared).set_index("implementation")

    assert [3, 3] == found.loc["slow.loops", ["cannot tell", "untold"]].tolist()


def test_indistinguishable(compared: pd.DataFrame) -> None:
    """Only what was timed on all cases of the other, and told from it on none, may be as fast."""
    assert [
        "same.kernel",
        "noisy.kernel",
    ] == comparisons.indistinguishable(prepared(compared), "pytorch.conv")
    assert ["same.kernel"] == comparisons.indistinguishable(prepared(compared.iloc[:8]), "pytorch.conv")


def test_earlier_records_are_not_called_alike(frame: pd.DataFrame) -> None:
    """What has no interval is not said to be as fast."""
    assert [] == comparisons.indistinguishable(prepared(frame), "pytorch.conv")


def test_beside_baseline(compared: pd.DataFrame) -> None:
    """Within a case the baseline comes first, then the fastest, and what has no time comes last."""
    found = comparisons.beside_baseline(report_of(compared).compared)

    assert [
        "pytorch.conv", "fast.kernel", "same.kernel", "noisy.kernel", "slow.kernel", "gone.conv",
    ] == found[found["label"] == "a"]["implementation"].tolist()  # fmt: skip
    assert "baseline" == found["decision"].iloc[0]


def test_noise(compared: pd.DataFrame) -> None:
    """A run's noise floor is that of the median case, and the largest is told."""
    (row,) = comparisons.noise(prepared(compared)).to_dict("records")

    assert ("r1", 2) == (row["run"], row["cases"])
    assert (pytest.approx(0.0075), pytest.approx(0.01)) == (row["median"], row["largest"])


def test_noise_of_earlier_records(frame: pd.DataFrame) -> None:
    """Without an A/A control the noise is not known."""
    assert comparisons.noise(prepared(frame)).empty


def test_cold_is_another_case() -> None:
    """Times with cold and with warm caches are never compared: they are two cases."""
    frame = pd.DataFrame([timed("pytorch.conv", "a", 1.0), timed("slow.kernel", "a", 2.0, run="r2")])
    runs = [run_with("r1", {"cache": "warm"}), run_with("r2", {"cache": "cold"})]

    assert ["a · warm", "a · cold"] == cases.labels(prepared(frame, *runs))
    assert {} == decisions(frame, *runs)


def test_ranking_counts_decisions(compared: pd.DataFrame) -> None:
    """Of compared records the ranking counts the decisions; the baseline has none."""
    ranks = ranks_of(compared).set_index("implementation")

    assert [0, 2, 0, 0] == ranks.loc["slow.kernel", list(comparisons.DECISIONS)].tolist()
    assert ranks.loc["pytorch.conv", list(comparisons.DECISIONS)].isna().all()


@pytest.mark.parametrize(
    ("speedup", "faster", "slower", "expected"),
    [
        (1.02, 0, 3, "~1.02× (4)"),
        (1.02, 1, 0, "1.02× (4)"),
        (0.5, 0, 1, "0.500× (4)"),
        (0.5, 1, 0, "~0.500× (4)"),
        (1.0, None, None, "1.00× (4)"),
    ],
)
def test_speedup_needs_a_decision(
    speedup: float, faster: int | None, slower: int | None, expected: str
) -> None:
    """A mean speed-up that no case supports is marked; that of the baseline needs no support."""
    row = {"speedup": speedup, "speedup_cases": 4, "faster": faster, "slower": slower}

    assert expected == sentences.mean_speedup(row)


def test_against(compared: pd.DataFrame) -> None:
    """One sentence says what was decided and what would have been seen."""
    expected = (
        "Against pytorch.conv: 1 faster, 2 slower, 2 the same, 2 cannot be told"
        " (smallest slow-down that would have been seen: 1.5 % in the median)."
    )

    assert {"pytorch.conv": expected} == sentences.against(report_of(compared).compared)


def test_against_leaves_out_zeros(compared: pd.DataFrame) -> None:
    """What was never decided is not mentioned."""
    expected = "Against pytorch.conv: 1 slower (smallest slow-down that would have been seen: 1.5 %)."

    assert {"pytorch.conv": expected} == sentences.against(report_of(compared.iloc[[0, 2]]).compared)


def test_against_without_intervals(frame: pd.DataFrame) -> None:
    """Why nothing could be told is said."""
    expected = (
        "Against pytorch.conv: 4 cannot be told (4 because fewer than three processes were timed together)."
    )

    assert {"pytorch.conv": expected} == sentences.against(report_of(frame).compared)


def test_leaders_name_their_equals(compared: pd.DataFrame) -> None:
    """What cannot be told from the leader is named beside it."""
    others = compared[compared["implementation"] != "fast.kernel"]
    expected = (
        "pytorch.conv leads NCHW (contiguous) with a score of 0.999;"
        " same.kernel, noisy.kernel cannot be told from it."
    )

    assert [expected] == sentences.leaders(ranks_of(others), prepared(others))


def test_leader_alone(frame: pd.DataFrame) -> None:
    """A leader that no other is known to equal stands alone."""
    assert ("torch.nhwc leads NHWC (channels last) with a score of 1.000.") == sentences.leaders(
        ranks_of(frame), prepared(frame)
    )[1]


def test_terminal_details(compared: pd.DataFrame) -> None:
    """A single case shows each ratio with its interval and what was decided."""
    text = terminal.render(report_of(only(compared, "a")), width=160, color=False)

    assert re.search(
        r"slow\.kernel +✓ passed +– +1\.05 ms +1\.050 \(1\.048 to 1\.052\) slower$", text, re.MULTILINE
    )
    assert re.search(r"pytorch\.conv +✓ passed +– +1\.00 ms +baseline$", text, re.MULTILINE)
    assert re.search(r"gone\.conv +∅ unavailable +– +– +– +gone is not installed$", text, re.MULTILINE)


def test_terminal_details_narrow(compared: pd.DataFrame) -> None:
    """Where there is no room, the interval of the time goes first, and that of the ratio stays."""
    frame = only(compared, "a").assign(time_low_s=0.9e-3, time_high_s=1.1e-3)
    wide, narrow = (terminal.render(report_of(frame), width=width, color=False) for width in (160, 100))

    assert "1.05 ms (900 µs to 1.10 ms)  1.050 (1.048 to 1.052) slower" in wide
    assert "  1.05 ms  1.050 (1.048 to 1.052) slower" in narrow


@pytest.mark.parametrize("cases", ["a", "ab"])
def test_terminal_says_what_was_decided(compared: pd.DataFrame, cases: str) -> None:
    """For one case and for many, a sentence adds the decisions up."""
    lines = terminal.render(report_of(only(compared, *cases)), width=160, color=False).splitlines()
    expected = {
        "a": "1 faster, 1 slower, 1 the same, 1 cannot",
        "ab": "1 faster, 2 slower, 2 the same, 2 cannot",
    }

    assert 1 == sum(line.startswith(f"Against pytorch.conv: {expected[cases]} be told (") for line in lines)


def test_terminal_ranking_marks_what_is_not_decided(compared: pd.DataFrame) -> None:
    """The ranking counts what was decided, marks what was not, and explains the mark."""
    text = terminal.render(report_of(compared), width=160, color=False)

    assert re.search(r"^same\.kernel .* ~1\.00× \(2\) +0:0 ", text, re.MULTILINE)
    assert re.search(r"^slow\.kernel .* 0\.930× \(2\) +0:2 ", text, re.MULTILINE)
    assert "~ no case on its own decides that there is this difference." in text


def test_terminal_explains_no_mark_that_is_not_there(compared: pd.DataFrame) -> None:
    """Where everything was decided, nothing is marked or explained."""
    assert "~" not in terminal.render(report_of(compared.iloc[[0, 1, 2]]), width=160, color=False)


def test_comparison(compared: pd.DataFrame) -> None:
    """The table has a row per case and implementation, and its last line adds them up."""
    lines = comparison.render(report_of(compared), width=160, color=False).splitlines()

    assert "NCHW (contiguous) against pytorch.conv" == lines[0]
    assert "case" == lines[1].split("  ")[0]
    assert sum(line.startswith(("a  ", "b  ")) for line in lines) == len(compared)
    assert lines[-1].startswith("Against pytorch.conv: 1 faster, 2 slower, 2 the same, 2 cannot be told (")


@pytest.mark.parametrize(
    "expected",
    [
        r"^a +pytorch\.conv +1\.00 ms +– +– +baseline +–$",
        r"^a +fast\.kernel +500 µs +0\.500 +0\.499 to 0\.501 +faster +1\.5 %$",
        r"^a +gone\.conv +– +– +– +∅ unavailable +–$",
        r"^b +noisy\.kernel +1\.98 ms +0\.989 +0\.927 to 1\.055 +cannot tell +20 %$",
    ],
)
def test_comparison_rows(compared: pd.DataFrame, expected: str) -> None:
    """A row has the time, the ratio, its interval, the decision and what would have been seen."""
    assert re.search(expected, comparison.render(report_of(compared), width=160, color=False), re.MULTILINE)


def test_comparison_of_layouts(frame: pd.DataFrame) -> None:
    """Each layout has a table of its own, against a baseline of its own."""
    lines = comparison.render(report_of(frame), width=160, color=False).splitlines()

    assert [
        "NCHW (contiguous) against pytorch.conv",
        "NHWC (channels last) against torch.nhwc",
    ] == [line for line in lines if line.startswith(("NCHW", "NHWC"))]


def test_comparison_without_the_baselines_time() -> None:
    """A time without one of the baseline beside it stands alone."""
    frame = pd.DataFrame(
        [timed("pytorch.conv", "a", 1.0), timed("x.y", "b", 1.0), record("pytorch.conv", "b", "wrong")]
    )
    text = comparison.render(report_of(frame), width=160, color=False)

    assert re.search(r"^b +x\.y +1\.00 ms +– +– +– +–$", text, re.MULTILINE)
    assert re.search(r"^b +pytorch\.conv +– +– +– +✗ wrong +–$", text, re.MULTILINE)


def test_comparison_of_nothing(verified: pd.DataFrame) -> None:
    """Where nothing was timed, that is said."""
    lines = comparison.render(report_of(verified), width=160, color=False).splitlines()

    assert not any(line.startswith("NCHW") for line in lines)
    assert "Nothing was timed beside the baseline: there is nothing to compare." == lines[-1]


def test_comparison_says_why_there_is_no_time(frame: pd.DataFrame) -> None:
    """What failed, or was not judged, stands there with the reason."""
    lines = comparison.render(report_of(frame), width=160, color=False).splitlines()

    assert "✗ wrong  fast.kernel on b: y[0] is 1, want 2" in lines
    assert "    convharness verify --implementation fast.kernel --problem b" in lines
    assert "  unsupported: 1 × needs stride 1 (fast.kernel)" in lines


def test_comparison_of_what_was_timed(compared: pd.DataFrame) -> None:
    """A case that has no time is left out."""
    frame = pd.concat([compared, pd.DataFrame([record("pytorch.conv", "c")])], ignore_index=True)

    assert comparison.render(report_of(frame), width=160) == comparison.render(report_of(compared), width=160)


def test_markdown(compared: pd.DataFrame) -> None:
    """The table of comparisons says all of it, and the matrix marks what is not decided."""
    text = render("markdown", compared)

    assert "### Compared with pytorch.conv, NCHW (contiguous)" in text
    assert "| a | slow.kernel | **slower** | 1.050 | 1.048 to 1.052 | 1.5 % | 1.0 % | 1.05 ms | – |" in text
    assert "| a | 2.00× | ∅ | \\~0.981× | 1.00× | \\~0.999× | 0.952× |" in text


@pytest.mark.parametrize(("cases", "expected"), [(10, False), (20, True), (80, None)])
def test_markdown_is_brief(cases: int, expected: bool | None) -> None:
    """A long table of comparisons is folded away, and a very long one left to the HTML report."""
    rows = [
        one
        for place in range(cases)
        for one in (timed("pytorch.conv", f"c{place}", 1.0), timed("x.y", f"c{place}", 1.5))
    ]
    text = render("markdown", pd.DataFrame(rows))

    assert ("**slower**" in text) is (expected is not None)
    assert (f"<summary>All {2 * cases} rows</summary>" in text) is bool(expected)
    assert (f"{2 * cases} rows are too many to show here" in text) is (expected is None)


def test_html(compared: pd.DataFrame) -> None:
    """The page has a sortable row per comparison whose decision is a word."""
    page = render("html", compared)
    section = page[page.index('<section id="comparison"') : page.index('<section id="measured"')]

    assert [
        ("baseline", "baseline"), ("faster", "faster"), ("same", "same"), ("cannot-tell", "cannot tell"),
        ("slower", "slower"), ("baseline", "baseline"), ("cannot-tell", "cannot tell"), ("same", "same"),
        ("slower", "slower"),
    ] == re.findall(r'class="decision ([a-z-]*)">([a-z ]+)<', section)  # fmt: skip
    assert 'data-v="1.05">1.050<' in section
    assert 1 == section.count('<table class="sortable">')


def test_html_colours_what_is_decided(compared: pd.DataFrame) -> None:
    """The matrix of speed-ups shades a difference only if it is decided."""
    page = render("html", compared)
    matrix = page[page.index('data-view="speedup"') : page.index('data-view="time"')]

    assert re.search(r'<td class="slow-1"><a [^>]*>0\.952×', matrix)
    assert re.search(r'<td class=""><a [^>]*>~0\.981×', matrix)


def test_html_ranking(compared: pd.DataFrame) -> None:
    """The ranking counts each decision in a column of its own."""
    page = render("html", compared)
    ranking = page[page.index('<section id="ranking"') : page.index('<section id="comparison"')]
    row = ranking[ranking.index('data-i="noisy.kernel"') :]

    assert ["0", "0", "0", "2"] == re.findall(r'data-v="([^"]*)">\d</td>', row.partition("</tr>")[0])


def test_html_record(compared: pd.DataFrame) -> None:
    """A record says how it compares."""
    assert "<td>1.050 (1.048 to 1.052) slower</td>" in render("html", compared)


def test_csv(compared: pd.DataFrame) -> None:
    """The comparison follows the record's own columns; raw samples of rivals are left out."""
    table = pd.read_csv(StringIO(render("csv", compared)))
    place = list(table.columns).index("baseline")

    assert comparisons.COMPARISON_COLUMNS == tuple(table.columns[place : place + 7])
    assert "printed" == table.columns[place - 1]
    assert table["decision"].dropna().tolist() == list(decisions(compared).values())
    assert not {"twin", "samples_s"} & set(table.columns)


def test_csv_of_a_verification(verified: pd.DataFrame) -> None:
    """Without times there is nothing to compare, and no column for it."""
    assert not set(comparisons.COMPARISON_COLUMNS) & set(
        pd.read_csv(StringIO(render("csv", verified))).columns
    )


def test_chosen_baseline(compared: pd.DataFrame) -> None:
    """Another baseline is another question."""
    assert "faster" == decisions(compared, baseline="slow.kernel")["b", "pytorch.conv"]
    assert "Against slow.kernel: " in render("comparison", compared, baseline="slow.kernel")


@pytest.mark.parametrize("name", ["comparison", "csv"])
def test_unknown_baseline(name: str, compared: pd.DataFrame) -> None:
    """A baseline that is not there is refused."""
    with pytest.raises(SelectionError, match="unknown baseline 'nobody'"):
        render(name, compared, baseline="nobody")


def test_noisy_luck_is_not_the_mean() -> None:
    """What lasts as long as a process widens the interval, however many samples each process took."""
    frame = pd.DataFrame([timed("pytorch.conv", "a", 1.0), timed("x.y", "a", 1.0, NOISY)])
    (row,) = report_of(frame).comparisons.to_dict("records")

    assert row["time_ratio_high"] / row["time_ratio_low"] > 1.1
