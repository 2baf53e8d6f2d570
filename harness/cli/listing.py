"""The commands that show what there is: implementations, suites and their cases, the schemas of files."""

from collections.abc import Mapping, Sequence
from typing import Any

import click
import msgspec

from ..problems.schema import suite_schema
from ..problems.selection import select_suites
from ..reports.formats import LISTS, render
from ..reports.listing import case_rows, implementation_rows, suite_rows
from ..runs.schema import record_schema, run_schema
from . import options
from .console import show, stdout_kept
from .exit_codes import MISTAKE, PASSED
from .running import discovered

SCHEMAS = {"record": record_schema, "run": run_schema, "suite": suite_schema}


@click.command("list")
@options.implementations
@options.plugins
@options.format_of("table", "json")
def list_(patterns: Sequence[str], plugins: Sequence[str], format_name: str) -> int:
    """List implementations, what they support, and what is missing."""
    with stdout_kept():
        registry = discovered(plugins)
    show_rows(implementation_rows(registry, patterns), format_name)
    return MISTAKE if registry.broken else PASSED


@click.group()
def suite() -> None:
    """Look at suites of problems."""


@suite.command("list")
@options.format_of("table", "json")
def suite_list(format_name: str) -> int:
    """List the suites that come with convharness."""
    show_rows(suite_rows(), format_name)
    return PASSED


@suite.command("show")
@click.argument("name", metavar="NAME|FILE")
@options.format_of("table", "json")
def suite_show(name: str, format_name: str) -> int:
    """Show the cases of a suite with their problems and costs."""
    show_rows(case_rows(select_suites([name])), format_name)
    return PASSED


def show_rows(rows: Sequence[Mapping[str, Any]], format_name: str) -> None:
    """Show rows with any columns."""
    show(render(format_name, rows, LISTS))


@click.command("schema")
@click.argument("subject", metavar="|".join(SCHEMAS), type=click.Choice(tuple(SCHEMAS)))
def schema(subject: str) -> int:
    """Print the JSON Schema of a record, of run.json or of a suite file."""
    show(msgspec.json.format(msgspec.json.encode(SCHEMAS[subject]())).decode())
    return PASSED
