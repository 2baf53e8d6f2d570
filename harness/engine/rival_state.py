"""One rival over all passes of a case: its samples, the time it spent, and why it was excluded."""

from dataclasses import dataclass, field
from math import inf

from ..execution.kernel_call import KernelError
from ..machine.interference import Conditions
from ..measure.stats import Pass, paired_estimate
from ..measure.stopwatch import Effort
from ..plugins.declaration import Implementation

_WIDER = 0.05
"""For a ratio far from 1 it is precise enough to know its logarithm to within this share of it."""

_OVERDRAFT = 1.1
"""Another pass may exceed the budget by up to this factor."""

_MOST_SUSPICIONS = 1
"""One suspicion in a case may be an accident; a second one is not."""


@dataclass(frozen=True)
class TimingFailure:
    """Why an implementation that passed could not be timed: a status of `Verdict`, and the reason."""

    status: str
    reason: str


@dataclass
class RivalState:
    """One rival over all passes."""

    name: str
    implementation: Implementation
    is_judged: bool = True
    passes: list[Pass] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    call_s: float = inf
    plans_s: list[float] = field(default_factory=list)
    first_calls_s: list[float] = field(default_factory=list)
    conditions: list[Conditions] = field(default_factory=list)
    spent_s: float = 0.0
    repeated: int = 0
    disturbed: int = 0
    processors: float = 0.0
    peak_memory_bytes: int | None = None
    failure: TimingFailure | None = None
    suspicions: list[str] = field(default_factory=list)

    def goes_on(self, effort: Effort, anchor: "RivalState | None") -> bool:
        """Say whether it needs another pass, and has time left for one.

        Passes come in whole sets of generations, as far as the budget allows.
        """
        done = len(self.passes)
        if self.failure is not None or done < effort.least_passes:
            return self.failure is None
        if self.spent_s * (done + 1) / done > _OVERDRAFT * effort.budget_s:
            return False
        return done % effort.generations != 0 or anchor is None or not self._is_known(effort, anchor)

    def _is_known(self, effort: Effort, anchor: "RivalState") -> bool:
        """Say whether its ratio to the anchor is precise enough."""
        estimate = paired_estimate(self.passes, anchor.passes)
        if estimate is None:
            return False
        return estimate.half_width() <= max(effort.precision, _WIDER * abs(estimate.mean))

    def miss_until(self, number: int, generations: int) -> None:
        """Add empty passes for those that it had no part in, so that pass p is the same for all rivals."""
        missed = range(len(self.passes), number)
        self.passes += [(place % generations, ()) for place in missed]
        self.numbers += [0 for _ in missed]

    def suspect(self, reason: str) -> None:
        """Note why its times are in doubt; the second suspicion is a failure."""
        self.suspicions.append(reason)
        if len(self.suspicions) > _MOST_SUSPICIONS:
            self.failure = self.failure or TimingFailure("contract", f"when timed: {reason}")

    def fail(self, error: BaseException) -> None:
        """Keep the first reason why it cannot be timed."""
        raised = KernelError.of(error)
        reason = str(raised) if raised.status == "wrong" else f"when timed: {raised}"
        self.failure = self.failure or TimingFailure(raised.status, reason)
