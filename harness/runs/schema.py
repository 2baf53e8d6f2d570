"""The JSON Schemas of what a run folder holds: a line of its records, and its own facts."""

from inspect import cleandoc
from typing import Any

import msgspec

from .row import Row
from .run import Run

Json = dict[str, Any]


def record_schema() -> Json:
    """Return the JSON Schema of one record: a line of `records.jsonl`, or an object of `--format json`."""
    return _schema(Row, "A record of convharness")


def run_schema() -> Json:
    """Return the JSON Schema of `run.json`."""
    return _schema(Run, "A run of convharness")


def _schema(kind: type, title: str) -> Json:
    """Return the schema of a type, which stands at the top rather than among the definitions."""
    schema = msgspec.json.schema(kind)
    definitions = schema["$defs"]
    own = definitions.pop(schema["$ref"].rpartition("/")[2])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **own,
        "title": title,
        "description": cleandoc(own["description"]),
        **({"$defs": definitions} if definitions else {}),
    }
