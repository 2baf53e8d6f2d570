"""The choices of the command line are those of the engine."""

import os
from pathlib import Path
from typing import Any

import click
import pytest

from convharness.cli import judging, options
from convharness.cli.main import COMMANDS, cli, main
from convharness.measure.stopwatch import Effort
from convharness.oracle import LEVELS
from convharness.reports.formats import CHANGES, EVENTS, FORMATS, LISTS


def command_of(name: str) -> click.Command:
    """Return a command by name."""
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return found


def choices(command: str, name: str) -> tuple[str, ...]:
    """Return the choices of an option."""
    option = next(parameter for parameter in command_of(command).params if parameter.name == name)
    assert isinstance(option.type, click.Choice)
    return tuple(option.type.choices)


def chosen(command: str, *words: str) -> dict[str, object]:
    """Return the parameters of a command as it has parsed them."""
    return command_of(command).make_context(command, list(words)).params


def test_levels_are_those_of_the_oracle() -> None:
    """The levels of the command line are those of the oracle."""
    assert LEVELS == choices("verify", "level")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_listed_with_its_own_help(name: str) -> None:
    """The short help in the list of commands is that of the command itself."""
    text = (command_of(name).help or "").partition("\n\n")[0]

    assert (name, COMMANDS[name].help) == (command_of(name).name, " ".join(text.split()))


def test_the_list_of_commands_is_as_click_writes_it() -> None:
    """The list of commands, made without loading them, is that of click."""
    names = cli.context_settings["help_option_names"]
    context = click.Context(cli, info_name="convharness", terminal_width=80, help_option_names=names)
    plain = click.Group("convharness", {name: command_of(name) for name in COMMANDS}, help=cli.help)
    plain.params = cli.params

    assert plain.get_help(context) == cli.get_help(context)


def test_formats_are_those_of_the_reports() -> None:
    """The formats of the command line are those of the reports."""
    assert set(FORMATS) == {*options.FORMATS, "html", "comparison"}
    assert set(FORMATS) == set(choices("report", "format_name"))


def test_each_command_offers_formats_that_its_subject_has() -> None:
    """Each command offers only formats that its subject has."""
    lists = [choices(name, "format_name") for name in ("selftest", "doctor", "list")]

    assert set() == {word for words in lists for word in words} - set(LISTS)
    assert tuple(EVENTS) == choices("track", "format_name")
    assert {"junit"} == set(choices("compare", "format_name")) - set(CHANGES)


@pytest.mark.parametrize(("text", "share"), [("1%", 0.01), ("0.5 %", 0.005), ("0.02", 0.02), (" 2% ", 0.02)])
def test_a_precision_is_a_share_or_a_percentage(text: str, share: float) -> None:
    """A precision is written as a share or in percent."""
    assert pytest.approx(share) == chosen("time", "--precision", text)["precision"]


@pytest.mark.parametrize("text", ["0", "0%", "-1%", "100%", "1", "nan", "%", "some", ""])
def test_an_invalid_precision_is_refused(text: str) -> None:
    """The message about an invalid precision shows a right one."""
    with pytest.raises(click.BadParameter) as refused:
        chosen("time", "--precision", text)

    assert f"{text!r} is not a share; write it like 1% or 0.01" == refused.value.message


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30.0), ("10m", 600.0), ("1.5h", 5400.0), ("45", 45.0), (" 2m ", 120.0)]
)
def test_a_duration_has_a_unit_or_is_in_seconds(text: str, seconds: float) -> None:
    """A duration is a number with s, m or h after it."""
    assert seconds == chosen("check", "mine.py", "--time", text)["time_s"]


@pytest.mark.parametrize(
    ("words", "time_s"), [((), 180.0), (("--huge",), None), (("--huge", "--time", "5m"), 300.0)]
)
def test_huge_arrays_are_tried_without_a_limit_of_time(
    words: tuple[str, ...], time_s: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default time is for problems of ordinary size; a time that is given holds."""
    seen: dict[str, Any] = {}
    monkeypatch.setattr(judging, "judged", lambda **how: seen.update(how) or 0)
    main(["check", "mine.py", *words])

    assert (time_s, "huge" in seen["suites"]) == (seen["time_s"], "--huge" in words)


@pytest.mark.parametrize("text", ["0", "-1m", "1d", "nan", "inf", "m", "ms", "10 minutes", ""])
def test_an_invalid_duration_is_refused(text: str) -> None:
    """The message about an invalid duration shows a right one."""
    with pytest.raises(click.BadParameter) as refused:
        chosen("check", "mine.py", "--time", text)

    assert f"{text!r} is not a duration; write it like 30s, 10m or 1h" == refused.value.message


@pytest.mark.parametrize("command", ["time", "run"])
def test_how_long_to_measure_is_the_engine_s_own_default(command: str) -> None:
    """Budget, precision and cache have the engine's defaults."""
    found, effort = chosen(command), Effort()

    assert (effort.budget_s, effort.precision, effort.cache) == (
        found["budget"],
        found["precision"],
        found["cache"],
    )


@pytest.mark.parametrize(
    "words",
    [
        ("--rounds", "2"),
        ("--cache", "hot"),
        ("--budget", "0"),
        ("--budget", "1e7"),
        ("--budget", "nan"),
        ("--timeout", "nan"),
        ("--timeout", "inf"),
        ("--memory", "nan"),
    ],
)
def test_an_invalid_effort_is_refused(words: tuple[str, str]) -> None:
    """An invalid or removed option of the effort is refused."""
    with pytest.raises(click.UsageError):
        chosen("time", *words)


def test_nothing_is_compared_with_itself() -> None:
    """Comparing an implementation with itself is refused before anything is measured."""
    with pytest.raises(click.UsageError) as refused:
        cli.main(["compare", "a.b", "a.b"], standalone_mode=False)

    expected = "a.b cannot be compared with itself; name another one: every comparison has an A/A control"
    assert expected == refused.value.message


@pytest.mark.parametrize(
    ("command", "words"),
    [("track", ("--history",)), ("compare", ("a.b", "c.d", "--markdown")), ("report", ("--output",))],
)
def test_an_output_path_in_a_missing_folder_is_refused(
    command: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    """An output path in a missing folder is refused before anything is measured."""
    missing, there = tmp_path / "missing", tmp_path / "table.csv"
    with pytest.raises(click.BadParameter) as refused:
        chosen(command, *words, str(missing / "table.csv"))

    assert f"{missing} is not a folder; make it first" in refused.value.message
    assert there in chosen(command, *words, str(there)).values()


def test_an_output_path_in_a_folder_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An output path in a folder without write permission is refused before anything is measured."""
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (tmp_path, os.W_OK))
    with pytest.raises(click.BadParameter, match="may not be written to"):
        chosen("track", "--history", str(tmp_path / "table.csv"))


@pytest.mark.parametrize("name", ["history.xlsx", "history"])
def test_a_history_is_csv_or_parquet(name: str, tmp_path: Path) -> None:
    """A history with another ending than .csv or .parquet is refused."""
    with pytest.raises(click.BadParameter, match=r"end it in \.csv or \.parquet"):
        chosen("track", "--history", str(tmp_path / name))
