"""The table of columns, and all that is derived from it."""

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import convharness
from convharness.problems.fields import ABOUT
from convharness.problems.problem import FIELDS
from convharness.runs.row import COLUMNS, NESTED_COLUMNS, TABLE, Row

DECLARATION = '    seed: Annotated[int | None, _reproduction("seed of the data")] = None\n'
NEW = '    humidity: Annotated[float | None, _memory("moisture", "share", heading="humidity")] = None\n'

PROGRAM = """
import json, sys
from pathlib import Path
import pyarrow.parquet
from convharness.reports.formats import FORMATS, render
from convharness.reports.report import Report
from convharness.runs.row import Row
from convharness.runs.schema import record_schema
from convharness.runs.store import compact

folder = Path(sys.argv[1])
report = Report.of([folder])
compact(folder)
print(json.dumps({
    "json": json.loads(render("json", report, FORMATS))[0]["humidity"],
    "csv": "humidity" in render("csv", report, FORMATS).splitlines()[0].split(","),
    "parquet": pyarrow.parquet.read_table(folder / "records.parquet")["humidity"].to_pylist(),
    "frame": str(Report.of([folder]).frame["humidity"].dtype),
    "html": "humidity (%)" in render("html", report, FORMATS),
    "schema": record_schema()["properties"]["humidity"]["description"],
}))
"""


def test_a_column_is_added_in_one_place(tmp_path: Path) -> None:
    """A new field of `Row` is a column of JSON, CSV, Parquet, frames, HTML and the schema."""
    package = tmp_path / "convharness"
    shutil.copytree(Path(convharness.__file__).parent, package)
    source = package / "runs" / "row.py"
    source.write_text(source.read_text("utf-8").replace(DECLARATION, DECLARATION + NEW), "utf-8")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_text(
        '{"id": "r", "started_at": "", "command": "", "environment": {}, "settings": {}}', "utf-8"
    )
    (folder / "records.jsonl").write_text(
        '{"suite": "s", "case": "c", "implementation": "i", "status": "passed", "humidity": 0.5}\n', "utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(folder)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "" == done.stderr
    assert {
        "json": 0.5,
        "csv": True,
        "parquet": [0.5],
        "frame": "float64",
        "html": True,
        "schema": "moisture",
    } == msgspec.json.decode(done.stdout)


def test_the_fields_of_a_problem_are_columns() -> None:
    """Each field of a problem is a column, in the order of the fields, with its description."""
    own = [column for column in TABLE if column.group == "problem"]

    assert list(FIELDS) == [column.name for column in own]
    assert ABOUT == {column.name: column.about for column in own}


def test_every_column_says_what_it_means() -> None:
    """Each column has a description, a group, and the unit that its name ends in."""
    assert [] == [column.name for column in TABLE if not (column.about and column.group)]
    assert {"s", "u", "bytes"} == {
        column.unit for column in TABLE if column.name.rpartition("_")[2] in ("s", "u", "bytes", "gbytes")
    } - {"GB/s"}


def test_flat_columns_come_before_nested_ones() -> None:
    """Flat columns come before nested ones."""
    assert Row.__struct_fields__ == (*COLUMNS, *NESTED_COLUMNS)


@pytest.mark.parametrize(
    ("name", "kind", "unit"),
    [
        ("reason", "text", ""),
        ("status", "text", ""),
        ("bias", "boolean", ""),
        ("macs", "integer", ""),
        ("plan_s", "number", "s"),
        ("gflops", "number", "GFLOP/s"),
        ("values", "nested", ""),
        ("passes", "nested", ""),
    ],
)
def test_a_column_has_a_kind_and_a_unit(name: str, kind: str, unit: str) -> None:
    """A column has a kind and a unit, from the type of its field and its declaration."""
    column = next(column for column in TABLE if column.name == name)

    assert (kind, unit) == (column.kind, column.unit)
