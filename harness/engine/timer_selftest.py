"""The timer's self-test: identical pairs and kernels of exactly known relative cost, through the real engine.

Every trial starts new processes, so that trials are independent.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import import_module
from itertools import product
from math import exp, log
from pathlib import Path
from random import Random
from statistics import fmean, median
from time import perf_counter
from typing import Any

import msgspec

from ..errors import HarnessError
from ..measure.decisions import Decision, decide, noise_floor
from ..measure.stopwatch import Clock, Effort
from ..plugins.declaration import Implementation
from ..plugins.discovery import held_by
from ..problems.problem import Problem
from ..problems.suite import Case
from ..runs.record import Measurement
from ..workers import WorkerPool
from .timing import time_case

KERNELS = {
    "product_20": "n1c4h4w4-o4k1-float32",
    "scaling_100": "n1c8h8w8-o8k1g8-float32",
    "loops_100": "n1c1h14w14-o1k1-float32",
    "product_100": "n1c128h6w6-o128k1-float32",
    "loops_100 large": "n1c1h28w28-o1k1-float32",
    "product_100 large": "n1c384h8w8-o384k1-float32",
}
"""Kernels from twenty microseconds to twenty milliseconds, and the problems that make them take that long."""

WITHIN_S = (10.0, 60.0)
"""How long a pair is measured to find the smallest slow-down that is detectable in that time."""

_RIVALS = 3
"""A pair, and the A/A control of one of the two."""

_STEADY = "product_100"

_PRECISE = 1e-4
"""So small that the budget alone decides when to stop."""


@dataclass(frozen=True)
class Trial:
    """One pair: how much slower the second is by construction, and what was found.

    Identical pairs are two kernels with the same code, or a kernel and its A/A control. Of the `wall_s`
    that all pairs of a trial took, `kernel_s` were spent in timed calls.
    """

    kernel: str
    repetition: int
    slowdown: float
    decision: Decision
    base_s: float
    kernel_s: float
    wall_s: float

    @property
    def is_found(self) -> bool:
        """Say whether a difference was found, in either direction."""
        return self.decision.word in ("faster", "slower")

    @property
    def is_right(self) -> bool:
        """Say whether the decision is right: no difference in an identical pair, else slower."""
        return self.decision.word == "slower" if self.slowdown else not self.is_found

    @property
    def error(self) -> float:
        """Return the error of the ratio as a logarithm."""
        return log((self.decision.ratio or 1.0) / (1 + self.slowdown))

    def row(self) -> dict[str, Any]:
        """Return the trial as a flat row."""
        facts = asdict(self)
        decision = facts.pop("decision")
        decision["decision"] = decision.pop("word")
        return {**facts, **decision, "error": self.error}


class Marks(msgspec.Struct, frozen=True):
    """The timer's figures on this machine, from some trials; a pair of numbers is a count and its total.

    `bias` is the mean error of a ratio and `error` its root mean square, `kernel_share` the time in
    timed calls over all time; `smallest_10_s` and `smallest_60_s` are the smallest slow-downs that
    would be detected in 95 of 100 pairs that are measured for 10 and 60 seconds.
    """

    measured_at: str
    threads: int
    budget_s: float
    pairs: int
    false_positives: tuple[int, int]
    detected: Mapping[str, tuple[int, int]]
    bias: float
    error: float
    kernel_share: float
    smallest_10_s: float | None = None
    smallest_60_s: float | None = None

    def __str__(self) -> str:
        wrong, identical = self.false_positives
        seen = ", ".join(
            f"{float(step):.0%} in {found} of {of}" for step, (found, of) in self.detected.items()
        )
        smallest = [
            f"{size:.2%} in {within:g} s"
            for size, within in zip((self.smallest_10_s, self.smallest_60_s), WITHIN_S, strict=True)
            if size is not None
        ]
        return (
            f"{wrong} of {identical} identical pairs called different; slow-downs seen: {seen};"
            f" bias {self.bias:+.2%}, error {self.error:.2%};"
            f" {self.kernel_share:.0%} of the time in timed calls"
            + (f"; the smallest slow-down that can be seen: {', '.join(smallest)}" if smallest else "")
        )


def trials(
    kernels: Sequence[str],
    *,
    budget_s: float,
    repetitions: int,
    seed: int,
    threads: int = 1,
    clock: Clock = perf_counter,
) -> Iterator[list[Trial]]:
    """Yield the trials of each kernel and repetition: identical pairs, and all slow-downs it can show.

    `clock` tells how long all of it takes, in seconds.
    """
    for repetition, kernel in product(range(repetitions), kernels):
        random = Random(f"{seed} {kernel} {repetition}")  # noqa: S311 the order of turns is not a secret
        effort = Effort(budget_s=budget_s, precision=_PRECISE)
        trials_of_kernel = _KernelTrials(kernel, effort, random, threads, clock)
        yield list(trials_of_kernel.trials(repetition, seed + repetition))


def smallest(seed: int, within_s: float, threads: int = 1) -> float | None:
    """Return the smallest slow-down of a steady kernel that a pair measured for `within_s` would show."""
    random = Random(seed)  # noqa: S311 the order of turns is not a secret
    trials_of_kernel = _KernelTrials(
        _STEADY, Effort(budget_s=within_s / _RIVALS, precision=_PRECISE), random, threads
    )
    return next(iter(trials_of_kernel.trials(0, seed, only_again=True))).decision.detectable


def marks(
    found: Sequence[Trial],
    budget_s: float,
    smallest_s: Sequence[float | None] = (None, None),
    threads: int = 1,
) -> Marks:
    """Return the timer's figures from trials, with the smallest slow-down within each of `WITHIN_S`."""
    identical = [one for one in found if not one.slowdown]
    slower = [one for one in found if one.slowdown]
    steps = sorted({one.slowdown for one in slower})
    each = {(one.kernel, one.repetition): one for one in found}.values()
    return Marks(
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        threads=threads,
        budget_s=budget_s,
        pairs=len(found),
        false_positives=(sum(one.is_found for one in identical), len(identical)),
        detected={
            f"{step:g}": (
                sum(one.is_right for one in slower if one.slowdown == step),
                sum(one.slowdown == step for one in slower),
            )
            for step in steps
        },
        bias=fmean(one.error for one in found),
        error=fmean(one.error**2 for one in found) ** 0.5,
        kernel_share=sum(one.kernel_s for one in each) / sum(one.wall_s for one in each),
        smallest_10_s=smallest_s[0],
        smallest_60_s=smallest_s[1],
    )


def kernel_rows(found: Sequence[Trial]) -> list[dict[str, Any]]:
    """Return a row per kernel: its time, the differences found at each slow-down, and their errors."""
    rows = []
    for kernel in dict.fromkeys(one.kernel for one in found):
        mine = [one for one in found if one.kernel == kernel]
        steps = {
            ("identical" if not step else f"+{step:.0%}"): _tally(
                [one for one in mine if one.slowdown == step]
            )
            for step in sorted({one.slowdown for one in found})
        }
        visible = [one.decision.detectable for one in mine if one.decision.detectable is not None]
        rows.append(
            {
                "kernel": kernel,
                "call": f"{median(one.base_s for one in mine) * 1e6:,.0f} µs",
                **steps,
                "bias": f"{exp(fmean(one.error for one in mine)) - 1:+.2%}",
                "visible": f"{median(visible):.1%}" if visible else "",
                "in timed calls": f"{mine[0].kernel_s / mine[0].wall_s:.0%}",
            }
        )
    return rows


def _tally(some: Sequence[Trial]) -> str:
    return f"{sum(one.is_found for one in some)}/{len(some)}" if some else ""


class _KernelTrials:
    """A kernel at each of its known slow-downs."""

    def __init__(
        self, kernel: str, effort: Effort, random: Random, threads: int, clock: Clock = perf_counter
    ) -> None:
        zoo: Any = import_module("convharness.zoo.paces")
        kind, base = kernel.split(maxsplit=1)[0].split("_")
        self._kernel = kernel
        self._effort = effort
        self._random = random
        self._threads = threads
        self._clock = clock
        self._units = {
            f"paces.{name}": units / int(base) for name, units in zoo.names_of(kind, int(base)).items()
        }
        self._base = f"paces.{kind}_{base}"
        held = held_by(Path(zoo.__file__), "file", "paces").implementations
        self._rivals = [one for one in held if one.name in self._units]

    def trials(self, repetition: int, seed: int, *, only_again: bool = False) -> Iterator[Trial]:
        """Measure all kernels, or the identical pair alone, and yield how each compares with the base."""
        rivals = [
            one for one in self._rivals if not only_again or one.name in (self._base, f"{self._base}_again")
        ]
        begin = self._clock()
        measured = self._measured(rivals, seed)
        wall_s = self._clock() - begin
        controlled = next(one for one in measured.values() if one.twin)
        timed_s = sum(one.timed_s for one in measured.values()) + controlled.timed_s  # its control's calls
        floor = noise_floor(controlled.passes, controlled.twin)
        base = measured.pop(self._base)
        for name, one in measured.items():
            slowdown = round(self._units[name] - 1, 9)
            decision = decide(one.passes, base.passes, margin=floor)
            yield Trial(self._kernel, repetition, slowdown, decision, base.median_s, timed_s, wall_s)
        same = decide(controlled.twin, controlled.passes)
        yield Trial(self._kernel, repetition, 0.0, same, base.median_s, timed_s, wall_s)

    def _measured(self, rivals: Sequence[Implementation], seed: int) -> dict[str, Measurement]:
        """Return what the engine measures, by the same way as for any other kernels."""
        case = Case(self._kernel, (Problem.parse(KERNELS[self._kernel]),))
        with WorkerPool(threads=self._threads) as pool:
            outcomes = time_case(
                case,
                rivals,
                self._effort,
                seed=seed,
                random=self._random,
                pool=pool,
                baseline=self._base,
            )
        measured = {}
        for name, outcome in outcomes.items():
            if not isinstance(outcome, Measurement):
                raise HarnessError(f"{name}, which is right, could not be timed: {outcome.reason}")
            measured[name] = outcome
        return measured
