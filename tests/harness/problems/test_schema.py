"""The JSON Schema of a suite file: what loads fits it, and what is misspelt does not."""

import tomllib

import jsonschema
import pytest

from convharness.problems.fields import ABOUT
from convharness.problems.problem import FIELDS
from convharness.problems.schema import suite_schema
from convharness.problems.suite_files import suite_folder, suite_names

CASE = {"in_channels": 1, "input_size": 3, "out_channels": 1, "kernel_size": [2, 3]}


@pytest.mark.parametrize("name", suite_names())
def test_the_suites_that_come_along_fit(name: str) -> None:
    """Cases, grids, chains and examples."""
    content = tomllib.loads((suite_folder() / f"{name}.toml").read_text("utf-8"))

    jsonschema.validate(content, suite_schema())


@pytest.mark.parametrize(
    "content",
    [
        {"cases": []},
        {"case": [{"in_channel": 1}]},
        {"case": [{**CASE, "dtype": "flaot32"}]},
        {"case": [{**CASE, "weight": 0}]},
        {"case": [{**CASE, "layers": []}]},
        {"defaults": {"label": "a"}},
        {"grid": [{**CASE, "in_channel": 1}]},
    ],
)
def test_what_would_be_refused_does_not_fit(content: dict) -> None:
    """A misspelt section, field or value, and a weight of nothing."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, suite_schema())


@pytest.mark.parametrize(
    "content",
    [
        {"case": [{**CASE, "padding": "same"}]},
        {"case": [{**CASE, "padding": [1, [0, 2]]}]},
        {"case": [{"problem": "c1h3w3-o1k2", "versus": "other"}]},
        {"grid": [{**CASE, "stride": [1, 2], "size": [{"name": "small", "input_size": 3}]}]},
        {"grid": [{**CASE, "kernel_size": [[3, 5], 1]}]},
    ],
)
def test_what_loads_fits(content: dict) -> None:
    """Words and pairs for a padding, problem strings, and axes with names of their own."""
    jsonschema.validate(content, suite_schema())


def test_every_field_of_a_problem_is_explained() -> None:
    """By the words that columns of records have, too."""
    assert list(FIELDS) == list(ABOUT)
