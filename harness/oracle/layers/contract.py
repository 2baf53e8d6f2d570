"""The contract layer: what a call may return, and what it must leave as it was."""

from collections.abc import Iterator

from ...numerics.blocks import same_bits
from ..output import BreachError, checked_output
from ..trial import Trial
from ..verdict import Verdict
from .layer import Layer


def check(trial: Trial) -> Iterator[Verdict]:
    """Look at the first call: its output, what it leaves running, and what it changes in the process."""
    operands, _ = trial.data_of(trial.sharp)
    seen = trial.host.first_call(trial.problem, operands)
    if seen.planned:
        raise BreachError(f"changed {seen.planned} for the whole process")
    y, later = (
        checked_output(trial.implementation, trial.problem, output, seen.given, operands)
        for output in (seen.output, seen.later)
    )
    if not same_bits(y, later):
        raise BreachError("went on writing its output after it had returned")
    if seen.opened:
        raise BreachError(f"{seen.opened}, want it untouched")
    if seen.called:
        raise BreachError(f"changed {seen.called} for the whole process")
    trial.first[trial.sharp] = y
    yield Verdict("passed", seed=trial.data.seed)


LAYER = Layer("contract", level="quick", measures=False, may_be_imprecise=False, check=check)
