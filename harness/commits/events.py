"""Events of a history as values: which commit changed what, in steps; and suspicions to be confirmed."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

from ..plugins.registry import Unusable
from .repository import Commit

Kind = Literal["broken", "wrong", "slower", "imprecise", "removed", "added", "repaired", "faster", "exact"]

WORSE: tuple[Kind, ...] = ("broken", "wrong", "slower", "imprecise", "removed", "added")
"""The kinds that `--regressions` lists; `added` is one, as what is new has nothing to be compared with."""

Series = tuple[str, str, str]
"""Suite, case and implementation."""


@dataclass(frozen=True)
class Step:
    """One effect on some cases of an implementation: how large in the worst case, and how certain.

    `size` is a ratio of times or errors; `confidence` is None for an effect that is exact, such as a failure.
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
    """What changed in an implementation at a commit; in all at once where `implementation` is None.

    The change came with `commit`, or with one of the commits `between`, which were not tracked; `since`
    is the last tracked commit before them.
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
        """Return the kinds of the steps."""
        return {step.kind for step in self.steps}

    def row(self) -> dict[str, Any]:
        """Return the event as flat columns, with the steps nested."""
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
    """Return the mistakes in `after` whose subject had none in `before`, whatever the mistake is."""
    known = {mistake.subject for mistake in before}
    return [mistake for mistake in after if mistake.subject not in known]
