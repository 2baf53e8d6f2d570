"""Judging in several processes: the same verdicts, in the same order, sooner.

Every process finds the implementations for itself; cases go there, verdicts come back.
"""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .environment import limit_threads
from .errors import PluginError
from .oracle import Oracle
from .plugin import Implementation
from .registry import discover
from .suite import Case
from .verdict import Verdict

Verdicts = Mapping[str, Verdict]


@dataclass(frozen=True)
class Judging:
    """How every process judges; `load` makes libraries ready for so many threads."""

    level: str
    seed: int
    threads: int
    load: Callable[[Sequence[Implementation], int], None]


def judged_by_many(
    jobs: int,
    cases: Iterable[Case],
    implementations: Sequence[Implementation],
    *,
    wanted: Callable[[], Sequence[Implementation]],
    judging: Judging,
) -> Iterator[Verdicts]:
    """Yield the verdicts on each case, by implementation, in the order of the cases.

    `wanted` says, when a case is given out, whom to judge on it.

    Raises `PluginError` where a process ends before its verdict.
    """
    plugins = sorted({str(one.source) for one in implementations if one.origin == "file"})
    waiting: deque[Future[Verdicts]] = deque()
    context = multiprocessing.get_context("spawn")
    arguments = (plugins, [one.name for one in implementations], judging)
    with ProcessPoolExecutor(jobs, context, _prepare, arguments) as executor:
        try:
            for case in cases:
                if len(waiting) > 2 * jobs:
                    yield waiting.popleft().result()
                waiting.append(executor.submit(_judge, case, [one.name for one in wanted()]))
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise PluginError(
                "an implementation ended its process; run with --jobs 1 to see which, and the records so far"
            ) from None
        finally:
            executor.shutdown(cancel_futures=True)


_prepared: dict[str, Any] = {}
"""What a process of the pool holds: the oracle and the implementations by name."""


def _prepare(plugins: Sequence[str], names: Sequence[str], judging: Judging) -> None:
    limit_threads(judging.threads)
    found = discover([Path(plugin) for plugin in plugins]).implementations
    chosen = {one.name: one for one in found if one.name in set(names)}
    judging.load(list(chosen.values()), judging.threads)
    _prepared.update(implementations=chosen, oracle=Oracle(level=judging.level, seed=judging.seed))


def _judge(case: Case, names: Sequence[str]) -> Verdicts:
    oracle: Oracle = _prepared["oracle"]
    return {name: oracle.judge(_prepared["implementations"][name], case) for name in names}
