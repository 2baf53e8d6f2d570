"""The command that prints schemas."""

import json

import pytest
from click.testing import CliRunner

from convharness.cli.main import cli
from convharness.problems.schema import suite_schema
from convharness.runs.schema import record_schema, run_schema


@pytest.mark.parametrize(
    ("subject", "schema"), [("record", record_schema), ("run", run_schema), ("suite", suite_schema)]
)
def test_a_schema_is_printed_as_json(subject, schema) -> None:
    """`convharness schema` prints the schema as JSON and nothing else."""
    done = CliRunner().invoke(cli, ["schema", subject])

    assert json.loads(json.dumps(schema())) == json.loads(done.stdout)


def test_an_unknown_subject_is_refused_with_the_known_ones() -> None:
    """An unknown subject is refused with the known ones."""
    done = CliRunner().invoke(cli, ["schema", "case"])

    assert 2 == done.exit_code
    assert "'case' is not one of 'record', 'run', 'suite'" in done.stderr
