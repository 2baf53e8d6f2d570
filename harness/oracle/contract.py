"""The contract layer: type, shape and dtype of an output, no alias, inputs left as they were."""

from typing import Any

import numpy as np

from ..arrays import Array, adapter, dtype_of, is_channels_last
from ..kernel import Bound
from ..tensors import Operands


def breach(bound: Bound, raw: Any, y: Array | None, pristine: Operands) -> str | None:
    """Return how an output or its making breaks the contract, or None if it keeps it."""
    if y is None:
        wanted = adapter(bound.implementation.arrays).type_name
        return f"returned {_kind(raw)}, want {wanted}"
    return _misfit(bound, y) or _alias(bound, y) or _changed(bound, pristine) or _misplaced(bound, y)


def _kind(raw: Any) -> str:
    kind = type(raw)
    if kind.__module__ == "builtins":
        return "nothing" if raw is None else f"a {kind.__name__}"
    return f"{kind.__module__.partition('.')[0]}.{kind.__name__}"


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
