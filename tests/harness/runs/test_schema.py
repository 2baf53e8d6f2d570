"""The JSON Schemas of the files in the folder of a run."""

import json
from pathlib import Path

import jsonschema
import pytest

from convharness.oracle.verdict import STATUSES
from convharness.runs.row import COLUMNS, NESTED_COLUMNS
from convharness.runs.schema import record_schema, run_schema

EARLIER = Path(__file__).parents[2] / "data" / "earlier" / "runs"


def test_a_stored_record_fits_its_schema() -> None:
    """A stored record of an earlier version fits the schema."""
    (path,) = EARLIER.glob("*/records.jsonl")
    records = [json.loads(line) for line in path.read_text("utf-8").splitlines()]

    for record in records:
        jsonschema.validate(record, record_schema())


def test_a_stored_run_fits_its_schema() -> None:
    """A stored run of an earlier version fits the schema."""
    (path,) = EARLIER.glob("*/run.json")

    jsonschema.validate(json.loads(path.read_text("utf-8")), run_schema())


@pytest.mark.parametrize("change", [{"status": "wat"}, {"macs": "many"}, {"case": None}, {"passes": [[1]]}])
def test_an_invalid_record_does_not_fit(change: dict) -> None:
    """A record with an unknown status, a wrong type or a missing name does not fit the schema."""
    record = {"suite": "s", "case": "c", "implementation": "i", "status": "passed", **change}

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(record, record_schema())


def test_a_schema_has_every_column_with_its_meaning_and_unit() -> None:
    """The schema has all columns in order, with descriptions, units and the list of statuses."""
    properties = record_schema()["properties"]

    assert [*COLUMNS, *NESTED_COLUMNS] == list(properties)
    assert ("s", "time of planning") == (properties["plan_s"]["unit"], properties["plan_s"]["description"])
    assert sorted(STATUSES) == sorted(properties["status"]["enum"])
