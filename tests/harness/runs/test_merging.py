"""Merging the results of several machines or shards into one folder."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from convharness import ResultsError
from convharness.runs.journal import RunWriter
from convharness.runs.merging import merge
from convharness.runs.store import compact, is_finished, new_run, read_rows

from .test_store import record, write

COLUMNS = ["result", "params", "version", "started_at", "duration", "stats_ci_99_a"]
RUN = new_run({"machine": "m"}, {}, "")


def cases(folder: Path) -> list[str]:
    """Return the cases of a run, in order."""
    return [row.case for row in read_rows(folder)]


def shard(results: Path, *texts: str, finished: bool = True) -> Path:
    """Write a part of one run and return its folder."""
    with RunWriter(results, RUN) as writer:
        for text in texts:
            writer.append(record(text))
    if finished:
        compact(writer.folder)
    return writer.folder


def asv_file(results: Path, **benchmarks: dict[str, Any]) -> Path:
    """Write asv's results of one commit."""
    path = results / "asv" / "machine" / "0123abcd-worktree.json"
    path.parent.mkdir(parents=True)
    (path.parent / "machine.json").write_text('{"machine": "machine", "version": 1}', "utf-8")
    rows = {name: [row.get(column) for column in COLUMNS] for name, row in benchmarks.items()}
    facts = {"commit_hash": "0123abcd", "result_columns": COLUMNS, "results": rows, "version": 2}
    path.write_text(json.dumps(facts), "utf-8")
    return path


def benchmark(started_at: int, **values: Any) -> dict[str, Any]:
    """Return asv's results of a benchmark whose parameter is the case."""
    return {
        "result": list(values.values()),
        "params": [[repr(name) for name in values]],
        "version": "1",
        "started_at": started_at,
        "duration": 1.0,
        "stats_ci_99_a": [value and value / 2 for value in values.values()],
    }


def merged_benchmark(results: Path, name: str = "track") -> dict[str, Any]:
    """Return a benchmark of the merged results, by case."""
    stored = json.loads((results / "asv/machine/0123abcd-worktree.json").read_text("utf-8"))
    row = dict(zip(stored["result_columns"], stored["results"][name], strict=False))
    return dict(zip(row["params"][0], zip(row["result"], row["stats_ci_99_a"], strict=True), strict=True))


def test_runs_of_two_folders_are_side_by_side(tmp_path: Path) -> None:
    """The runs of two folders are copied unchanged into one."""
    one, other = write(tmp_path / "a", record()), write(tmp_path / "b", record(), record("c4h4w4-o2k3"))
    done = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")

    assert (2, 3, 0) == (done.runs, done.records, done.known_runs)
    for folder in (one, other):
        assert (folder / "records.jsonl").read_bytes() == (
            tmp_path / "all/runs" / folder.name / "records.jsonl"
        ).read_bytes()


def test_merging_again_adds_nothing(tmp_path: Path) -> None:
    """Merging the same folders again changes nothing."""
    write(tmp_path / "a", record())
    asv_file(tmp_path / "a", track=benchmark(1, small=1.0, gap=math.nan))
    merge([tmp_path / "a"], tmp_path / "all")
    before = {path: path.read_bytes() for path in (tmp_path / "all").rglob("*") if path.is_file()}
    done = merge([tmp_path / "a", tmp_path / "a"], tmp_path / "all")

    assert (0, 0, 2, 0, 2) == (
        done.runs, done.records, done.known_runs, done.asv_files, done.known_asv_files,
    )  # fmt: skip
    assert before == {path: path.read_bytes() for path in (tmp_path / "all").rglob("*") if path.is_file()}


def test_a_run_that_went_on_in_two_places_has_each_record_once(tmp_path: Path) -> None:
    """Two parts of one run are merged into one run with each record once."""
    shard(tmp_path / "a", "c2h4w4-o2k1", "c2h4w4-o2k2", finished=False)
    shard(tmp_path / "b", "c2h4w4-o2k1", "c2h4w4-o2k3")
    merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    folder = tmp_path / "all/runs" / RUN.id

    assert ["c2h4w4-o2k1", "c2h4w4-o2k2", "c2h4w4-o2k3"] == cases(folder)
    assert is_finished(folder)


def test_a_torn_line_is_replaced_by_the_whole_one(tmp_path: Path) -> None:
    """A line that was cut off is replaced by the whole record of another part."""
    folder = shard(tmp_path / "a", "c2h4w4-o2k1", "c2h4w4-o2k2", finished=False)
    lines = (folder / "records.jsonl").read_bytes()
    (folder / "records.jsonl").write_bytes(lines[:-20])
    shard(tmp_path / "b", "c2h4w4-o2k1", "c2h4w4-o2k2", finished=False)
    merge([tmp_path / "b"], tmp_path / "a")

    assert ["c2h4w4-o2k1", "c2h4w4-o2k2"] == cases(folder)
    assert not is_finished(folder)


def test_asv_files_of_one_commit_are_merged_benchmark_by_benchmark(tmp_path: Path) -> None:
    """A benchmark that only one of two asv files has is merged with its interval."""
    asv_file(tmp_path / "a", track=benchmark(1, small=2.0))
    asv_file(tmp_path / "b", other=benchmark(1, small=4.0))
    merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")

    assert {"'small'": (2.0, 1.0)} == merged_benchmark(tmp_path / "all")
    assert {"'small'": (4.0, 2.0)} == merged_benchmark(tmp_path / "all", "other")


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_cases_of_one_benchmark_are_merged_and_the_later_one_counts(order: str, tmp_path: Path) -> None:
    """Of two results of a case the later one counts, in any order, unless it failed."""
    asv_file(tmp_path / "a", track=benchmark(1, small=2.0, large=8.0, failed=6.0))
    asv_file(tmp_path / "b", track=benchmark(2, small=4.0, new=16.0, failed=None))
    merge([tmp_path / name for name in order], tmp_path / "all")

    assert {
        "'small'": (4.0, 2.0),
        "'large'": (8.0, 4.0),
        "'new'": (16.0, 8.0),
        "'failed'": (6.0, 3.0),
    } == merged_benchmark(tmp_path / "all")


def test_of_two_versions_of_a_benchmark_the_later_one_counts(tmp_path: Path) -> None:
    """Of two versions of a benchmark only the later one is kept, since its figures differ in meaning."""
    asv_file(tmp_path / "a", track=benchmark(2, small=2.0))
    asv_file(tmp_path / "b", track={**benchmark(1, large=8.0), "version": "0"})
    merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")

    assert {"'small'": (2.0, 1.0)} == merged_benchmark(tmp_path / "all")


def test_a_gap_of_asv_stays_not_a_number(tmp_path: Path) -> None:
    """A missing result of asv stays NaN and does not become null."""
    asv_file(tmp_path / "a", track=benchmark(1, small=math.nan))
    merge([tmp_path / "a"], tmp_path / "all")

    assert [True] == [math.isnan(value) for value, _ in merged_benchmark(tmp_path / "all").values()]


def test_of_two_descriptions_of_a_benchmark_the_longer_one_counts(tmp_path: Path) -> None:
    """Of two descriptions of a benchmark the one with more cases is kept."""
    for name, params in (("a", ["'x'", "'y'"]), ("b", ["'x'"])):
        (tmp_path / name / "asv").mkdir(parents=True)
        known = {"track": {"params": [params]}, f"only_{name}": {"params": []}, "version": 2}
        (tmp_path / name / "asv/benchmarks.json").write_text(json.dumps(known), "utf-8")
    merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")

    assert {
        "track": {"params": [["'x'", "'y'"]]},
        "only_a": {"params": []},
        "only_b": {"params": []},
        "version": 2,
    } == json.loads((tmp_path / "all/asv/benchmarks.json").read_text("utf-8"))


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    """A folder without results is refused before anything is written."""
    with pytest.raises(ResultsError, match="holds no results; a folder of results has runs or asv in it"):
        merge([tmp_path], tmp_path / "all")

    assert not (tmp_path / "all").exists()


def test_a_folder_is_not_merged_into_itself(tmp_path: Path) -> None:
    """A folder is not merged into itself."""
    write(tmp_path, record())

    with pytest.raises(ResultsError, match="cannot be merged into itself"):
        merge([tmp_path], tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"results": 3}'])
def test_a_damaged_file_of_asv_is_named(text: str, tmp_path: Path) -> None:
    """A damaged asv file is an error that names it, and what was merged before stays."""
    write(tmp_path / "a", record())
    asv_file(tmp_path / "a").write_text(text, "utf-8")

    with pytest.raises(ResultsError, match=r"0123abcd-worktree\.json"):
        merge([tmp_path / "a"], tmp_path / "all")

    assert 1 == len(list((tmp_path / "all/runs").iterdir()))


@pytest.mark.parametrize("text", ["{", "[]", '{"track": {"params": 3}}'])
def test_a_damaged_description_of_benchmarks_is_named(text: str, tmp_path: Path) -> None:
    """A damaged file of asv's benchmarks is an error that names it."""
    for name, content in (("a", '{"track": {"params": []}}'), ("b", text)):
        (tmp_path / name / "asv").mkdir(parents=True)
        (tmp_path / name / "asv/benchmarks.json").write_text(content, "utf-8")

    with pytest.raises(ResultsError, match=r"b/asv/benchmarks\.json, or what it is merged with, is damaged"):
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")


def test_a_run_with_damaged_facts_is_refused_and_can_be_repaired(
    tmp_path: Path,
) -> None:
    """A run with a damaged run.json is not copied, and is repaired by merging an intact copy into it."""
    good = write(tmp_path / "a", record())
    bad = tmp_path / "b/runs" / good.name
    bad.mkdir(parents=True)
    (bad / "run.json").write_text("garbage", "utf-8")

    with pytest.raises(ResultsError, match=r"run\.json is damaged"):
        merge([tmp_path / "b"], tmp_path / "all")
    merge([tmp_path / "a"], tmp_path / "b")

    assert (good / "run.json").read_bytes() == (bad / "run.json").read_bytes()
