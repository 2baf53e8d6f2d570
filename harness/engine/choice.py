"""What a selection chooses: its words become suites and implementations."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import PluginError, SelectionError, did_you_mean
from ..execution.kernel_call import KernelError
from ..plugins.declaration import Implementation
from ..plugins.registry import Registry
from ..problems.problem import Problem
from ..problems.selection import select_suites
from ..problems.suite import Suite
from ..runs.run import Selection
from ..runs.settings import Settings
from ..workers import WorkerPool
from .coverage import in_narrow_dtypes, random_within, untried_features, with_declared


@dataclass(frozen=True)
class Asked:
    """What implementations are asked: suites, and the features that they declare and no case tries.

    `untried` has names of features, see `coverage.FEATURES`, by the name of the implementation.
    """

    suites: Sequence[Suite]
    untried: Mapping[str, Sequence[str]] = field(default_factory=dict)


def asked(
    selection: Selection,
    suites: Sequence[Suite],
    implementations: Collection[Implementation],
    settings: Settings,
) -> Asked:
    """Return what implementations are asked: the suites that a selection chose, and what these leave out.

    Random suites are drawn within what implementations declare, unless they are timed, where all are asked
    the same. Implementations of 16-bit types alone get the suites in their types. Those that are not built
    in get cases of what they declare and the suites do not try. Where single problems or cases are
    selected, nothing is added. A plugin's own `when=` is asked in a worker.
    """
    if selection.problems or selection.cases:
        return Asked(suites)
    with WorkerPool(settings.limits) as pool:

        def refuses(one: Implementation, problem: Problem) -> bool:
            if one.when is None or one.origin == "built-in":
                return one.refuses(problem) is not None
            try:
                return pool.host(one).refuses(problem) is not None
            except (KernelError, PluginError):  # its verdicts will tell
                return True

        if not selection.dtypes:
            if not settings.timed:
                suites = random_within(suites, implementations, refuses)
            suites = in_narrow_dtypes(suites, implementations)
        suites = with_declared(suites, implementations, refuses)
    # Of all others, the cases just added try everything; the conditions of plugins need not be asked again.
    built_in = [one for one in implementations if one.origin == "built-in"]
    return Asked(suites, untried_features(built_in, suites, refuses))


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
