"""The JSON Schema of a suite file: it accepts what loads and refuses what is misspelt."""

import tomllib

import jsonschema
import pytest

from convharness.problems.fields import ABOUT
from convharness.problems.problem import FIELDS
from convharness.problems.schema import suite_schema
from convharness.problems.suite_files import suite_folder, suite_names

CASE = {"in_channels": 1, "input_size": 3, "out_channels": 1, "kernel_size": [2, 3]}


@pytest.mark.parametrize("name", suite_names())
def test_the_suites_of_convharness_fit(name: str) -> None:
    """Each suite of convharness fits the schema."""
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
def test_an_invalid_suite_does_not_fit(content: dict) -> None:
    """A suite with a misspelt section, field or value, or a weight of 0, does not fit the schema."""
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
def test_a_valid_suite_fits(content: dict) -> None:
    """A suite with words, pairs, problem strings and named axes fits the schema."""
    jsonschema.validate(content, suite_schema())


def test_every_field_of_a_problem_is_explained() -> None:
    """Each field of a problem has a description, in the order of the fields."""
    assert list(FIELDS) == list(ABOUT)
