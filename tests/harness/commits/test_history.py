"""The history of a commit line, from runs on disk."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from convharness import Measurement, ResultsError, Settings, Verdict
from convharness.commits.history import COLUMNS, TrackedRow, history, tracked
from convharness.commits.repository import Commit
from convharness.plugins.broken import BrokenPlugin
from convharness.plugins.registry import Unavailable
from convharness.runs.journal import RunWriter
from convharness.runs.row import Row
from convharness.runs.run import Plain, Purpose, Tracked
from convharness.runs.store import RECORDS_FILE, compact, new_run, read_rows, run_folders

from ..runs.test_store import record

LINE = [Commit(f"{n}" * 40, datetime(2026, 1, 1 + n, tzinfo=UTC), (), f"Commit {n}") for n in range(3)]
TRACKED = Tracked(("s",))
TWICE = Measurement(
    [(kin, (2.0, 2.0)) for kin in range(3)], [1, 1, 1], reference=[(kin, (1.0, 1.0)) for kin in range(3)]
)


def run_at(
    results: Path,
    at: Commit,
    *records: Any,
    finished: bool = True,
    purpose: Purpose = TRACKED,
    **facts: Any,
) -> None:
    """Write a tracked run of a commit."""
    environment = {"commit": at.hash, "machine": "m", "python": "3.11.7", **facts}
    number = len(list(results.glob("runs/*")))
    started = new_run(environment, Settings(level="quick"), "convharness track", purpose=purpose)
    run = replace(started, id=f"run-{number}")
    with RunWriter(results, run) as writer:
        for one in records:
            writer.append(one)
    if finished:
        compact(writer.folder)


def test_commits_come_in_the_order_of_their_line(tmp_path: Path) -> None:
    """Tracked commits come in the order of their line, not of their tracking."""
    for number in (2, 0):
        run_at(tmp_path, LINE[number], record())

    assert [0, 2] == [one.position for one in tracked(tmp_path, LINE)]


@pytest.mark.parametrize(
    "facts",
    [{"purpose": Plain()}, {"commit": "f" * 40}, {"finished": False}],
    ids=lambda facts: next(iter(facts)),
)
def test_a_run_that_does_not_belong_to_the_line_is_left_out(facts: dict[str, Any], tmp_path: Path) -> None:
    """A run that is not tracked, not finished, or of a commit outside the line is left out."""
    run_at(tmp_path, LINE[0], record(), **facts)

    assert [] == tracked(tmp_path, LINE)


def test_runs_of_one_commit_are_put_together_and_the_later_record_counts(tmp_path: Path) -> None:
    """The runs of one commit are merged, and of two records of a case the later one counts."""
    run_at(tmp_path, LINE[0], record("c2h4w4-o2k1"), record("c2h4w4-o2k2"))
    run_at(tmp_path, LINE[0], record("c2h4w4-o2k2", Verdict("wrong", reason="no")), record("c2h4w4-o2k3"))
    (one,) = tracked(tmp_path, LINE)

    assert [("c2h4w4-o2k1", "passed"), ("c2h4w4-o2k2", "wrong"), ("c2h4w4-o2k3", "passed")] == [
        (row.case, row.status) for row in one.rows
    ]


def test_broken_and_unavailable_plugins_of_a_commit_are_read_back(tmp_path: Path) -> None:
    """The broken and unavailable plugins of a commit are read back as they were stored."""
    mistake = BrokenPlugin("import", "implementations/my conv.py", "my conv", "line 3")
    lacking = Unavailable("mine", "nunpy", "implementations/mine.py")
    run_at(tmp_path, LINE[0], record(), purpose=Tracked(("s",), broken=(mistake,), unavailable=(lacking,)))
    (one,) = tracked(tmp_path, LINE)

    assert ((mistake,), (lacking,)) == (one.broken, one.missing)


def test_a_run_with_an_invalid_broken_plugin_is_damaged(tmp_path: Path) -> None:
    """A run that stores an invalid value as a broken plugin is damaged, and is named."""
    run_at(tmp_path, LINE[0], record(), purpose=Tracked(("s",), broken=({"kind": "odd"},)))

    with pytest.raises(ResultsError, match=r"run-0/run.json is damaged: .*broken"):
        tracked(tmp_path, LINE)


def test_tracked_records_have_the_columns_of_a_history_as_they_are_stored(tmp_path: Path) -> None:
    """Raw samples and other columns are not read, which takes most of the time."""
    run_at(tmp_path, LINE[0], record(measured=TWICE))
    (one,) = tracked(tmp_path, LINE)
    (whole,) = read_rows(run_folders(tmp_path)[0])

    assert [{name: getattr(whole, name) for name in TrackedRow.__struct_fields__}] == [
        {name: getattr(row, name) for name in TrackedRow.__struct_fields__} for row in one.rows
    ]


def test_a_tracked_record_has_the_types_of_a_stored_one() -> None:
    """A column that changes its type changes it in both."""
    types = get_type_hints(Row)

    assert {name: types[name] for name in TrackedRow.__struct_fields__} == get_type_hints(TrackedRow)


def test_a_damaged_record_of_a_finished_run_is_named(tmp_path: Path) -> None:
    """With its line and column, as in a report."""
    run_at(tmp_path, LINE[0], record())
    path = run_folders(tmp_path)[0] / RECORDS_FILE
    path.write_text(path.read_text().replace('"status":"passed"', '"status":"pased"'))

    with pytest.raises(ResultsError, match="line 1 is damaged: its status is 'pased'"):
        tracked(tmp_path, LINE)


def test_machines_and_levels_are_places_of_their_own(tmp_path: Path) -> None:
    """A tracked commit has its machine, versions and level, so that only equal ones are compared."""
    run_at(tmp_path, LINE[0], record())
    run_at(tmp_path, LINE[0], record(), machine="other")

    assert [("m", "Python 3.11, 1 thread, quick level"), ("other", "Python 3.11, 1 thread, quick level")] == [
        one.place for one in tracked(tmp_path, LINE)
    ]


def test_the_table_has_its_columns_and_times_relative_to_the_reference(tmp_path: Path) -> None:
    """The table has its columns, and times relative to the reference with an interval over processes."""
    run_at(tmp_path, LINE[1], record(measured=TWICE), purpose=Tracked(("s",), {"test.nothing": "abc"}))
    frame = history(tmp_path, LINE)
    (row,) = frame.to_dict("records")

    assert list(COLUMNS) == list(frame.columns)
    assert (LINE[1].hash, 1, "Commit 1", "test.nothing", "abc", "run") == tuple(
        row[name] for name in ("commit", "position", "subject", "implementation", "content", "source")
    )
    assert pytest.approx(2.0) == row["relative_time"]
    assert row["relative_low"] < 2.0 < row["relative_high"]


def test_a_history_without_runs_is_an_empty_table(tmp_path: Path) -> None:
    """A history without runs is a table with all columns and no rows."""
    assert (list(COLUMNS), 0) == (list((frame := history(tmp_path, LINE)).columns), len(frame))
