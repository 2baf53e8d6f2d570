"""The verdict on one implementation and problem; combining verdicts never makes one better."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self, get_args

Status = Literal[
    "passed",
    "unsupported",
    "unavailable",
    "mistrusted",
    "imprecise",
    "wrong",
    "contract",
    "memory",
    "timeout",
    "error",
    "crashed",
]
"""From best to worst: of two verdicts on one case the worse one holds."""

STATUSES: tuple[str, ...] = get_args(Status)
FAILURES = frozenset({"imprecise", "wrong", "contract", "memory", "timeout", "error", "crashed"})


@dataclass(frozen=True)
class Verdict:
    """A status with its reason, the layer that saw it, and the errors in figures.

    `cause` is the part of the reason that other problems share, None where it was not set apart.
    `error_u` is the largest error in units of u·max(|x|⋆|w| + |b|), with u the unit roundoff of the
    data type, and `error_bound_u` the largest allowed one in the same unit; `where` is the index
    of the first bad element, `values` the implementation's own output on a worked example, `printed`
    the end of what a failed implementation printed. `problem` is the string of the problem on which it
    failed, where that is another one than it was judged on.
    """

    status: str
    reason: str | None = None
    layer: str | None = None
    error_u: float | None = None
    error_bound_u: float | None = None
    error_max_abs: float | None = None
    error_rel_l2: float | None = None
    where: str | None = None
    seed: int | None = None
    reproduce: str | None = None
    values: Any = None
    printed: str | None = None
    cause: str | None = None
    problem: str | None = None
    traits: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Say whether the implementation passed."""
        return self.status == "passed"

    @property
    def failed(self) -> bool:
        """Say whether this is a failure: not passed, and not a problem that could not be judged."""
        return self.status in FAILURES

    def and_(self, other: Self) -> Self:
        """Return the worse of two verdicts, with the larger of their errors."""
        worse, better = (
            (other, self) if STATUSES.index(other.status) > STATUSES.index(self.status) else (self, other)
        )
        errors = ("error_u", "error_bound_u", "error_max_abs", "error_rel_l2")
        larger: dict[str, Any] = {
            name: _larger(getattr(worse, name), getattr(better, name)) for name in errors
        }
        values = worse.values if worse.values is not None else better.values
        return replace(worse, **larger, values=values, traits={**better.traits, **worse.traits})


def _larger(a: float | None, b: float | None) -> float | None:
    """Return the larger of two errors; not-a-number is the largest of all."""
    if a is None or b is None:
        return b if a is None else a
    return a if a != a or a >= b else b  # noqa: PLR0124 only a NaN differs from itself
