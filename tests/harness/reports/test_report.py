"""What a report is made of: the records as they were stored, and one frame of them."""

from pathlib import Path

import pytest
from msgspec.structs import asdict

import convharness
from convharness import Measurement, Record, Verdict, implementation
from convharness.reports.formats import FORMATS, render
from convharness.reports.report import Report
from convharness.runs.journal import RunWriter
from convharness.runs.settings import Settings
from convharness.runs.store import compact, new_run, read_run
from tests.making import case_of, declared


@implementation
def nothing(x, weight):
    """Do nothing."""


def record(measured: Measurement | None) -> Record:
    """Return a record of a plugin that does nothing."""
    return Record("suite", case_of("c2h4w4-o2k3"), declared(nothing), Verdict("passed"), measured)


def run_of(results: Path, *records: Record) -> RunWriter:
    """Return the writer of a run that is complete."""
    with RunWriter(results, new_run({"machine": "m"}, Settings(), "")) as writer:
        for one in records:
            writer.append(one)
    return writer


def test_a_report_of_folders_has_their_runs_and_records(tmp_path: Path) -> None:
    """In the order of the folders."""
    writers = [run_of(tmp_path, record(None)) for _ in range(2)]
    report = Report.of([one.folder for one in writers])

    assert [one.run.id for one in writers] == [run.id for run in report.runs]
    assert [one.run.id for one in writers] == [row["run"] for row in report.rows()]


def test_records_that_were_not_timed_are_shown_as_stored(tmp_path: Path) -> None:
    """There is nothing to compare."""
    writer = run_of(tmp_path, record(None))

    assert [asdict(row) for row in writer.rows] == Report(writer.rows, [writer.run]).rows()


def test_records_that_were_timed_say_how_they_compare(tmp_path: Path) -> None:
    """Beside everything that is stored."""
    writer = run_of(tmp_path, record(Measurement([(0, (0.25, 0.5))], [2])))
    (row,) = Report(writer.rows, [writer.run]).rows()

    assert asdict(writer.rows[0]).items() <= row.items()
    assert {"decision", "time_ratio"} <= row.keys() - asdict(writer.rows[0]).keys()


@pytest.mark.parametrize("name", ["stored", "frame", "baselines", "comparisons", "compared"])
def test_each_table_is_made_once(name: str, tmp_path: Path) -> None:
    """A table may be large."""
    writer = run_of(tmp_path, record(None))
    report = Report(writer.rows, [writer.run])

    assert getattr(report, name) is getattr(report, name)


def test_a_prepared_frame_comes_from_a_report_only() -> None:
    """No module but the report's prepares a frame, so that none has to find out whether it was."""
    folder = Path(convharness.__file__).parent
    sources = {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*.py")}
    preparing = [name for name, text in sources.items() if "frames import prepare" in text]
    keeping = [name for name, text in sources.items() if ".attrs" in text]

    assert (["reports/report.py"], []) == (preparing, keeping)


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_stored_run_is_reported_as_it_was_when_it_ended(format_name: str, tmp_path: Path) -> None:
    """From its records at hand, from its lines, and from its Parquet files."""
    writer = run_of(tmp_path, record(Measurement([(0, (0.25, 0.5))], [2])))
    at_hand = Report(writer.rows, [read_run(writer.folder)])
    texts = [render(format_name, at_hand, FORMATS), render(format_name, Report.of([writer.folder]), FORMATS)]
    compact(writer.folder)

    assert texts == [render(format_name, Report.of([writer.folder]), FORMATS)] * 2
