"""One implementation over all passes of a case: its samples, the time it spent, and why it is out."""

from dataclasses import dataclass, field
from math import inf

from ..execution.kernel_call import KernelError
from ..machine.interference import Conditions
from ..measure.stats import Pass, paired_estimate
from ..measure.stopwatch import Effort
from ..plugins.declaration import Implementation

_WIDER = 0.05
"""A rival that is many times slower need not be known to the percent: so much of its logarithm will do."""

_OVERDRAFT = 1.1

_NO_ACCIDENT = 2


@dataclass(frozen=True)
class TimingFailure:
    """Why something that had passed could not be timed: a status of `Verdict`, and the reason."""

    status: str
    reason: str


@dataclass
class Contestant:
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

    def goes_on(self, effort: Effort, anchor: "Contestant | None") -> bool:
        """Say whether it needs another pass, and has the time for it.

        Intervals rest on whole sets of generations, unless there is no time for one.
        """
        done = len(self.passes)
        if self.failure is not None or done < effort.least_passes:
            return self.failure is None
        if self.spent_s * (done + 1) / done > _OVERDRAFT * effort.budget_s:
            return False
        return done % effort.generations != 0 or anchor is None or not self._is_known(effort, anchor)

    def _is_known(self, effort: Effort, anchor: "Contestant") -> bool:
        """Say whether its ratio to the anchor is precise enough."""
        estimate = paired_estimate(self.passes, anchor.passes)
        if estimate is None:
            return False
        return estimate.half_width() <= max(effort.precision, _WIDER * abs(estimate.mean))

    def miss_until(self, number: int, generations: int) -> None:
        """Have no samples in passes that were held without it, so that pass p is everybody's pass p."""
        missed = range(len(self.passes), number)
        self.passes += [(one % generations, ()) for one in missed]
        self.numbers += [0 for _ in missed]

    def suspect(self, reason: str) -> None:
        """Take note of what makes its times doubtful; what comes twice is no accident."""
        self.suspicions.append(reason)
        if len(self.suspicions) == _NO_ACCIDENT:
            self.failure = self.failure or TimingFailure("contract", f"when timed: {reason}")

    def fail(self, error: BaseException) -> None:
        """Keep the first reason why it cannot be timed."""
        one = KernelError.of(error)
        reason = str(one) if one.status == "wrong" else f"when timed: {one}"
        self.failure = self.failure or TimingFailure(one.status, reason)
