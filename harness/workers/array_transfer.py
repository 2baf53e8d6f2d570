"""What a host exchanges with its worker through shared memory: operands, and the numbers of outputs."""

from dataclasses import dataclass, field
from math import prod

import numpy as np

from ..execution.kernel_call import Output
from ..numerics.arrays import dtype_of
from ..numerics.operands import Operands
from ..problems.problem import Problem
from .protocol.replies import Misfit, OutputFacts
from .protocol.requests import SharedOperands
from .shared_memory import Placed, SharedMemory


@dataclass(frozen=True)
class HandedOperands(Operands):
    """Operands that lie in shared memory, as long as this object lives."""

    parts: tuple[Placed, ...] = field(default=(), repr=False)

    def where(self, *, protected: bool = False) -> SharedOperands:
        """Return where they lie, as a request says it."""
        x, weight, *bias = (part.where for part in self.parts)
        return SharedOperands(x, weight, bias[0] if bias else None, protected)

    def block(self, name: str) -> bytes:
        """Return all of the memory of which an operand is a part."""
        return self.parts[list(self.items()).index(name)].region.bytes.tobytes()


def handed(
    memory: SharedMemory, layout: str, operands: Operands, given: Operands | None = None
) -> HandedOperands:
    """Return operands in shared memory: plain copies, x in its layout, or, with `given`, as those lie.

    Those that lie in shared memory already are returned as they are.
    """
    if isinstance(given, HandedOperands):
        return given
    if given is None:
        layouts = {"x": layout}
        items = operands.items().items()
        parts = [memory.place(array, layouts.get(name, "contiguous")) for name, array in items]
    else:
        parts = [memory.share(array) for array in given.items().values()]
    x, weight, *bias = (part.array for part in parts)
    return HandedOperands(x, weight, bias[0] if bias else None, tuple(parts))


class OutputBuffer:
    """Where a worker puts the numbers of some outputs of one problem, one behind the other."""

    def __init__(self, memory: SharedMemory, problem: Problem, outputs: int = 1) -> None:
        self._problem = problem
        self._dtype = dtype_of(problem.dtype)
        self._size = prod(problem.output_shape) * self._dtype.itemsize
        self._region = memory.take(outputs * self._size)

    def cleared(self) -> int:
        """Fill it with NaN, so that nothing old is taken for new; return where it starts."""
        self._region.bytes.fill(0xFF)
        return self._region.start

    def output(self, facts: OutputFacts, index: int = 0) -> Output:
        """Return the output that has some facts, with a copy of its numbers.

        The worker could still change the numbers here, and not the copy. Those of a large output are given
        back, so that there is one of them and not two.
        """
        if facts.foreign is not None:
            return Output(None, foreign=facts.foreign)
        if facts.misfit is not None:
            return _misfit(facts.misfit)
        start = index * self._size
        numbers = self._region.bytes[start : start + self._size].copy()
        self._region.discard(start, self._size)
        y = numbers.view(self._dtype).reshape(self._problem.output_shape)
        return Output(y, alias=facts.alias, channels_last=facts.channels_last)


def _misfit(misfit: Misfit) -> Output:
    """Return an output of another shape or type, without its numbers, which are not needed."""
    try:
        return Output(np.broadcast_to(np.zeros((), dtype_of(misfit.dtype)), misfit.shape))
    except (TypeError, ValueError):
        return Output(None, foreign=f"an array of shape {misfit.shape} and type {misfit.dtype}")
