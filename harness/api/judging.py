"""Judge and time implementations from Python, as the commands `verify`, `time` and `run --resume` do."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..commits import repository
from ..engine.choice import asked, check_baseline, chosen_implementations, chosen_suites
from ..engine.session import Session, as_before, started
from ..errors import PluginError
from ..plugins.discovery import discover
from ..problems.selection import resolved_names
from ..runs.run import Selection
from ..runs.settings import Settings
from ..runs.store import find_run
from ..workers import examined


def verify(  # noqa: PLR0913 what can be selected
    *,
    suites: Sequence[str] = (),
    problems: Sequence[str] = (),
    cases: Sequence[str] = (),
    dtypes: Sequence[str] = (),
    implementations: Sequence[str] = (),
    plugins: Sequence[str] = (),
    settings: Settings | None = None,
    results: Path | str = "results",
) -> Session:
    """Judge implementations, store the records below `results`, and return the session, which is over.

    `suites` are names or files, `problems` strings such as "n1c3h8w8-o4k3-float32"; without either it is
    the suite "smoke". `cases` are globs of labels, `dtypes` data types that each case is asked for,
    `implementations` globs of names, and `plugins` Python files with implementations of your own. Each
    implementation runs in a process of its own.

    Raises `SelectionError`, `SuiteError` or `ProblemError` for what is unknown or invalid,
    `PluginError` for a plugin file that cannot be used, and `ResultsError` where nothing can be written.
    """
    selection = _selection(suites, problems, cases, dtypes, implementations, plugins)
    return begin(selection, replace(settings or Settings(), timed=False), results).finish()


def time(  # noqa: PLR0913 what can be selected
    *,
    suites: Sequence[str] = (),
    problems: Sequence[str] = (),
    cases: Sequence[str] = (),
    dtypes: Sequence[str] = (),
    implementations: Sequence[str] = (),
    plugins: Sequence[str] = (),
    settings: Settings | None = None,
    results: Path | str = "results",
) -> Session:
    """Judge implementations as `verify` does, and time those that are right side by side.

    How long is said by `settings.effort`, in seconds for each implementation and case; with
    `settings.baseline` the others are measured until their ratio to that one is known.

    Raises what `verify` raises, and `SelectionError` for a baseline that is not selected.
    """
    selection = _selection(suites, problems, cases, dtypes, implementations, plugins)
    return begin(selection, replace(settings or Settings(), timed=True), results).finish()


def resume(run: str = "latest", *, results: Path | str = "results") -> Session:
    """Go on with a run that was interrupted, by its id, and return its session, which is over.

    Raises `ResultsError` for a run that is not there, that does not say what was selected, or that was
    started on another machine or commit, or in another folder.
    """
    folder = find_run(run, Path(results))
    selection, settings, _ = as_before(folder)
    return _session(selection, settings, folder.resolve().parent.parent, folder).finish()


def begin(selection: Selection, settings: Settings, results: Path | str = "results") -> Session:
    """Return a session whose records are made as they are asked for: `for record in session.records()`.

    Raises what `verify` raises.
    """
    return _session(selection, settings, Path(results))


def _session(selection: Selection, settings: Settings, results: Path, resumed: Path | None = None) -> Session:
    suites = chosen_suites(selection)
    registry = discover(selection.plugins, examine=examined)
    if broken := [one for one in registry.broken if one.subject in selection.plugins]:
        raise PluginError("\n".join(map(str, broken)))
    implementations = chosen_implementations(selection, registry)
    check_baseline(settings.baseline, implementations)
    what = asked(selection, suites, implementations, settings)
    facts = repository.facts(Path.cwd())
    this = started(settings, facts, "convharness from Python", selection=selection)
    return Session(
        replace(this, untried=what.untried), what.suites, implementations, results, resumed=resumed
    )


def _selection(*lists: Sequence[str]) -> Selection:
    """Return what some lists select, in the order in which a selection has them."""
    for one in lists:
        if isinstance(one, str):
            raise TypeError(f"{one!r} is one text where a list is wanted; write [{one!r}]")
    suites, problems, cases, dtypes, patterns, plugins = (tuple(map(str, one)) for one in lists)
    suites = tuple(resolved_names(suites))  # with seeds: what is stored can be repeated
    return Selection(suites, problems, cases, dtypes, patterns, plugins)
