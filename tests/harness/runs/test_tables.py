"""Records as tables: a frame is the same from Parquet files and from lines, which decide."""

import os
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from convharness.runs import tables
from convharness.runs.row import COLUMNS, NESTED_COLUMNS, Row
from convharness.runs.store import RECORDS_FILE, compact, load

FACTS = b'{"id": "r", "started_at": "", "command": "", "environment": {}, "settings": {}}'
PASSED = Row(
    run="r",
    suite="s",
    case="c",
    implementation="one",
    status="passed",
    weight=1.0,
    batch_size=2,
    bias=False,
    time_median_s=0.5,
    macs=12,
    samples=3,
    samples_s=[0.5, 0.25, 1.0],
    passes=[(0, 2, 7), (1, 1, 7)],
    twin=[(0, [0.5])],
    relative=[(0, 0.125)],
    conditions={"throttled": 0},
    values=[[1.5]],
    traits={"threads": "one"},
)
SKIPPED = Row(
    run="r", suite="s", case="d", implementation="one", status="unsupported", reason="needs groups 1"
)


def stored(folder: Path, *rows: Row) -> Path:
    """Write the lines of a run and return its folder."""
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_bytes(FACTS)
    (folder / RECORDS_FILE).write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    return folder


def from_parquet(folder: Path) -> pd.DataFrame | None:
    """Return the frame of the Parquet files, or None if they do not belong to the lines."""
    return tables.read(folder, folder / RECORDS_FILE)


def plain(frame: pd.DataFrame) -> list[dict]:
    """Return the rows of a frame, with lists for arrays and None for missing values."""
    return [
        {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in row.items()}
        for row in frame.astype(object).where(frame.notna(), None).to_dict("records")
    ]


def test_a_frame_is_the_same_from_lines_and_from_parquet(tmp_path: Path) -> None:
    """A frame has the same values and data types from lines and from Parquet files."""
    folder = stored(tmp_path / "run", PASSED, SKIPPED)
    lines = load([folder])
    compact(folder)
    parquet = from_parquet(folder)

    assert parquet is not None
    assert plain(lines) == plain(parquet) == [msgspec.structs.asdict(row) for row in (PASSED, SKIPPED)]
    assert lines.dtypes.to_dict() == parquet.dtypes.to_dict()
    assert [*COLUMNS, *NESTED_COLUMNS] == list(parquet.columns)


def test_each_column_has_its_type_with_missing_values(tmp_path: Path) -> None:
    """A column keeps its data type with missing values, also if all are missing."""
    frame = load([stored(tmp_path / "run", SKIPPED)])

    assert ("Int64", "boolean", "float64", "object") == tuple(
        str(frame[name].dtype) for name in ("macs", "bias", "time_median_s", "passes")
    )


def test_counts_beyond_64_bits_are_floats(tmp_path: Path) -> None:
    """A column with a count beyond 64 bits is of floats."""
    folder = stored(tmp_path / "run", PASSED, msgspec.structs.replace(SKIPPED, macs=2**70))
    compact(folder)
    frame = from_parquet(folder)

    assert frame is not None
    assert [12.0, 2.0**70] == list(frame["macs"])


def _add_a_line(folder: Path) -> None:
    path = folder / RECORDS_FILE
    path.write_bytes(path.read_bytes() * 2)


def _change_a_line(folder: Path) -> None:
    path = folder / RECORDS_FILE
    path.write_bytes(path.read_bytes().replace(b'"one"', b'"two"'))


def _take_samples_of_another(folder: Path) -> None:
    other = stored(folder.parent / "other", SKIPPED)
    compact(other)
    (other / tables.SAMPLES).replace(folder / tables.SAMPLES)


def _lose_the_fingerprint(folder: Path) -> None:
    table = pq.read_table(folder / tables.RECORDS)
    pq.write_table(table.replace_schema_metadata(None), folder / tables.RECORDS)


@pytest.mark.parametrize(
    "change",
    [
        _add_a_line,
        _change_a_line,
        _take_samples_of_another,
        _lose_the_fingerprint,
        lambda folder: (folder / tables.SAMPLES).unlink(),
        lambda folder: (folder / tables.RECORDS).write_bytes(b"PAR1"),
    ],
    ids=["more lines", "other lines", "other samples", "no fingerprint", "no samples", "damaged"],
)
def test_parquet_files_of_other_lines_are_not_used(change, tmp_path: Path) -> None:
    """Parquet files that do not belong to the lines, or are damaged, are not used."""
    folder = stored(tmp_path / "run", PASSED, SKIPPED)
    compact(folder)
    change(folder)
    lines = [msgspec.json.decode(line) for line in (folder / RECORDS_FILE).read_bytes().splitlines()]

    assert from_parquet(folder) is None
    assert [line["implementation"] for line in lines] == list(load([folder])["implementation"])


def test_parquet_files_are_used_for_a_copy_of_their_lines(tmp_path: Path) -> None:
    """Parquet files are used for a copy of their lines with another modification time."""
    folder = stored(tmp_path / "run", PASSED)
    compact(folder)
    os.utime(folder / RECORDS_FILE, (1, 1))

    assert from_parquet(folder) is not None


def test_parquet_of_another_version_has_every_column(tmp_path: Path) -> None:
    """A frame from the Parquet files of another version has this version's columns."""
    folder = stored(tmp_path / "run", PASSED)
    compact(folder)
    path = folder / tables.RECORDS
    about = pq.read_metadata(path).metadata
    table = pq.read_table(path).drop_columns(["macs", "bias", "traits"]).append_column("new", pa.array([1]))
    pq.write_table(table.replace_schema_metadata(about), path)
    frame = from_parquet(folder)

    assert frame is not None
    assert [None, None, None, 0.5] == [
        plain(frame)[0][name] for name in ("macs", "bias", "traits", "time_median_s")
    ]
    assert "new" not in frame.columns


def test_several_runs_are_one_frame_in_their_order(tmp_path: Path) -> None:
    """Several runs are one frame in their order, from Parquet files or from lines."""
    folders = [stored(tmp_path / "a", PASSED), stored(tmp_path / "b", SKIPPED)]
    compact(folders[0])
    frame = load(folders)

    assert ["c", "d"] == list(frame["case"])
    assert "Int64" == str(frame["macs"].dtype)


def test_samples_are_assigned_to_their_records(tmp_path: Path) -> None:
    """The samples in a Parquet file are assigned to their records, also beside records without any."""
    rows = [
        PASSED,
        SKIPPED,
        msgspec.structs.replace(PASSED, implementation="two", samples_s=[2.0], passes=None),
    ]
    folder = stored(tmp_path / "run", *rows)
    compact(folder)
    frame = from_parquet(folder)

    assert frame is not None
    assert [[0.5, 0.25, 1.0], None, [2.0]] == [row["samples_s"] for row in plain(frame)]
