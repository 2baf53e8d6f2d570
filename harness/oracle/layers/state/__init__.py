"""The state layer: many calls, none of which may change the result of another."""

from collections.abc import Iterator

import numpy as np

from ....numerics.operands import reals
from ...probe_data import Probe
from ...trial import Trial
from ...verdict import Verdict
from ..layer import Layer
from .concurrency import at_once
from .neighbours import other_problems
from .series import in_series
from .session import Session

_REPEATS = {"standard": 3, "thorough": 8}
_REALS = Probe(reals)


def check(trial: Trial) -> Iterator[Verdict]:
    """Call again: on the same data, on other data in the same memory, on other shapes, from threads."""
    trial = trial.reduced
    yield from _repeats(trial)
    session = Session(trial, trial.data_of(trial.sharp)[0])
    yield from session.refills()
    yield from session.survives_its_caller()
    yield from other_problems(trial, session)
    yield from session.many()
    session.compare_the_kept()
    yield from in_series(trial)
    if trial.is_thorough:
        yield from at_once(trial)


LAYER = Layer("state", level="standard", measures=False, may_be_imprecise=False, check=check)


def _repeats(trial: Trial) -> Iterator[Verdict]:
    """Call on the same real numbers: bit for bit the same, unless it is declared otherwise."""
    operands, true = trial.data_of(_REALS)
    bound = trial.bound(operands)
    first = trial.checked(bound, bound.output(), operands)
    yield trial.compared(first, true, exact=False)
    for count in range(_REPEATS[trial.level]):
        again = trial.checked(bound, bound.output(), operands)
        yield trial.compared(again, true, exact=False, given=f"{count + 1} equal calls before")
        if trial.implementation.deterministic and not np.array_equal(first, again):
            reason = "gave two results for the same call; if it may, declare deterministic=False"
            yield trial.failure("wrong", reason)
