"""The JSON Schema of a suite file, by which editors complete and check one; suites are read without it."""

from typing import Any, get_type_hints

import msgspec

from .fields import ABOUT, DIRECTIONS, DTYPES, PADDING_MODES
from .problem import FIELDS, Problem

Json = dict[str, Any]

_CHOICES = {"padding_mode": PADDING_MODES, "dtype": DTYPES, "direction": DIRECTIONS}
_TEXT: Json = {"type": "string"}


def suite_schema() -> Json:
    """Return the JSON Schema of a suite file, as TOML gives it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A suite of convharness",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "description": {**_TEXT, "description": "what the suite is for"},
            "defaults": _table(_fields(), "fields of the problem for all cases that do not say otherwise"),
            "case": {"type": "array", "items": _table(_case(), "one case")},
            "grid": {"type": "array", "items": _grid()},
        },
    }


def _fields() -> Json:
    """Return the schemas of a problem's fields, from what `Problem` takes."""
    hints = get_type_hints(Problem.__init__)
    return {
        name: {**msgspec.json.schema(hints[name]), **_choice(name), "description": ABOUT[name]}
        for name in FIELDS
    }


def _choice(name: str) -> Json:
    return {"enum": list(_CHOICES[name])} if name in _CHOICES else {}


def _case() -> Json:
    """Return the schemas of what a [[case]] table may hold."""
    layer = _table(_fields(), "one layer; what it does not say is as the layer before it gives it")
    numbers: Json = {name: {} for name in ("x", "weight", "bias", "y")}
    return {
        "label": {**_TEXT, "description": "name of the case; the problem string by default"},
        "weight": {
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "how often the layer occurs in its network",
        },
        "description": {**_TEXT, "description": "what the case is for"},
        "versus": {**_TEXT, "description": "label of the case that this one is an alternative to"},
        "problem": {**_TEXT, "description": "the whole problem as a string, instead of its fields"},
        "layers": {
            "type": "array",
            "minItems": 1,
            "items": layer,
            "description": "a chain of problems: each is judged, the whole is timed",
        },
        "example": _table(numbers, "data and the output that belongs to it, as whole numbers"),
        **_fields(),
    }


def _grid() -> Json:
    """Return the schema of a [[grid]] table: a list is an axis, under any name if it holds tables."""
    label = {**_TEXT, "description": "template of the labels, such as 'k{kernel_size}-{problem}'"}
    known = {name: _axis(schema) for name, schema in _case().items()} | {"label": label}
    table = _table(known, "a case for each point of the product of its lists")
    axis = {"type": "array", "minItems": 1, "items": {"type": "object"}}
    return {**table, "additionalProperties": axis}


def _axis(schema: Json) -> Json:
    items = {"anyOf": [schema, {"type": "object"}]}
    return {"anyOf": [schema, {"type": "array", "minItems": 1, "items": items}]}


def _table(properties: Json, about: str) -> Json:
    return {"type": "object", "additionalProperties": False, "properties": properties, "description": about}
