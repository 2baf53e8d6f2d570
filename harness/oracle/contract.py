"""The contract layer: what a call may return, and what it must leave as it was."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array, ForeignOutputError, adapter, dtype_of, is_channels_last
from ..kernel import Bound
from ..tensors import Operands
from ..verdict import Verdict
from . import threads
from .surroundings import Surroundings

if TYPE_CHECKING:
    from .trial import Trial

_LATE_S = 0.02
"""How long a thread that a call leaves behind is given to show itself."""


class BreachError(Exception):
    """How an output, or its making, breaks the contract."""


def check(trial: "Trial") -> Iterator[Verdict]:
    """Look at the first call: its output, what it leaves running, and what it changes for others."""
    operands, _ = trial.deal(trial.sharp)
    running = threads.count()
    with Surroundings() as surroundings:
        bound = trial.bound(operands)
        # Building a module draws random weights, as every library does.
        planned = surroundings.changed(but_random=trial.implementation.is_plan)
    if planned:
        raise BreachError(f"changed {planned} for the whole process")
    with Surroundings() as surroundings:
        raw = bound.output()
        y = checked_output(bound, raw, operands)
        if threads.count() > running:
            time.sleep(_LATE_S)
        if not _same_bits(y, checked_output(bound, raw, operands)):
            raise BreachError("went on writing its output after it had returned")
        if opened := _opened(bound):
            raise BreachError(opened)
        if changed := surroundings.changed():
            raise BreachError(f"changed {changed} for the whole process")
    trial.first[trial.sharp] = y
    yield Verdict("passed", seed=trial.bank.seed)


def checked_output(bound: Bound, raw: Any, pristine: Operands) -> Array:
    """Return a copy of what a call returned, as a NumPy array, if it keeps the contract.

    The copy comes first, so that nothing that happens later can improve it. Raises `BreachError`
    with the reason where the contract is broken.
    """
    try:
        y = adapter(bound.implementation.arrays).take_back(raw)
    except ForeignOutputError as error:
        raise BreachError(f"returned {error}") from None
    kept = y.copy()
    reason = _misfit(bound, y) or _alias(bound, y) or changed_input(bound, pristine) or _misplaced(bound, y)
    if reason:
        raise BreachError(reason)
    return kept


def changed_input(bound: Bound, pristine: Operands) -> str | None:
    """Return which input is no longer what it was, or None."""
    before = pristine.items()
    for name, given in bound.given.items().items():
        if not _same_bits(given, before[name]):
            return f"changed its input {name}, want it untouched"
    return None


def _opened(bound: Bound) -> str | None:
    """Return which input was made writable, or made to record gradients, or None."""
    for name, own in bound.own.items():
        flags = getattr(own, "flags", None)
        if flags is not None and flags.writeable:
            return f"made its input {name} writable, want it untouched"
        if getattr(own, "requires_grad", False):
            return f"made its input {name} require gradients, want it untouched"
    return None


def _misfit(bound: Bound, y: Array) -> str | None:
    problem = bound.problem
    if y.shape != problem.output_shape:
        return f"returned shape {y.shape}, want {problem.output_shape}"
    if y.dtype != dtype_of(problem.dtype):
        return f"returned dtype {y.dtype}, want {problem.dtype}"
    return None


def _alias(bound: Bound, y: Array) -> str | None:
    """Return the input whose memory the output shares: writing to one would change the other."""
    for name, given in bound.given.items().items():
        if np.may_share_memory(y, given):
            return f"returned memory of its input {name}, want an output of its own"
    return None


def _same_bits(a: Array, b: Array) -> bool:
    """Say whether two arrays agree in every bit, those of a NaN included."""
    return np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()


def _misplaced(bound: Bound, y: Array) -> str | None:
    if bound.implementation.layout == "channels_last" and not is_channels_last(y):
        return "returned another memory order than the declared channels_last"
    return None
