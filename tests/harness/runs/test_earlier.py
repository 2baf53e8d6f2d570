"""Runs of an earlier version still load, and their reports are the same."""

import json
import shutil
from pathlib import Path

from convharness.reports.formats import FORMATS, render
from convharness.reports.report import Report
from convharness.runs.store import find_run, is_finished, load, read_rows, run_folders

EARLIER = Path(__file__).parents[2] / "data" / "earlier"
LATER_COLUMNS = {"cause"}


def test_the_report_of_an_earlier_run_is_unchanged() -> None:
    """The report of an earlier run is unchanged, except for later columns, which are empty."""
    (folder,) = run_folders(EARLIER)
    then = (EARLIER / "report.json").read_text("utf-8").strip()
    rows = json.loads(render("json", Report.of([folder]), FORMATS))
    old = [{name: value for name, value in row.items() if name not in LATER_COLUMNS} for row in rows]

    assert {None} == {row[name] for row in rows for name in LATER_COLUMNS}
    assert json.dumps(json.loads(then)) == json.dumps(old)


def test_an_earlier_run_is_read_from_its_lines() -> None:
    """An earlier run is read from its lines, since its Parquet files have no fingerprint."""
    (folder,) = run_folders(EARLIER)

    assert is_finished(folder)
    assert [row.case for row in read_rows(folder)] == list(load([folder])["case"])


def test_columns_of_a_later_version_are_ignored(tmp_path: Path) -> None:
    """A column that this version does not know is ignored."""
    shutil.copytree(EARLIER, tmp_path, dirs_exist_ok=True)
    folder = find_run("latest", tmp_path)
    path = folder / "records.jsonl"
    lines = [{**json.loads(line), "later": [1]} for line in path.read_text("utf-8").splitlines()]
    before = list(read_rows(folder))
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")

    assert before == list(read_rows(folder))
