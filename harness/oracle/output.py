"""What an output must be: of the right type, shape and dtype, in memory of its own, the inputs untouched."""

from ..execution.kernel_call import Output
from ..numerics.arrays import Array, dtype_of
from ..numerics.blocks import same_bits
from ..numerics.operands import Operands
from ..plugins.declaration import Implementation
from ..problems.problem import Problem


class BreachError(Exception):
    """An output, or the call that made it, breaks the contract; the message says how."""


def checked_output(
    implementation: Implementation, problem: Problem, output: Output, given: Operands, pristine: Operands
) -> Array:
    """Return the numbers of an output that keeps the contract.

    `given` are the inputs after the call, `pristine` their numbers before it. Raises `BreachError`.
    """
    if output.y is None:
        raise BreachError(f"returned {output.foreign}")
    reason = _misfit(problem, output.y)
    if reason is None and output.alias:
        reason = f"returned memory of its input {output.alias}, want an output of its own"
    reason = reason or _changed_input(given, pristine)
    if reason is None and implementation.layout == "channels_last" and not output.channels_last:
        reason = "returned another memory order than the declared channels_last"
    if reason:
        raise BreachError(reason)
    return output.y


def _changed_input(given: Operands, pristine: Operands) -> str | None:
    """Return the complaint about an input that the call changed, or None."""
    before = pristine.items()
    for name, array in given.items().items():
        if not same_bits(array, before[name]):
            return f"changed its input {name}, want it untouched"
    return None


def _misfit(problem: Problem, y: Array) -> str | None:
    if y.shape != problem.output_shape:
        return f"returned shape {y.shape}, want {problem.output_shape}"
    if y.dtype != dtype_of(problem.dtype):
        return f"returned dtype {y.dtype}, want {problem.dtype}"
    return None
