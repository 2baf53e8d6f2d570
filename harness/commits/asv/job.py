"""The job that `convharness track` gives the process that asv starts for a commit."""

import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from ...problems.suite import Suite
from ...runs.settings import Settings
from .manifest import module_of

JOB_VARIABLE = "CONVHARNESS_JOB"
"""The environment variable in which `convharness track` passes a job to the process inside asv."""


class Job(msgspec.Struct, forbid_unknown_fields=True):
    """What `convharness track` wants: where results go, what is run and how.

    `suites` are names of benchmark modules, `patterns` globs of implementations; without any, all are
    run. `progress` is a file to which a line is added for every record. A job that `is_resumable`
    goes on with the run that an earlier one began. A plain `asv run` has the defaults: everything, anew.
    """

    results: str | None = None
    progress: str | None = None
    patterns: list[str] = []
    suites: list[str] = []
    budget_s: float | None = None
    level: str = Settings.level
    seed: int = Settings.seed
    threads: int = Settings.threads
    is_resumable: bool = False

    @classmethod
    def of(
        cls, settings: Settings, results: Path, suites: Sequence[str], implementations: Sequence[str]
    ) -> "Job":
        """Return a job with the level, seed, threads and budget of some settings.

        `suites` are names or files of those that are tracked, `implementations` globs of names.
        """
        return cls(
            results=str(results.resolve()),
            patterns=list(implementations),
            suites=[module_of(source) for source in suites],
            budget_s=settings.effort.budget_s,
            level=settings.level,
            seed=settings.seed,
            threads=settings.threads,
        )

    @classmethod
    def received(cls) -> "Job":
        """Return what this process was told."""
        text = os.environ.get(JOB_VARIABLE)
        return msgspec.json.decode(text, type=cls) if text else cls()

    def variables(self) -> dict[str, str]:
        """Return the environment that tells it to another process."""
        return {JOB_VARIABLE: msgspec.json.encode(self).decode()}


def wishes(suites: Sequence[Suite], patterns: Sequence[str]) -> tuple[str, ...]:
    """Return what a run of a commit is asked for: with other wishes it is another run."""
    return (*map(_named, suites), *(f"-k {pattern}" for pattern in sorted(patterns)))


def _named(suite: Suite) -> str:
    """Return a suite's name, and a hash of its cases: with others it is another suite."""
    cases = "\n".join(f"{case.label} {case}" for case in suite)
    return f"{suite.name} {sha256(cases.encode()).hexdigest()[:8]}"
