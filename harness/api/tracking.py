"""Track commits from Python, as the command `track` does, and read what happened at which."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..commits import tracker
from ..commits.asv.configuration import configured
from ..commits.asv.job import Job
from ..commits.changes import Thresholds
from ..commits.events import Event
from ..commits.history import tracked
from ..commits.repository import Repository
from ..commits.timeline import stored_events
from ..commits.tracker import Happening
from ..commits.tracking_plan import TrackingPlan, alone_in, line_of, results_of, thinned, untracked
from ..runs.settings import Settings


def track(  # noqa: PLR0913 what can be said of it
    span: str | None = None,
    *,
    folder: Path | str = ".",
    suites: Sequence[str] = (),
    implementations: Sequence[str] = (),
    every: int = 1,
    settings: Settings | None = None,
    confirm: bool = True,
    bisect: bool = False,
    results: Path | str | None = None,
) -> Iterator[Happening]:
    """Verify and time the implementations of many commits, through asv, and yield what happens.

    `span` is a range of git's, such as "v1.0..HEAD"; without it, it is all commits since the latest that
    was tracked, or the last 20; of these every `every`-th. Of `settings` level, seed, threads and the
    budget count. With `confirm`, commits between which a time may have changed are compared side by
    side; with `bisect`, the commit of a change is looked for among untracked ones. Records are stored
    below `results`, by default in the folder `results` of the repository that `folder` lies in.

    What is yielded: `Itinerary`, the commits that come next; `Advance`, how far one is; `Outcome`, what
    came of one; `Comparing` and `NotComparable`, where a time may have changed. `load_events` then says
    what happened at which commit.

    Raises `CommitError` for what is not a range or not a repository, or where another process tracks it, and
    `SuiteError` for a suite that is not there.
    """
    settings = settings or Settings()
    repository = Repository(Path(folder))
    place = results_of(repository, results)
    with alone_in(repository):
        line = repository.line("HEAD")
        wanted = repository.commits(span) if span else untracked(line, tracked(place, line))
        wanted = thinned(wanted, every)
        job = Job.of(settings, place, suites, implementations)
        configuration = configured(repository, place, suites, settings.threads)
        plan = TrackingPlan(repository, line_of(repository, line, wanted), configuration, job)
        yield from tracker.track(plan, wanted)
        if confirm:
            yield from tracker.confirm(plan)
        if bisect:
            yield from tracker.bisect(plan, confirmed=confirm)


def load_events(
    folder: Path | str = ".", results: Path | str | None = None, thresholds: Thresholds | None = None
) -> list[Event]:
    """Return what happened at which commit of a repository's HEAD and its first parents, in their order.

    `folder` is anywhere in the repository, `results` where records are kept, by default in the folder
    `results` of its root.

    Raises `CommitError` where there is no repository, and `ResultsError` for damaged results.
    """
    repository = Repository(Path(folder))
    place = results_of(repository, results)
    return stored_events(repository, repository.line("HEAD"), place, thresholds)[0]
