"""The inputs of one problem and their true outputs, made on first use, shared by all implementations."""

import sys
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from ..numerics.accuracy import Accuracy, Truth
from ..numerics.large_outputs.large_truth import FullReference, true_output
from ..numerics.operands import Operands
from ..problems.problem import Problem

T = TypeVar("T")


@dataclass(frozen=True)
class Probe:
    """One kind of data: the function that makes it, and what is known of its sums.

    `make` takes a problem and a seed, and for exact data the significand bits that an input may use.
    With `exact` sums are exact in any order; with `random` their rounding errors are independent of each
    other in any order (`numerics.bounds.probable`).
    """

    make: Callable[..., Operands]
    exact: bool = False
    random: bool = False

    def __str__(self) -> str:
        return self.make.__name__.replace("_", " ")


class ProbeData:
    """The data of one problem, drawn from one seed; `full` says up to what size all of an output is known.

    Of a larger problem only the data that was made last is kept.
    """

    __test__ = False  # not a class of tests, which pytest takes it for by its name

    def __init__(self, problem: Problem, seed: int, full: FullReference | None = None) -> None:
        self.problem = problem
        self.seed = seed
        self.full = full or FullReference()
        self._kept: dict[Hashable, Any] = {}

    @property
    def is_large(self) -> bool:
        """Say whether only some elements and weighted sums of an output are known."""
        return not self.full.covers(self.problem)

    @cached_property
    def whole(self) -> "ProbeData":
        """Return the same data, with all of an output known whatever its size."""
        return ProbeData(self.problem, self.seed, FullReference(sys.maxsize, sys.maxsize))

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the value of a key, made on first use."""
        if key not in self._kept:
            if self.is_large:
                self._kept.clear()
            self._kept[key] = make()
        kept: T = self._kept[key]
        return kept

    def forget(self) -> None:
        """Let go of all data."""
        self._kept.clear()

    def of(self, probe: Probe, accuracy: Accuracy, draw: int = 0) -> tuple[Operands, Truth]:
        """Return a probe's operands and their true output, on which an accuracy class can be judged.

        Exact data has no more significant bits than the class keeps. `draw` is the number of the draw.
        """
        bits = accuracy.bits if probe.exact and accuracy.exact else None
        return self.once((probe, draw, bits), lambda: self._made(probe, draw, bits))

    def _made(self, probe: Probe, draw: int, bits: int | None) -> tuple[Operands, Truth]:
        if bits is None:
            operands = probe.make(self.problem, self.seed + draw)
        else:
            operands = probe.make(self.problem, self.seed + draw, bits)
        return operands, self.true_output(operands, exact=probe.exact)

    def true_output(self, operands: Operands, *, exact: bool) -> Truth:
        """Return the true output on operands; `exact` says that no order of summation rounds on them."""
        return true_output(self.problem, operands, exact=exact, seed=self.seed, full=self.full)
