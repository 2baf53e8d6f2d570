"""The store: records on disk, damaged files, Parquet files, and how runs are found."""

import json
import math
from pathlib import Path

import pytest

from convharness import Measurement, Record, ResultsError, Settings, Verdict, implementation
from convharness.reports.report import Report
from convharness.runs.journal import RunWriter
from convharness.runs.row import COLUMNS, NESTED_COLUMNS
from convharness.runs.store import (
    compact,
    encode_rows,
    find_run,
    frame_of,
    new_run,
    passes_of,
    read_rows,
    read_run,
    run_folders,
)
from tests.making import case_of, declared

MEASURED = Measurement([(0, (0.25, 0.5)), (1, (0.125,))], [2, 3])


@implementation
def nothing(x, weight):
    """Do nothing."""


def record(
    text: str = "c2h4w4-o2k3", verdict: Verdict | None = None, measured: Measurement | None = MEASURED
) -> Record:
    """Return a record of an implementation that does nothing."""
    return Record(
        "suite", case_of(text), declared(nothing), verdict or Verdict("passed", error_u=0.5), measured
    )


def write(results: Path, *records: Record) -> Path:
    """Write a run with these records and return its folder."""
    with RunWriter(results, new_run({"machine": "m"}, Settings(level="quick"), "convharness run")) as writer:
        for one in records:
            writer.append(one)
    return writer.folder


def test_a_record_is_a_line_before_the_next_one_begins(tmp_path: Path) -> None:
    """Each record is a line on disk before the next one is appended."""
    counts = []
    with RunWriter(tmp_path, new_run({}, {}, "")) as writer:
        for _ in range(3):
            writer.append(record())
            counts.append((writer.folder / "records.jsonl").read_bytes().count(b"\n"))

    assert [1, 2, 3] == counts


def test_an_appended_record_is_read_back(tmp_path: Path) -> None:
    """A record is read back equal to the row that appending returned."""
    with RunWriter(tmp_path, new_run({}, {}, "")) as writer:
        rows = [writer.append(record(text)) for text in ("c2h4w4-o2k3", "c1w9-o1k2")]

    assert rows == list(read_rows(writer.folder))


def test_a_line_is_json_with_every_column(tmp_path: Path) -> None:
    """A line is JSON with all columns in order."""
    line = (write(tmp_path, record()) / "records.jsonl").read_text("utf-8")

    assert [*COLUMNS, *NESTED_COLUMNS] == list(json.loads(line))


def test_a_run_s_own_facts_read_back(tmp_path: Path) -> None:
    """The environment, the settings and the command of a run are read back."""
    run = read_run(write(tmp_path))

    assert ({"machine": "m"}, Settings(level="quick"), "convharness run") == (
        dict(run.environment),
        run.settings,
        run.command,
    )


def test_a_setting_that_was_renamed_reads_under_its_present_name(tmp_path: Path) -> None:
    """A renamed setting of an earlier version is read under its present name."""
    folder = write(tmp_path)
    header = json.loads((folder / "run.json").read_bytes())
    del header["purpose"]
    header["settings"] = {"level": "standard", "yardstick": True}
    (folder / "run.json").write_text(json.dumps(header))
    settings = read_run(folder).settings

    assert ("standard", True) == (settings.level, settings.reference)


def test_a_torn_last_line_is_left_out_wherever_it_was_torn(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """A last line that was cut off at any place is left out with a warning, and the others are read."""
    folder = write(tmp_path, record(), record(verdict=Verdict("wrong", "y is 1 ± 2 → 3")))
    path = folder / "records.jsonl"
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    found = []

    for cut in range(first + 1, len(whole) - 1, 7):
        path.write_bytes(whole[:cut])
        found.append(len(list(read_rows(folder))))

    assert {1} == set(found)
    assert (
        f"convharness: {path} ends in the middle of a record, which is left out\n" * len(found)
        == capsys.readouterr().err
    )


@pytest.mark.parametrize("damage", [b"{broken}\n", b"[]\n", b"\xff\xfe\n"])
def test_a_damaged_line_inside_is_an_error_with_its_number(damage: bytes, tmp_path: Path) -> None:
    """A damaged line before the last is an error with the path and the line's number."""
    folder = write(tmp_path, record())
    path = folder / "records.jsonl"
    path.write_bytes(path.read_bytes() + damage + path.read_bytes())

    with pytest.raises(ResultsError) as refused:
        list(read_rows(folder))

    assert str(refused.value).startswith(f"{path}, line 2 is damaged: ")
    assert 1 == len(str(refused.value).splitlines())


def test_parquet_holds_what_the_lines_hold(tmp_path: Path) -> None:
    """The Parquet files have the values of the lines, with samples in a file of their own."""
    import pyarrow.parquet as pq

    folder = write(tmp_path, record(), record("c1w9-o1k2", Verdict("wrong", "because", values=[[1.5]]), None))
    compact(folder)
    rows, table = list(read_rows(folder)), pq.read_table(folder / "records.parquet").to_pylist()
    samples = pq.read_table(folder / "samples.parquet").to_pylist()

    assert [{name: getattr(row, name) for name in COLUMNS} for row in rows] == [
        {name: row[name] for name in COLUMNS} for row in table
    ]
    assert [None, [[1.5]]] == [None if row["values"] is None else json.loads(row["values"]) for row in table]
    assert [0.25, 0.5, 0.125] == [sample["seconds"] for sample in samples]
    assert [(0, 0, 0), (0, 0, 1), (1, 1, 0)] == [
        (sample["generation"], sample["pass"], sample["round"]) for sample in samples
    ]
    assert [] == list(folder.glob("*.part"))


def test_passes_read_back_as_they_were_measured(tmp_path: Path) -> None:
    """The passes of a record are read back from a line, which has all samples in one list."""
    (row,) = read_rows(write(tmp_path, record()))

    assert [(0, [0.25, 0.5]), (1, [0.125])] == row.timed_passes


@pytest.mark.parametrize(
    ("row", "passes"),
    [
        (
            {"samples_s": [1.0, 2.0, 3.0], "passes": [[0, 2, 9], [1, 0, 9], [2, 1, 9]]},
            [[1.0, 2.0], [], [3.0]],
        ),
        ({"samples_s": [1.0, 2.0]}, [[1.0, 2.0]]),  # of an earlier version: one pass
        ({"samples_s": [1.0, 2.0], "passes": None}, [[1.0, 2.0]]),
        ({"samples_s": None, "passes": None}, []),
        ({"samples_s": []}, []),
    ],
)
def test_passes_are_cut_from_the_samples(row: dict, passes: list[list[float]]) -> None:
    """The samples of a record are divided into its passes, or are one pass if it has none."""
    assert list(enumerate(passes)) == passes_of(row)


def test_a_run_without_records_is_compacted_too(tmp_path: Path) -> None:
    """A run without records is compacted to a frame without rows."""
    folder = write(tmp_path)
    compact(folder)
    frame = Report.of([folder]).stored

    assert (0, [*COLUMNS, *NESTED_COLUMNS]) == (len(frame), list(frame.columns))


def test_a_frame_has_numbers_where_numbers_are_missing_too(tmp_path: Path) -> None:
    """A column of numbers is of floats, with NaN where a number is missing."""
    frame = Report.of([write(tmp_path, record(), record(measured=None))]).stored

    assert (0.25, True) == (frame["time_median_s"][0], math.isnan(frame["time_median_s"][1]))
    assert "float64" == str(frame["time_median_s"].dtype)


def test_several_runs_are_one_frame(tmp_path: Path) -> None:
    """Several runs are one frame, whose rows have their run."""
    folders = [write(tmp_path, record()), write(tmp_path, record())]

    assert [folder.name for folder in folders] == list(Report.of(folders).stored["run"])


def test_a_frame_without_rows_has_every_column() -> None:
    """A frame without rows has all columns."""
    assert [*COLUMNS, *NESTED_COLUMNS] == list(frame_of([]).columns)


@pytest.mark.parametrize("lines", [False, True])
def test_rows_are_encoded_as_one_array_or_as_lines(lines: bool) -> None:
    """Rows are encoded as an array or as lines, with null for NaN and infinity."""
    text = encode_rows([{"a": 1.5}, {"a": float("nan")}, {"a": float("inf")}], lines=lines)
    found = [json.loads(line) for line in text.splitlines()] if lines else json.loads(text)

    assert [{"a": 1.5}, {"a": None}, {"a": None}] == found


def test_runs_are_found_by_id_beginning_path_and_latest(tmp_path: Path) -> None:
    """A run is found by its id, the beginning of its id, its path, or as `latest`."""
    folders = sorted(write(tmp_path) for _ in range(2))

    assert folders == run_folders(tmp_path)
    assert [folders[-1]] * 3 == [
        find_run(name, tmp_path) for name in ("latest", folders[-1].name, str(folders[-1]))
    ]
    assert folders[0] == find_run(folders[0].name[:-1], tmp_path)


def test_a_run_that_is_not_there_is_answered_with_the_latest(tmp_path: Path) -> None:
    """The message about an unknown run names the latest one."""
    folder = write(tmp_path)

    with pytest.raises(ResultsError) as refused:
        find_run("1999", tmp_path)

    assert f"there is no run '1999' in {tmp_path / 'runs'}; the latest is {folder.name}" == str(refused.value)


def test_the_message_about_a_folder_without_runs_says_how_to_make_one(tmp_path: Path) -> None:
    """The message about a folder without runs has the command that makes one."""
    with pytest.raises(ResultsError) as refused:
        find_run("latest", tmp_path)

    assert f"there are no runs in {tmp_path / 'runs'}; make one with: convharness run" == str(refused.value)


def test_a_beginning_of_several_runs_is_too_short(tmp_path: Path) -> None:
    """The beginning of several ids is refused with their number."""
    write(tmp_path)
    write(tmp_path)

    with pytest.raises(ResultsError) as refused:
        find_run("2", tmp_path)

    assert "2 runs begin with '2'; write more of the id" == str(refused.value)


@pytest.mark.parametrize("read", [read_run, lambda folder: list(read_rows(folder))])
def test_a_folder_that_is_not_a_run_is_an_error(read: object, tmp_path: Path) -> None:
    """A folder that is not a run is an error with its path and the system's reason."""
    with pytest.raises(ResultsError, match=rf"^cannot read {tmp_path}/.*: No such file or directory"):
        read(tmp_path)


def test_a_damaged_header_is_an_error(tmp_path: Path) -> None:
    """A damaged run.json is an error with its path."""
    folder = write(tmp_path)
    (folder / "run.json").write_text("{}", "utf-8")

    with pytest.raises(ResultsError, match=rf"^{folder}/run.json is damaged: "):
        read_run(folder)


def test_a_results_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """A results folder that cannot be written is an error with the option that helps."""
    (tmp_path / "taken").write_text("", "utf-8")

    with pytest.raises(ResultsError, match=r": Not a directory; choose another folder with --results$"):
        RunWriter(tmp_path / "taken", new_run({}, {}, ""))


def test_text_that_is_not_unicode_is_stored_escaped(tmp_path: Path) -> None:
    """A reason with bytes that are not Unicode is stored escaped."""
    folder = write(tmp_path, record(verdict=Verdict("error", "no file \udcff")))

    assert ["no file \\udcff"] == [row.reason for row in read_rows(folder)]
