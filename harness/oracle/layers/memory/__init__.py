"""The memory layer: no access outside the inputs, no use of memory before it is written."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ....execution.guard_pages import EDGES
from ....numerics.arrays import Array, from_stored_order, in_stored_order, root_of
from ....numerics.operands import Operands
from ...output import BreachError
from ...trial import Trial
from ...verdict import Verdict
from ..layer import Layer
from . import growth

_CANARY_BYTES = 4096
_POISONS = (np.nan, 1e30)


def check(trial: Trial) -> Iterator[Verdict]:
    """Call with inputs between canaries, with poisoned memory, and with inputs beside guard pages."""
    trial = trial.reduced
    operands, true = trial.data_of(trial.sharp)
    for poison in _POISONS[: 2 if trial.is_thorough else 1]:
        given = _between_canaries(trial, operands, poison)
        before = {name: root_of(array).tobytes() for name, array in given.items().items()}
        bound = trial.bound(operands, given)
        y = trial.checked(bound, bound.output(), operands)
        if any(bound.whole(name) != whole for name, whole in before.items()):
            raise BreachError("wrote into memory beside its inputs")
        yield trial.compared(y, true, exact=True, given=f"{poison} around its inputs")
    for poison in _POISONS[: 2 if trial.is_thorough else 1]:
        y = trial.output(operands, poison=poison)
        yield trial.compared(y, true, exact=True, given=f"{poison} in fresh memory")
    if trial.is_thorough and operands.x.size:
        yield _at_the_edge(trial, operands)
    if trial.is_thorough and operands.x.size:
        yield from growth.by_calls(trial, trial.bound(operands))
        yield from growth.by_shapes(trial)


LAYER = Layer("memory", level="standard", measures=False, may_be_imprecise=False, check=check)


def _between_canaries(trial: Trial, operands: Operands, poison: float) -> Operands:
    """Return the operands in the middle of larger blocks."""

    def surrounded(array: Array, layout: str = "contiguous") -> Array:
        stored = in_stored_order(array, layout)
        room = max(_CANARY_BYTES, stored.nbytes) // stored.itemsize // 16 * 16
        block = np.full(2 * room + stored.size, _as_type(poison, stored.dtype), stored.dtype)
        inner = block[room : room + stored.size].reshape(stored.shape)
        inner[...] = stored
        return from_stored_order(inner, layout)

    return Operands(
        surrounded(operands.x, trial.implementation.layout),
        surrounded(operands.weight),
        None if operands.bias is None else surrounded(operands.bias),
    )


def _as_type(poison: float, dtype: np.dtype[Any]) -> float:
    """Return a poison that the type can hold."""
    return poison if np.isnan(poison) or dtype != np.float16 else 3e4


def _at_the_edge(trial: Trial, operands: Operands) -> Verdict:
    """Place the inputs before, then behind a guard page, where an access outside them raises a signal."""
    for edge in EDGES:
        if signal := trial.host.at_the_edge(trial.problem, operands, edge):
            beyond = "beyond the end" if edge == "end" else "before the start"
            return trial.failure("crashed", f"was ended by {signal} when it read {beyond} of an input")
    return Verdict("passed", seed=trial.data.seed)
