"""The check of the outputs of timed calls, at the timed size, on the data that was timed."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..execution.host import Held
from ..execution.kernel_call import KernelError, Output
from ..numerics.accuracy import Accuracy, Truth
from ..numerics.arrays import Array
from ..numerics.large_outputs.large_truth import FullReference, true_output
from ..numerics.operands import Operands
from ..numerics.reference import convolve, truth
from ..problems.problem import Problem
from .output import BreachError, checked_output
from .output_errors import Doubles, compare, first_beyond

WRONG_WHEN_TIMED = "right when verified, wrong when timed"

Chain = Sequence[tuple[Problem, Operands]]
"""Problems with their operands; the input of each but the first is the output of the one before."""


class Expected:
    """The right output on the timed data, computed on first use and shared by all implementations."""

    def __init__(self, chain: Chain, seed: int) -> None:
        self._chain = chain
        self._seed = seed
        self._truths: dict[bool, Truth] = {}
        self._bounds: dict[Accuracy, tuple[Doubles, Doubles]] = {}

    @property
    def x(self) -> Array:
        """Return the input."""
        return self._chain[0][1].x

    def failure(self, last: Held, output: Output) -> KernelError | None:
        """Return what is wrong with an output of the last layer of the chain, or None."""
        one = last.implementation
        try:
            y = checked_output(one, last.problem, output, last.given, self._chain[-1][1])
        except BreachError as breach:
            return KernelError("contract", str(breach))
        reason = self.complaint(y, one.accuracy)
        return KernelError("wrong", reason) if reason else None

    def complaint(self, y: Array, accuracy: Accuracy) -> str | None:
        """Return what is wrong with an output of an implementation of an accuracy class, or None."""
        if len(self._chain) == 1:
            exact = accuracy.bits is None  # the numbers have more bits than such a class keeps
            found = compare(y, self._truth(exact=exact), accuracy, exact_data=exact).reason
            return f"{WRONG_WHEN_TIMED}: {found}" if found else None
        if accuracy not in self._bounds:
            self._bounds[accuracy] = timed_truth(self._chain, accuracy)
        return wrong_when_timed(y, self._bounds[accuracy])

    def _truth(self, *, exact: bool) -> Truth:
        if exact not in self._truths:
            problem, operands = self._chain[0]
            full = FullReference()
            self._truths[exact] = true_output(problem, operands, exact=exact, seed=self._seed, full=full)
        return self._truths[exact]


def timed_truth(chain: Chain, accuracy: Accuracy) -> tuple[Doubles, Doubles]:
    """Return the true output of a chain, and elementwise the bound on an implementation's error.

    The x of the first operands enters the chain; both results have the shape of its last output. An
    error E of a problem's input adds to its own: its bound is that of inputs as large as |x| + E,
    and |w|⋆E comes on top, because convolution is linear.
    """
    x: Array = chain[0][1].x.astype(np.float64)
    error: Doubles = np.zeros_like(x)
    for problem, operands in chain:
        own = Operands(x, operands.weight, operands.bias)
        true = truth(problem, own)
        largest = truth(problem, replace(own, x=np.abs(x) + error))
        allowed = accuracy.bound(_with_inputs_of(true, largest))
        error = allowed + convolve(problem, error, np.abs(operands.weight), None)
        x = true.y
    return x, error


def _with_inputs_of(true: Truth, largest: Truth) -> Truth:
    return replace(largest, y=true.y)


def wrong_when_timed(y: Array, expected: tuple[Doubles, Doubles]) -> str | None:
    """Return what is wrong with the output of a timed call, or None if it is right."""
    found = first_beyond(y, *expected)
    return None if found is None else f"{WRONG_WHEN_TIMED}: {found}"
