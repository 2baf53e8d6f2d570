"""The words that the command line offers are those that the engine knows."""

import click

from convharness import options
from convharness.cli import verify
from convharness.oracle import LEVELS
from convharness.reports import FORMATS


def choices(command: click.Command, name: str) -> tuple[str, ...]:
    """Return what an option of a command can be."""
    option = next(parameter for parameter in command.params if parameter.name == name)
    assert isinstance(option.type, click.Choice)
    return tuple(option.type.choices)


def test_levels_are_those_of_the_oracle() -> None:
    """The command line spells them out because it must start without the oracle."""
    assert LEVELS == choices(verify, "level")


def test_formats_are_those_of_the_reports_and_the_two_of_json() -> None:
    """HTML is a file of its own and belongs to `report` alone."""
    assert {*FORMATS, "json", "jsonl"} == {*options.FORMATS, "html"}
