"""Compare two commits from Python, as the command `compare` does."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..commits.asv.configuration import tracked_suites
from ..commits.changes import Thresholds, changes
from ..commits.repository import Repository
from ..commits.snapshots import Version
from ..commits.tracking_plan import results_of
from ..commits.versions import Differing, differing, purpose_of, versions_of
from ..engine.session import Session, started
from ..problems.selection import select_suites
from ..reports.changes import Comparison
from ..runs.row import Row
from ..runs.settings import Settings


def compare(  # noqa: PLR0913 what can be selected
    base: str,
    other: str,
    *,
    folder: Path | str = ".",
    suites: Sequence[str] = (),
    problems: Sequence[str] = (),
    implementations: Sequence[str] = (),
    everything: bool = False,
    settings: Settings | None = None,
    thresholds: Thresholds | None = None,
    results: Path | str | None = None,
) -> Comparison:
    """Judge and time what differs between two commits side by side, and return what changed.

    `base` and `other` are what git calls commits, or "." for the working tree, of the repository that
    `folder` lies in. Without `suites` and `problems` it is the suites that the repository tracks, or
    "smoke". What is the same in both is measured only with `everything`. Records are stored below
    `results`, by default in the folder `results` of the repository. Two implementations are compared by
    `time` instead, with one of them as `settings.baseline`.

    Raises `CommitError` for what is not a commit, `SelectionError` where both are the same or nothing
    matches, and what `verify` raises.
    """
    repository = Repository(Path(folder))
    names = suites or ([] if problems else tracked_suites(repository))
    wanted = select_suites(names, problems)
    versions = versions_of(repository, base, other)
    registries = [version.registry() for version in versions]
    found = differing(versions, registries, implementations, everything=everything)
    rows: Sequence[Row] = ()
    if found.implementations:
        purpose = purpose_of(versions)
        facts = {"commit": purpose.other.commit, "dirty": purpose.other.commit is None}
        timed = replace(settings or Settings(), timed=True)
        this = started(timed, facts, "convharness from Python", purpose=purpose)
        place = results_of(repository, results)
        rows = Session(this, wanted, found.implementations, place).finish().rows
    return comparison_of(versions, found, rows, thresholds)


def comparison_of(
    versions: Sequence[Version], found: Differing, rows: Sequence[Row], thresholds: Thresholds | None
) -> Comparison:
    """Return what changed between two versions, from what differs and the records of both."""
    changed = changes(rows, versions[0].label, versions[1].label, thresholds)
    titles = [one.title for one in versions]
    return Comparison(changed, titles, found.same, list(map(str, found.broken)))
