"""The threads layer: with another number of threads than the run's, the output is as right as with its own.

Kernels share rows or channels out to their threads, and forget the remainder, or let two threads add to
one sum.
"""

from collections.abc import Iterator

from ..trial import Trial
from ..verdict import Verdict
from .layer import Layer

_CALLS = 3
"""Two threads that meet in one sum need not meet in every call."""


def check(trial: Trial) -> Iterator[Verdict]:
    """Plan and call with several threads where the run has one, with one where it has several."""
    operands, true = trial.data_of(trial.sharp)
    with trial.host.other_threads() as are_others:
        for _ in range(_CALLS if are_others else 0):
            y = trial.output(operands)
            yield trial.compared(y, true, exact=True, given="another number of threads")


LAYER = Layer("threads", level="thorough", measures=False, may_be_imprecise=False, check=check)
