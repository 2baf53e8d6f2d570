"""What a selection chooses: its words become suites and implementations."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import SelectionError, did_you_mean
from ..plugins.declaration import Implementation
from ..plugins.registry import Registry
from ..problems.selection import select_suites
from ..problems.suite import Suite
from ..runs.run import Selection


def chosen_suites(selection: Selection) -> list[Suite]:
    """Return the suites that a selection names, then one of its problems; the default suite for none.

    Raises `SelectionError`, `SuiteError` or `ProblemError` for what is unknown or invalid.
    """
    return select_suites(selection.suites, selection.problems, cases=selection.cases, dtypes=selection.dtypes)


def chosen_implementations(selection: Selection, registry: Registry) -> tuple[Implementation, ...]:
    """Return the implementations of a registry that a selection names.

    Raises `SelectionError` for a glob that matches nothing.
    """
    files = selection.plugins if selection.only_plugins else ()
    named = registry.select(selection.patterns) if selection.patterns or not files else ()
    held = tuple(one for file in files for one in registry.of_file(Path(file)) if one not in named)
    return named + held


def check_baseline(baseline: str | None, implementations: Sequence[Implementation]) -> None:
    """Refuse a baseline that is not there; raises `SelectionError`."""
    names = [one.name for one in implementations]
    if baseline is not None and baseline not in names:
        hint = did_you_mean(baseline, names)
        raise SelectionError(f"the baseline {baseline!r} is not among the implementations{hint}")
