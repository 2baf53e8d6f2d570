"""How a run judges, and whether and how it times: the one home of what holds where nothing is said."""

from dataclasses import dataclass, field

from ..measure.stopwatch import Effort
from ..workers import Limits


@dataclass(frozen=True)
class Settings:
    """How to judge, and whether and how to time; `reference` as in `timing.time_case`.

    `jobs` processes judge, one times; the others are measured against the implementation `baseline`. With
    `time_s` an implementation is judged for so many seconds: cases come in the order of what they promise to
    show, and what is left is not asked.
    With `exit_first` an implementation is left out after its first failure; with `shrink` a failure is
    reduced to the smallest problem that shows it. One call may take `timeout_s`, and the process of an
    implementation `memory_bytes`.
    """

    level: str = "standard"
    seed: int = 0
    threads: int = 1
    jobs: int = 1
    exit_first: bool = False
    shrink: bool = False
    time_s: float | None = None
    timeout_s: float = Limits.call_s
    memory_bytes: int = field(default_factory=lambda: Limits().memory_bytes)
    timed: bool = False
    reference: bool = False
    baseline: str | None = None
    effort: Effort = field(default_factory=Effort)

    @property
    def limits(self) -> Limits:
        """Return the limits of an implementation's process."""
        return Limits(self.timeout_s, self.memory_bytes)
