"""Cases × implementations → a stream of records; it never prints and never writes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from .arrays import adapter
from .environment import limit_threads
from .oracle import Oracle
from .oracle.judge import reproduction
from .plugin import Implementation
from .records import Measurement, Record
from .registry import is_installed, library_version, missing
from .sampling import Effort
from .suite import Case, Suite
from .timing import TimingFailure, time_case
from .verdict import Verdict

Outcomes = Mapping[str, Measurement | TimingFailure]


@dataclass(frozen=True)
class Settings:
    """How to judge, and whether and how to time; `yardstick` as in `timing.time_case`."""

    level: str = "standard"
    seed: int = 0
    threads: int = 1
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
    session = _Session(settings)
    for suite in suites:
        for case in suite:
            yield from session.records(suite, case, implementations)


def load_libraries(implementations: Sequence[Implementation], threads: int) -> None:
    """Load the array libraries that implementations use, and allow all of them so many threads.

    Pools read their size when they load and are told again when they have, whichever came first.
    """
    limit_threads(threads)
    for library in {one.arrays for one in implementations if is_installed(one.arrays)}:
        adapter(library).limit_threads(threads)
    limit_threads(threads)


class _Session:
    """What the cases of a run share: settings, the oracle, the source of random orders."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._oracle = Oracle(level=settings.level, seed=settings.seed)
        self._random = Random(settings.seed)  # noqa: S311 the order of turns is no secret

    def records(
        self, suite: Suite, case: Case, implementations: Sequence[Implementation]
    ) -> Iterator[Record]:
        verdicts = {one.name: self._verdict(suite, case, one) for one in implementations}
        outcomes = self._timed(case, [one for one in implementations if verdicts[one.name].ok])
        for one in implementations:
            verdict, outcome = verdicts[one.name], outcomes.get(one.name)
            if isinstance(outcome, TimingFailure):
                again = self._again("time", suite, case, one)
                failure = Verdict(outcome.status, outcome.reason, "at size", reproduce=again)
                verdict, outcome = verdict.and_(replace(failure, seed=self._settings.seed)), None
            version = library_version(one.library)
            yield Record(suite.name, case, one, verdict, outcome, version, self._settings.threads)

    def _verdict(self, suite: Suite, case: Case, one: Implementation) -> Verdict:
        for library in (one.library, one.arrays):
            if not is_installed(library):
                return Verdict("unavailable", missing(library))
        verdict = self._oracle.judge(one, case)
        if verdict.layer == "example":
            return replace(verdict, reproduce=self._again("verify", suite, case, one))
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
