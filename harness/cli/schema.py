"""The command that prints JSON Schemas, by which editors complete suites and programs check results."""

import click
import msgspec

from ..problems.schema import suite_schema
from ..runs.schema import record_schema, run_schema
from .console import show
from .exit_codes import PASSED

SCHEMAS = {"record": record_schema, "run": run_schema, "suite": suite_schema}


@click.command("schema")
@click.argument("subject", metavar="|".join(SCHEMAS), type=click.Choice(tuple(SCHEMAS)))
def schema(subject: str) -> int:
    """Print the JSON Schema of a record, of run.json or of a suite file."""
    show(msgspec.json.format(msgspec.json.encode(SCHEMAS[subject]())).decode())
    return PASSED
