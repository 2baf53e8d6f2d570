"""Read stored runs from Python: as a frame, or as the reports of the command `report`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..commits.history import history
from ..commits.repository import Commit, Repository
from ..commits.timeline import stored_events
from ..errors import CommitError
from ..files.atomic import write_text
from ..reports import formats
from ..reports.report import Report
from ..runs.store import find_run

if TYPE_CHECKING:
    import pandas as pd


def load(*runs: Path | str, results: Path | str = "results") -> "pd.DataFrame":
    """Return the records of stored runs as a frame: a row for each case and implementation.

    A run is named by its folder, its id, the beginning of that, or "latest", which it is without any.
    Columns are those of a record; units are in their names (`_s` seconds, `_u` rounding units).

    Raises `ResultsError` for a run that is not there, or is damaged.
    """
    return _of(runs, results).stored


def report(
    *runs: Path | str,
    format_name: str = "markdown",
    output: Path | str | None = None,
    baseline: str | None = None,
    results: Path | str = "results",
) -> str:
    """Return the report of stored runs, and with `output` write it to a file, too.

    Formats are table, markdown, html, csv, json, jsonl, junit and comparison; speed-ups refer to the
    implementation `baseline`. In HTML the history of the commits is shown where this folder lies in a
    repository of which commits were tracked.

    Raises `ResultsError` for a run that is not there or is damaged, or a file that cannot be written,
    and `SelectionError` for a format that is not there.
    """
    shown = _of(runs, results, baseline)
    if format_name == "html":
        shown = with_history(shown, Path.cwd(), Path(results))
    text = render(shown, format_name)
    if output is not None:
        write_text(Path(output), text)
    return text


def render(shown: Report, format_name: str = "markdown") -> str:
    """Return a report in a format; raises `SelectionError` for one that is not there."""
    return formats.render(format_name, shown, formats.FORMATS)


def _of(runs: Sequence[Path | str], results: Path | str, baseline: str | None = None) -> Report:
    return Report.of((find_run(str(run), Path(results)) for run in runs or ["latest"]), baseline)


def with_history(shown: Report, folder: Path, results: Path) -> Report:
    """Return a report that knows what was tracked at other commits, if anything was, for HTML."""
    try:
        repository = Repository(folder)
        return with_history_of(shown, repository, repository.line("HEAD"), results)
    except CommitError:
        return shown


def with_history_of(shown: Report, repository: Repository, line: Sequence[Commit], results: Path) -> Report:
    """Return a report that knows what was tracked at the commits of a line, if anything was."""
    known = history(results, line)
    if known.empty:
        return shown
    return replace(shown, history=known, events=stored_events(repository, line, results)[0])
