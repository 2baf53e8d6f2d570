"""The exact layer: integers whose sums no order of summation rounds, so that every bit must be right."""

from collections.abc import Iterator

import numpy as np

from ...numerics.operands import sparse_integers, wide_weight, wide_x
from ..probe_data import Probe
from ..trial import Trial
from ..verdict import Verdict
from .layer import Layer

_WIDE_X = Probe(wide_x, exact=True)
_WIDE_WEIGHT = Probe(wide_weight, exact=True)
_SPARSE = Probe(sparse_integers, exact=True)


def check(trial: Trial) -> Iterator[Verdict]:
    """Compare bit for bit; transforms, which always round, on sums whose bound is below one half."""
    for draw in range(trial.draws):
        if not trial.accuracy.exact:
            yield trial.judged(_SPARSE, draw)
            continue
        if trial.data.is_large:
            yield trial.judged(trial.sharp, draw)
        yield trial.judged(_WIDE_X, draw)
        if trial.level != "quick":
            yield trial.judged(_WIDE_WEIGHT, draw)


LAYER = Layer("exact", level="quick", measures=True, may_be_imprecise=True, check=check)


def is_exact(trial: Trial) -> bool:
    """Say whether sums of integers are exact, as they are without a transform."""
    operands, true = trial.data_of(_WIDE_X)
    return bool(np.array_equal(true.elements_of(trial.output(operands)), true.y))
