"""Cases × implementations → a stream of records; it never prints and never writes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from .arrays import adapter
from .environment import limit_threads
from .oracle import Oracle
from .oracle.trial import reproduction
from .plugin import Implementation
from .records import Measurement, Record
from .registry import is_installed, library_version, missing
from .sampling import Effort
from .shrinking import shrunk
from .suite import Case, Suite
from .timing import TimingFailure, time_case
from .verdict import Verdict

Outcomes = Mapping[str, Measurement | TimingFailure]


@dataclass(frozen=True)
class Settings:
    """How to judge, and whether and how to time; `yardstick` as in `timing.time_case`.

    `jobs` processes judge, one times. With `exit_first` an implementation is done with at its first
    failure; with `shrink` a failure is led back to the smallest problem that shows it.
    """

    level: str = "standard"
    seed: int = 0
    threads: int = 1
    jobs: int = 1
    exit_first: bool = False
    shrink: bool = False
    timed: bool = False
    yardstick: bool = False
    effort: Effort = field(default_factory=Effort)


def run(
    suites: Sequence[Suite],
    implementations: Sequence[Implementation],
    settings: Settings | None = None,
) -> Iterator[Record]:
    """Yield a record for every case and implementation, case by case, in the given order.

    With `settings.timed` those that passed a case are timed side by side before its records come.
    """
    settings = settings or Settings()
    load_libraries(implementations, settings.threads)
    session = _Session(settings, implementations)
    cases = [(suite, case) for suite in suites for case in suite]
    for (suite, case), verdicts in zip(cases, session.judged([case for _, case in cases]), strict=True):
        yield from session.records(suite, case, verdicts)


def load_libraries(implementations: Sequence[Implementation], threads: int) -> None:
    """Load the array libraries that implementations use, and allow all of them so many threads.

    Pools read their size when they load and are told again when they have, whichever came first.
    """
    limit_threads(threads)
    for library in {one.arrays for one in implementations if is_installed(one.arrays)}:
        adapter(library).limit_threads(threads)
    limit_threads(threads)


def _lacking(one: Implementation) -> str | None:
    """Return the library that an implementation needs and that is not installed, or None."""
    return next((name for name in (one.library, one.arrays) if not is_installed(name)), None)


class _Session:
    """What the cases of a run share: settings, the oracle, the source of random orders."""

    def __init__(self, settings: Settings, implementations: Sequence[Implementation]) -> None:
        self._settings = settings
        self._implementations = implementations
        self._failed: set[str] = set()
        self._oracle = Oracle(level=settings.level, seed=settings.seed)
        self._random = Random(settings.seed)  # noqa: S311 the order of turns is no secret

    def judged(self, cases: Sequence[Case]) -> Iterator[Mapping[str, Verdict]]:
        """Yield the oracle's verdicts on each case, by implementation."""
        settings = self._settings
        if settings.jobs == 1:
            for case in cases:
                yield {one.name: self._oracle.judge(one, case) for one in self._wanted()}
            return
        from .pool import Judging, judged_by_many

        yield from judged_by_many(
            settings.jobs,
            cases,
            self._implementations,
            wanted=self._wanted,
            judging=Judging(settings.level, settings.seed, settings.threads, load_libraries),
        )

    def _wanted(self) -> Sequence[Implementation]:
        """Return those that can be run, and of which more is to be known."""
        return [one for one in self._implementations if one.name not in self._failed and not _lacking(one)]

    def records(self, suite: Suite, case: Case, judged: Mapping[str, Verdict]) -> Iterator[Record]:
        verdicts = {
            one.name: self._verdict(suite, case, one, judged)
            for one in self._implementations
            if one.name in judged or _lacking(one)
        }
        outcomes = self._timed(
            case, [one for one in self._implementations if one.name in verdicts and verdicts[one.name].ok]
        )
        for one in self._implementations:
            if one.name not in verdicts:
                continue
            verdict, outcome = verdicts[one.name], outcomes.get(one.name)
            if isinstance(outcome, TimingFailure):
                again = self._again("time", suite, case, one)
                failure = Verdict(outcome.status, outcome.reason, "at size", reproduce=again)
                verdict, outcome = verdict.and_(replace(failure, seed=self._settings.seed)), None
            if verdict.failed and self._settings.exit_first:
                self._failed.add(one.name)
            version = library_version(one.library)
            yield Record(suite.name, case, one, verdict, outcome, version, self._settings.threads)

    def _verdict(
        self, suite: Suite, case: Case, one: Implementation, judged: Mapping[str, Verdict]
    ) -> Verdict:
        if library := _lacking(one):
            return Verdict("unavailable", missing(library))
        verdict = judged[one.name]
        if verdict.layer == "example":
            return replace(verdict, reproduce=self._again("verify", suite, case, one))
        if verdict.failed and self._settings.shrink and len(case.problems) == 1:
            return shrunk(self._oracle, one, case.problems[0], verdict)
        return verdict

    def _timed(self, case: Case, implementations: Sequence[Implementation]) -> Outcomes:
        settings = self._settings
        if not (settings.timed and implementations):
            return {}
        return time_case(
            case,
            implementations,
            settings.effort,
            seed=settings.seed,
            random=self._random,
            yardstick=settings.yardstick,
        )

    def _again(self, command: str, suite: Suite, case: Case, one: Implementation) -> str:
        """Return the command that runs a case again; a chain or worked example is only in its suite."""
        if len(case.problems) == 1 and case.example is None:
            what: tuple[str, ...] = ("--problem", str(case))
        else:
            what = ("--suite", suite.source, "--case", case.label)
        return reproduction(command, one, what, self._settings.level, self._settings.seed)
