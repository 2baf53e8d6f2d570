"""The bound layer: real numbers, elementwise against what theory allows the declared class."""

from collections.abc import Iterator
from dataclasses import replace

from ...numerics.operands import Operands, filled, generator, reals
from ...problems.problem import Problem
from ..probe_data import Probe
from ..trial import Trial
from ..verdict import Verdict
from .layer import Layer


def check(trial: Trial) -> Iterator[Verdict]:
    """Compare on signed numbers, then on positive ones, whose sums show every rounding."""
    for draw in range(trial.draws):
        yield trial.judged(_REALS, draw)
        if trial.level != "quick":
            yield trial.judged(_POSITIVE, draw)
    if trial.is_thorough:
        yield trial.judged(_NEGATIVE)
        yield trial.judged(_NEGATIVE_WEIGHTS)


LAYER = Layer("bound", level="quick", measures=True, may_be_imprecise=True, check=check)


def positive(problem: Problem, seed: int) -> Operands:
    """Return numbers from 0 to 1: nothing cancels, so that every lost bit shows."""
    random = generator(problem, "positive", seed)
    return filled(problem, random.random)


def negative(problem: Problem, seed: int) -> Operands:
    """Return an x from −1 to 0."""
    operands = reals(problem, seed)
    return replace(operands, x=-positive(problem, seed).x)


def negative_weights(problem: Problem, seed: int) -> Operands:
    """Return weights from −1 to 0."""
    operands = reals(problem, seed)
    return replace(operands, weight=-positive(problem, seed).weight)


_REALS = Probe(reals)
_POSITIVE = Probe(positive)
_NEGATIVE = Probe(negative)
_NEGATIVE_WEIGHTS = Probe(negative_weights)
