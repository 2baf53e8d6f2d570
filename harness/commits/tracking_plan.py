"""What is tracked: which commits of a repository, and how they are measured."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import CommitError
from .asv.configuration import Configuration
from .asv.job import Job
from .changes import Thresholds
from .history import TrackedCommit
from .repository import Commit, Repository
from .snapshots import store_of

LAST = 20
"""How many commits are tracked where none was before and none is named."""


@dataclass(frozen=True)
class TrackingPlan:
    """What tracking is about: a repository and a line of its commits, and how its commits are measured.

    `command` is how that was asked for, for people to read.
    """

    repository: Repository
    line: Sequence[Commit]
    configuration: Configuration
    job: Job
    thresholds: Thresholds | None = None
    command: str = "convharness track"

    @property
    def results(self) -> Path:
        """Return where records are kept."""
        return Path(self.job.results or "results")


def results_of(repository: Repository, given: Path | str | None) -> Path:
    """Return where records of commits are kept: in the repository's root, unless another folder is given."""
    return repository.root / "results" if given is None else Path(given)


@contextmanager
def alone_in(repository: Repository) -> Iterator[None]:
    """Track alone; raises `CommitError` where another process tracks the commits of a repository."""
    file = os.open(store_of(repository) / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        message = f"another convharness track is at work in {repository.root}; wait for it"
        raise CommitError(message) from None
    try:
        yield
    finally:
        os.close(file)


def untracked(line: Sequence[Commit], known: Sequence[TrackedCommit]) -> list[Commit]:
    """Return the commits of a line since the latest of those that are known, or the last ones without any.

    Where nothing is new, the latest commit is returned.
    """
    if not known:
        return list(line[-LAST:])
    return list(line[max(one.position for one in known) + 1 :]) or [line[-1]]


def thinned(commits: Sequence[Commit], every: int) -> list[Commit]:
    """Return every n-th of some commits, counted from the newest, which is always among them."""
    return list(commits[::-1][::every][::-1])


def line_of(repository: Repository, line: Sequence[Commit], wanted: Sequence[Commit]) -> list[Commit]:
    """Return the line of commits that the wanted ones are on: the given one, or their own."""
    on_line = {commit.hash for commit in line}
    if all(commit.hash in on_line for commit in wanted):
        return list(line)
    return repository.line(wanted[-1].hash)
