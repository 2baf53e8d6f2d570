"""The bound layer: real numbers, elementwise against what theory allows the declared class.

Theory gives a worst case and, for random numbers, what roundings add up to that are independent.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ...numerics.blocks import same_bits
from ...numerics.operands import Operands, filled, generator, normal, reals
from ...problems.problem import Problem
from ..probe_data import Probe
from ..trial import Trial
from ..verdict import Verdict
from .layer import Layer


def check(trial: Trial) -> Iterator[Verdict]:
    """Compare on signed numbers, on few channels, then on positive ones, whose sums show every rounding."""
    few = trial.level != "quick" and (trial.is_thorough or not trial.accuracy.exact)
    for draw in range(trial.draws):
        yield trial.judged(_REALS, draw)
        if few and trial.problem.weight_shape[1] > _FEW:
            yield trial.judged(_FEW_CHANNELS, draw)
        if trial.level != "quick":
            yield trial.judged(_POSITIVE, draw)
    if trial.is_thorough:
        yield trial.judged(_NEGATIVE)
        yield trial.judged(_NEGATIVE_WEIGHTS)


LAYER = Layer("bound", level="quick", measures=True, may_be_imprecise=True, check=check)


def is_batch_invariant(trial: Trial) -> bool | None:
    """Say whether the bits of a sample depend neither on its batch nor on its place in it.

    None where the implementation takes no batch of several samples, or none of one.
    """
    problem = trial.problem
    several = problem.replace(batch_size=max(problem.batch_size, _SAMPLES))
    alone = problem.replace(batch_size=1)
    if any(trial.refuses(one) for one in (several, alone)):
        return None
    operands = trial.data.once("batch", lambda: reals(several, trial.data.seed))
    in_batch, by_itself = trial.on(several), trial.on(alone)
    y = in_batch.output(operands)
    turned = in_batch.output(replace(operands, x=operands.x[::-1].copy()))
    last = by_itself.output(replace(operands, x=operands.x[-1:].copy()))
    return same_bits(y[::-1], turned) and same_bits(y[-1:], last)


def is_thread_invariant(trial: Trial) -> bool | None:
    """Say whether the output's bits are the same with another number of threads; None where that is fixed."""
    operands, _ = trial.data_of(_REALS)
    y = trial.output(operands)
    with trial.host.other_threads() as are_others:
        return same_bits(y, trial.output(operands)) if are_others else None


_SAMPLES = 3
"""The least batch in which a sample has a place."""

_FEW = 2
"""Channels of a group that hold something where the others are empty."""


def few_channels(problem: Problem, seed: int) -> Operands:
    """Return reals with two channels in each group of a sample that hold something, others for each sample.

    To add nothing does not round, so that bounds are those of two channels, however many the problem has:
    what is rounded to fewer bits inside a transform or a long sum shows.
    """
    operands = normal(problem, generator(problem, "few channels", seed))
    channels = problem.weight_shape[1]
    ahead = (np.arange(channels) - np.arange(problem.batch_size)[:, None] - seed) % channels  # (N, C/g)
    empty = np.tile((ahead > 0) & (ahead != channels // 2), problem.groups)  # (N, C)
    operands.x[empty] = 0
    return operands


def positive(problem: Problem, seed: int) -> Operands:
    """Return numbers from ½ to 1: nothing cancels, so that every lost bit shows.

    None is small, so that partial sums in every order grow alike and their roundings are independent.
    """
    random = generator(problem, "positive", seed)
    return filled(problem, lambda shape: random.uniform(0.5, 1, shape))


def negative(problem: Problem, seed: int) -> Operands:
    """Return an x from −1 to −½."""
    operands = reals(problem, seed)
    return replace(operands, x=-positive(problem, seed).x)


def negative_weights(problem: Problem, seed: int) -> Operands:
    """Return weights from −1 to −½."""
    operands = reals(problem, seed)
    return replace(operands, weight=-positive(problem, seed).weight)


_REALS = Probe(reals, random=True)
_FEW_CHANNELS = Probe(few_channels, random=True)
_POSITIVE = Probe(positive, random=True)
_NEGATIVE = Probe(negative, random=True)
_NEGATIVE_WEIGHTS = Probe(negative_weights, random=True)
