"""Suites: named, ordered lists of cases; problems only, no implementations."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..errors import ProblemError
from .problem import Problem


@dataclass(frozen=True)
class Example:
    """A worked example: data and their exact output.

    Nested lists in the shapes of the problem, or flat lists of the same numbers.
    """

    x: Any
    weight: Any
    y: Any
    bias: Any = None


@dataclass(frozen=True)
class Case:
    """A label and a chain of one or more problems; each layer is judged, the whole chain is timed.

    `weight` says how often the layer occurs in its network; `versus` names the case of the same
    suite that this one is an alternative to.
    """

    label: str
    problems: tuple[Problem, ...]
    weight: float = 1.0
    description: str = ""
    versus: str | None = None
    example: Example | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for before, after in zip(self.problems, self.problems[1:], strict=False):
            if (before.output_shape, before.dtype) != (after.input_shape, after.dtype):
                raise ProblemError(
                    f"a layer takes {after.dtype} {after.input_shape},"
                    f" but the layer before it gives {before.dtype} {before.output_shape}"
                )

    def __str__(self) -> str:
        return " -> ".join(map(str, self.problems))

    def total(self, count: str) -> int:
        """Return a count of `Problem` (macs, parameters…) summed over the layers."""
        return sum(getattr(problem, count) for problem in self.problems)

    @property
    def min_bytes(self) -> int:
        """Return the bytes that the layers must touch; those passed between two layers count twice."""
        return self.total("min_bytes")


@dataclass(frozen=True)
class Suite:
    """A named, ordered list of cases with different labels.

    `source` is the name of a suite that comes with convharness, or the path of a suite file.
    `implementations` are the names of the implementations that the suite is for, None for all. What is
    right on a suite that is not timed is only judged.
    """

    name: str
    cases: tuple[Case, ...]
    description: str = ""
    source: str = ""
    implementations: frozenset[str] | None = None
    is_timed: bool = True

    def is_for(self, implementation: str) -> bool:
        """Say whether an implementation of this name is asked."""
        return self.implementations is None or implementation in self.implementations

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)

    def __len__(self) -> int:
        return len(self.cases)
