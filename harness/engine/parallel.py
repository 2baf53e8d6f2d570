"""Judging in several processes: the same verdicts, in the same order, sooner.

Each process is a judge with workers of its own, which is sent cases and returns verdicts. Each judge
has its share of the implementations, so that most workers are started once, and takes over another
judge's when it has nothing left to do.
"""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from multiprocessing.util import Finalize
from time import perf_counter
from typing import Any

from ..errors import PluginError
from ..machine.environment import limit_threads, open_standard_streams
from ..oracle import Oracle
from ..oracle.verdict import Verdict
from ..plugins.declaration import Implementation
from ..plugins.serialization import Facts, read_facts, written_facts
from ..problems.suite import Case
from ..workers import Limits, WorkerPool, die_with_parent, end_marked

Verdicts = Mapping[str, Verdict]

Timed = tuple[Verdict, float]
"""A verdict, and the seconds that it took."""

_AT_HAND = 2
"""How many tasks a judge has at hand: one being done, and the next one, so that it never waits."""


@dataclass(frozen=True)
class Judging:
    """The settings of every judge."""

    level: str
    seed: int
    threads: int
    limits: Limits


def judged_by_many(
    jobs: int,
    cases: Sequence[Case],
    implementations: Sequence[Implementation],
    *,
    wanted: Callable[[int], Sequence[Implementation]],
    spent: Callable[[str, float], None],
    judging: Judging,
    ahead: int,
) -> Iterator[Verdicts]:
    """Yield the verdicts on each case, by implementation, in the order of the cases.

    `wanted` returns the implementations to judge on a case, given its index, when the case is given
    out; that happens `ahead` cases before its verdicts are yielded. `spent` is told the seconds of each
    verdict, with the name of the implementation.

    Raises `PluginError` where a judging process ends before its verdict.
    """
    with ExitStack() as stack:
        judges = [
            _Judge(
                stack.enter_context(_pool(implementations, judging)),
                {one.name for one in implementations[start::jobs]},
            )
            for start in range(jobs)
        ]
        stack.push(partial(_ended_early, judges))
        schedule = _Schedule(judges, cases, wanted, spent)
        try:
            for current in range(len(cases)):
                yield schedule.verdicts_on(current, ahead)
        except BrokenProcessPool:
            raise PluginError(
                "a judging process was ended from outside; go on with --resume, or with --jobs 1"
            ) from None


def _ended_early(judges: Sequence["_Judge"], kind: object, *_: object) -> None:
    """End judges whose verdicts are no longer needed, and their workers, whatever they are doing."""
    if kind is None:
        return
    processes = [process for judge in judges for process in (judge.pool._processes or {}).values()]  # noqa: SLF001 public from Python 3.14 on
    for process in processes:
        process.kill()
    end_marked(lambda mark, _: mark.partition("-")[0] in {str(process.pid) for process in processes})


@dataclass
class _Judge:
    """A judging process: the implementations that are its own, and how many tasks it has at hand."""

    pool: ProcessPoolExecutor
    own: set[str]
    tasks: int = 0

    def submit(self, case: Case, name: str) -> "Future[Timed]":
        """Submit a task; a process that is started for it ignores Ctrl-C, which the parent handles."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return self.pool.submit(_judge, case, name)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Backlog:
    """The cases that are still to be judged, by implementation, in order."""

    def __init__(self) -> None:
        self._cases: dict[str, deque[int]] = {}

    def add(self, case: int, names: Iterable[str]) -> None:
        """Add a case for some implementations."""
        for name in names:
            self._cases.setdefault(name, deque()).append(case)

    def take(self, judge: _Judge) -> tuple[int, str] | None:
        """Return the judge's next task: the earliest of its own, else of the implementation furthest behind.

        A judge that takes over an implementation keeps it as its own too, with a worker of its own.
        """
        left = [name for name, cases in self._cases.items() if cases]
        own = [name for name in left if name in judge.own]
        if not left:
            return None
        if own:
            name = min(own, key=lambda name: self._cases[name][0])
        else:
            name = max(left, key=lambda name: len(self._cases[name]))
            judge.own.add(name)
        return self._cases[name].popleft(), name


class _Schedule:
    """Which cases the judges have, and which verdicts are there."""

    def __init__(
        self,
        judges: Sequence[_Judge],
        cases: Sequence[Case],
        wanted: Callable[[int], Sequence[Implementation]],
        spent: Callable[[str, float], None],
    ) -> None:
        self._judges = judges
        self._cases = cases
        self._wanted = wanted
        self._spent = spent
        self._backlog = _Backlog()
        self._verdicts: list[dict[str, Verdict]] = []
        self._missing: list[int] = []
        self._given: dict[Future[Timed], tuple[_Judge, int, str]] = {}

    def verdicts_on(self, current: int, ahead: int) -> Verdicts:
        """Return the verdicts on a case; give out as many cases beyond it as `ahead`."""
        while len(self._verdicts) < min(len(self._cases), current + ahead + 1):
            self._give_out_next()
        self._fill_judges()
        while self._missing[current]:
            self._collect()
            self._fill_judges()
        verdicts, self._verdicts[current] = self._verdicts[current], {}
        return verdicts

    def _give_out_next(self) -> None:
        """Put the next case into the backlog."""
        index = len(self._verdicts)
        names = [one.name for one in self._wanted(index)]
        self._backlog.add(index, names)
        self._verdicts.append({})
        self._missing.append(len(names))

    def _fill_judges(self) -> None:
        """Submit tasks until every judge has enough at hand, or none are left."""
        for judge in self._judges:
            while judge.tasks < _AT_HAND and (task := self._backlog.take(judge)) is not None:
                index, name = task
                judge.tasks += 1
                self._given[judge.submit(self._cases[index], name)] = (judge, index, name)

    def _collect(self) -> None:
        """Wait for at least one task, and keep the verdicts of those that are done."""
        for future in wait(self._given, return_when=FIRST_COMPLETED).done:
            judge, index, name = self._given.pop(future)
            judge.tasks -= 1
            self._missing[index] -= 1
            self._verdicts[index][name], seconds = future.result()
            self._spent(name, seconds)


def _pool(implementations: Sequence[Implementation], judging: Judging) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    facts = [written_facts(one) for one in implementations]
    return ProcessPoolExecutor(1, context, _prepare, (facts, judging))


_prepared: dict[str, Any] = {}
"""The oracle and the implementations, by name, of a judging process."""


def _prepare(facts: Sequence[Facts], judging: Judging) -> None:
    die_with_parent()
    open_standard_streams()
    limit_threads(judging.threads)
    pool = WorkerPool(judging.limits, judging.threads, spins=False)
    Finalize(None, pool.close, exitpriority=10)  # before the interpreter goes
    oracle = Oracle(level=judging.level, seed=judging.seed, host=pool.host)
    _prepared.update(oracle=oracle, implementations={one.name: read_facts(one) for one in facts})


def _judge(case: Case, name: str) -> Timed:
    oracle: Oracle = _prepared["oracle"]
    start = perf_counter()
    verdict = oracle.judge(_prepared["implementations"][name], case)
    return verdict, perf_counter() - start
