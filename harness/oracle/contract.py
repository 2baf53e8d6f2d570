"""The contract layer: type, shape and dtype of an output, no alias, inputs left as they were."""

from typing import Any

import numpy as np

from ..arrays import Array, ForeignOutputError, adapter, dtype_of, is_channels_last
from ..kernel import Bound
from ..tensors import Operands


class BreachError(Exception):
    """How an output, or its making, breaks the contract."""


def checked_output(bound: Bound, raw: Any, pristine: Operands) -> Array:
    """Return what a call returned as an array, if it keeps the contract.

    Raises `BreachError` with the reason where it does not.
    """
    try:
        y = adapter(bound.implementation.arrays).take_back(raw)
    except ForeignOutputError as error:
        raise BreachError(f"returned {error}") from None
    reason = _misfit(bound, y) or _alias(bound, y) or _changed(bound, pristine) or _misplaced(bound, y)
    if reason:
        raise BreachError(reason)
    return y


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


def _changed(bound: Bound, pristine: Operands) -> str | None:
    before = pristine.items()
    for name, given in bound.given.items().items():
        if not np.array_equal(_bits(given), _bits(before[name])):
            return f"changed its input {name}, want it untouched"
    return None


def _bits(array: Array) -> Array:
    """Return the array as unsigned integers, so that every bit counts, those of a NaN too."""
    return np.ascontiguousarray(array).view(f"u{array.itemsize}")


def _misplaced(bound: Bound, y: Array) -> str | None:
    if bound.implementation.layout == "channels_last" and not is_channels_last(y):
        return "returned another memory order than the declared channels_last"
    return None
