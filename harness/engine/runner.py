"""Cases × implementations → a stream of records; this module never prints and never writes."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from time import perf_counter

from ..machine.ceilings import Ceilings
from ..machine.environment import limit_threads
from ..measure.stopwatch import Clock
from ..numerics.arrays import adapter
from ..oracle import Oracle
from ..oracle.shrinking import shrunk
from ..oracle.trial import reproduction
from ..oracle.verdict import Verdict
from ..plugins.declaration import Implementation
from ..plugins.libraries import is_installed, library_version, missing
from ..problems.suite import Case, Suite
from ..runs.record import Measurement, Record
from ..runs.settings import Settings
from ..workers import WorkerPool, ceilings_of, measured_ceilings
from .rival_state import TimingFailure
from .schedule import by_promise
from .timing import time_case

Key = tuple[str, str, str]
"""Suite, case and implementation."""

Outcomes = Mapping[str, Measurement | TimingFailure]


def run(
    suites: Sequence[Suite],
    implementations: Sequence[Implementation],
    settings: Settings | None = None,
    *,
    done: Mapping[Key, bool] | None = None,
    ceilings: Ceilings | None = None,
    clock: Clock = perf_counter,
) -> Iterator[Record]:
    """Yield a record for every case and implementation, case by case, in the given order.

    With `settings.timed` the implementations that passed a case are timed side by side before its
    records come. `done` has suite, case and implementation of the records known from before, and
    whether they failed; these are left out. `ceilings` are those of the machine, looked up if not given.
    With `settings.time_s` the cases come in the order of `schedule.by_promise`, and there are no records of
    those that are left when an implementation's time, by `clock`, is up.
    """
    settings = settings or Settings()
    _limit_threads(implementations, settings.threads)
    cases = [(suite, case) for suite in suites for case in suite]
    if settings.time_s is not None:
        cases = by_promise(cases)
    with WorkerPool(settings.limits, settings.threads) as pool:
        runner = _CaseRunner(settings, implementations, pool, done or {}, ceilings, clock)
        for (suite, case), verdicts in zip(cases, runner.judged(cases), strict=True):
            yield from runner.records(suite, case, verdicts)


def _limit_threads(implementations: Sequence[Implementation], threads: int) -> None:
    """Limit the threads of this process, and of the libraries of implementations that run in it.

    Pools read their size when they load, and are limited again afterwards, whichever came first.
    """
    limit_threads(threads)
    for library in {one.arrays for one in implementations if one.source is None and is_installed(one.arrays)}:
        adapter(library).limit_threads(threads)
    limit_threads(threads)


def _lacking(one: Implementation) -> str | None:
    """Return the library that an implementation needs and that is not installed, or None."""
    return next((name for name in (one.library, one.arrays) if not is_installed(name)), None)


class _CaseRunner:
    """Runs the cases of a run: holds what they share, which is settings, the oracle and the random order."""

    def __init__(
        self,
        settings: Settings,
        implementations: Sequence[Implementation],
        pool: WorkerPool,
        done: Mapping[Key, bool],
        ceilings: Ceilings | None,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._done = done
        self._pool = pool
        self._implementations = implementations
        self._failed = {name for (_, _, name), failed in done.items() if failed and settings.exit_first}
        self._oracle = Oracle(level=settings.level, seed=settings.seed, host=pool.host)
        self._random = Random(settings.seed)  # noqa: S311 the order of turns is not a secret
        self._ceilings = (ceilings or ceilings_of(settings.threads)) if settings.timed else None
        self._has_looked_again = False
        self._clock = clock
        self._spent_s: defaultdict[str, float] = defaultdict(float)

    def judged(self, cases: Sequence[tuple[Suite, Case]]) -> Iterator[Mapping[str, Verdict]]:
        """Yield the oracle's verdicts on each case, by implementation."""
        settings = self._settings
        # An implementation without a file cannot be loaded by another process.
        if settings.jobs == 1 or any(one.source is None for one in self._implementations):
            for suite, case in cases:
                yield {one.name: self._judge(one, case) for one in self._wanted(suite, case)}
            return
        from .parallel import Judging, judged_by_many

        yield from judged_by_many(
            settings.jobs,
            [case for _, case in cases],
            self._implementations,
            wanted=lambda index: self._wanted(*cases[index]),
            spent=self._spend,
            judging=Judging(settings.level, settings.seed, settings.threads, settings.limits),
            ahead=0 if settings.timed else 8 * settings.jobs,
        )

    def _judge(self, one: Implementation, case: Case) -> Verdict:
        start = self._clock()
        verdict = self._oracle.judge(one, case)
        self._spend(one.name, self._clock() - start)
        return verdict

    def _spend(self, name: str, seconds: float) -> None:
        self._spent_s[name] += seconds

    def _is_over(self, name: str) -> bool:
        """Say whether the time of an implementation is up."""
        settings = self._settings
        if settings.time_s is None:
            return False
        # One that is judged by several processes at the same time gets the time of each.
        at_once = max(1.0, settings.jobs / len(self._implementations))
        return self._spent_s[name] >= settings.time_s * at_once

    def _wanted(self, suite: Suite, case: Case) -> Sequence[Implementation]:
        """Return the implementations that are still to be judged on a case."""
        return [
            one
            for one in self._implementations
            if suite.is_for(one.name)
            and one.name not in self._failed
            and not self._is_over(one.name)
            and not _lacking(one)
            and not self._is_done(suite, case, one)
        ]

    def _is_done(self, suite: Suite, case: Case, one: Implementation) -> bool:
        return (suite.name, case.label, one.name) in self._done

    def records(self, suite: Suite, case: Case, judged: Mapping[str, Verdict]) -> Iterator[Record]:
        verdicts = {
            one.name: self._verdict(suite, case, one, judged)
            for one in self._implementations
            if (one.name in judged and one.name not in self._failed)
            or (suite.is_for(one.name) and _lacking(one) and not self._is_done(suite, case, one))
        }
        right = [one for one in self._implementations if one.name in verdicts and verdicts[one.name].ok]
        outcomes = self._timed(case, right) if suite.is_timed else {}
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
            yield Record(
                suite.name,
                case,
                one,
                self._as_run(verdict),
                outcome,
                library_version(one.library),
                self._settings.threads,
                self._ceilings,
            )

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

    def _as_run(self, verdict: Verdict) -> Verdict:
        """Return a verdict whose reproducer uses as many threads as this run."""
        words = f" --threads {self._settings.threads}"
        if verdict.reproduce is None or self._settings.threads == 1:
            return verdict
        return replace(verdict, reproduce=verdict.reproduce + words)

    def _timed(self, case: Case, implementations: Sequence[Implementation]) -> Outcomes:
        settings = self._settings
        if not (settings.timed and implementations):
            return {}
        outcomes = time_case(
            case,
            implementations,
            settings.effort,
            seed=settings.seed,
            random=self._random,
            pool=self._pool,
            baseline=settings.baseline,
            reference=settings.reference,
        )
        return {one.name: self._believed(case, one, outcomes[one.name]) for one in implementations}

    def _believed(
        self, case: Case, one: Implementation, outcome: Measurement | TimingFailure
    ) -> Measurement | TimingFailure:
        """Return an outcome, or a failure where it is faster than the machine can be.

        The ceilings are measured again first: the machine may have been busy when they were measured.
        """
        if (
            isinstance(outcome, TimingFailure)
            or self._ceilings is None
            or self._settings.effort.cache == "cold"
        ):
            return outcome
        seconds = outcome.median_s
        if self._ceilings.implausible(case, one.accuracy, seconds) and not self._has_looked_again:
            self._has_looked_again = True
            again = measured_ceilings(self._settings.threads)
            self._ceilings = self._ceilings.at_least(again) if again else self._ceilings
        reason = self._ceilings.implausible(case, one.accuracy, seconds)
        return TimingFailure("contract", f"when timed: {reason}") if reason else outcome

    def _again(self, command: str, suite: Suite, case: Case, one: Implementation) -> str:
        """Return the command that runs a case again; chains and worked examples exist only in suites."""
        if len(case.problems) == 1 and case.example is None:
            what: tuple[str, ...] = ("--problem", str(case))
        else:
            what = ("--suite", suite.source, "--case", case.label)
        return reproduction(command, one, what, self._settings.level, self._settings.seed)
