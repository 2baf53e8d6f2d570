"""What happened at which commit, as values: an event and its steps, and what is only a suspicion yet."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

from ..plugins.registry import Unusable
from .repository import Commit

Kind = Literal["broken", "wrong", "slower", "imprecise", "removed", "added", "repaired", "faster", "exact"]

WORSE: tuple[Kind, ...] = ("broken", "wrong", "slower", "imprecise", "removed", "added")
"""What `--regressions` lists. Something new is among it: it has no past to be compared with."""

Series = tuple[str, str, str]
"""Suite, case and implementation."""


@dataclass(frozen=True)
class Step:
    """One effect on some cases of an implementation: how large in the worst case, and how sure.

    `size` is a ratio of times or errors; `confidence` is None for what needs none, as it is exact.
    """

    kind: Kind
    cases: tuple[str, ...]
    worst: str
    size: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Event:
    """What happened to an implementation at a commit; to all at once where `implementation` is None.

    It came with `commit`, or with one of those between, of which nothing is known: `since` is the last
    one that was tracked before.
    """

    machine: str
    environment: str
    commit: Commit
    since: Commit | None
    between: tuple[Commit, ...]
    implementation: str | None
    steps: tuple[Step, ...]

    @property
    def kinds(self) -> set[Kind]:
        """Return what happened."""
        return {step.kind for step in self.steps}

    def row(self) -> dict[str, Any]:
        """Return it as flat columns, with the steps nested."""
        return {
            "commit": self.commit.hash,
            "since": self.since.hash if self.since else None,
            "untracked_between": [one.hash for one in self.between],
            "date": self.commit.date.isoformat(),
            "subject": self.commit.subject,
            "machine": self.machine,
            "environment": self.environment,
            "implementation": self.implementation,
            "kinds": [step.kind for step in self.steps],
            "steps": [{**asdict(step), "cases": list(step.cases)} for step in self.steps],
        }


@dataclass(frozen=True)
class Suspicion:
    """Two commits between which a time may have changed: they should be compared side by side."""

    machine: str
    before: Commit
    after: Commit
    series: Series


Broken = TypeVar("Broken", bound=Unusable)


def newly_broken(before: Iterable[Broken], after: Iterable[Broken]) -> list[Broken]:
    """Return the mistakes afterwards that are about what had none before, whatever is wrong with it."""
    known = {mistake.subject for mistake in before}
    return [mistake for mistake in after if mistake.subject not in known]
