"""Support: whether an implementation's declaration allows a problem, and if not, why."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Self

from ..problems.fields import SPATIAL_FIELDS
from ..problems.problem import Problem

_LONGEST = 1000
"""How many characters of a condition's own reason are kept."""


@dataclass(frozen=True)
class Unsupported:
    """Why an implementation does not support a problem; as text it is one line.

    `needs` words what it needs, or does not take, and is the same for all problems that lack it; `got` is
    what this one has instead. `field` is the field of `Problem` that both are about, None for a condition
    of the plugin's own.

    >>> str(Unsupported("needs stride 1", "(2, 2)", "stride"))
    'needs stride 1, got (2, 2)'
    """

    needs: str
    got: str | None = None
    field: str | None = None

    def __str__(self) -> str:
        return self.needs if self.got is None else f"{self.needs}, got {self.got}"

    @classmethod
    def read(cls, line: str) -> Self:
        """Return the value of a line that a plugin's condition returned, or that an earlier version stored.

        >>> Unsupported.read("needs a square input, got (5, 6)").got
        '(5, 6)'
        """
        needs, separator, got = line[:_LONGEST].partition(", got ")
        return cls(needs, got if separator else None)


def refused_by_signature(parameters: Collection[str], problem: Problem) -> Unsupported | None:
    """Return which feature of the problem the signature leaves out, or None."""
    asked = set(parameters)
    if problem.bias and "bias" not in asked:
        return Unsupported("takes no bias", field="bias")
    if "problem" in asked:
        return None
    for name, default in (("stride", 1), ("dilation", 1), ("groups", 1)):
        if name not in asked and not allows(name, default, problem):
            return needs(name, default, problem)
    return _refused_padding(asked, problem)


def _refused_padding(asked: set[str], problem: Problem) -> Unsupported | None:
    if not asked & {"padding", "pads"} and any(any(pair) for pair in problem.pads):
        return needs("padding", 0, problem)
    if "pads" not in asked and any(before != after for before, after in problem.pads):
        return Unsupported("needs symmetric padding", str(problem.padding), "padding")
    if "pads" not in asked and any(before < 0 for before, _ in problem.pads):
        return Unsupported("needs padding of at least 0", str(problem.padding), "padding")
    # Where nothing is padded the mode has no effect.
    if "padding_mode" not in asked and problem.is_padded:
        return None if problem.padding_mode == "zeros" else needs("padding_mode", "zeros", problem)
    return None


def allows(name: str, allowed: Any, problem: Problem) -> bool:
    """Say whether the problem's field has an allowed value.

    For a spatial field an int holds for all axes and a tuple is one value per axis, so alternatives
    are a list; for any other field every collection lists alternatives.
    """
    value = getattr(problem, name)
    spatial = name in SPATIAL_FIELDS
    if isinstance(allowed, (list, set, frozenset, range)) or (isinstance(allowed, tuple) and not spatial):
        return any(allows(name, one, problem) for one in allowed)
    if spatial and isinstance(allowed, int):
        return bool(value == (allowed,) * problem.ndim)
    return bool(value == allowed)


def needs(name: str, allowed: Any, problem: Problem) -> Unsupported:
    """Return what a field must be, and what it is."""
    one_value = isinstance(allowed, str) or (isinstance(allowed, tuple) and name in SPATIAL_FIELDS)
    if isinstance(allowed, Iterable) and not one_value:
        allowed = " or ".join(str(one) for one in allowed)
    return Unsupported(f"needs {name} {allowed}", str(getattr(problem, name)), name)
