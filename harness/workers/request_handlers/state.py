"""What a worker holds between two requests."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np

from ...execution.kernel_call import Bound, Output
from ...execution.local_host import LocalHost, LocalRival
from ...numerics.arrays import Array, dtype_of
from ...numerics.operands import Operands
from ...plugins.registry import Registry
from ...problems.problem import Problem
from ..protocol.replies import Misfit, OutputFacts
from ..protocol.requests import SharedOperands


@dataclass
class State:
    """What a worker holds between two requests: shared memory, plugins, one implementation, and its data.

    `bound` has bindings by number, `rivals` what is on the stopwatch by name. `registry` is what a template
    has loaded, and its copies find.
    """

    memory: Array
    protected: Array
    registry: Registry | None = None
    bound: dict[int, Bound] = field(default_factory=dict)
    rivals: dict[str, LocalRival] = field(default_factory=dict)
    process: int = field(default_factory=os.getpid)
    host: LocalHost = field(init=False)

    def operands(self, where: SharedOperands) -> Operands:
        """Return the operands that lie there."""
        memory = self.protected if where.protected else self.memory
        bias = None if where.bias is None else where.bias.found_in(memory)
        return Operands(where.x.found_in(memory), where.weight.found_in(memory), bias)

    def put(self, problem: Problem, output: Output, into: int) -> OutputFacts:
        """Put an output's numbers where the parent wants them, if they fit, and return the rest."""
        self.end_copies()
        y = output.y
        if y is None:
            return OutputFacts(output.foreign, output.alias, output.channels_last)
        dtype = dtype_of(problem.dtype)
        if y.shape == problem.output_shape and y.dtype == dtype:
            np.ndarray(y.shape, dtype, self.memory, into)[...] = y
            return OutputFacts(None, output.alias, output.channels_last)
        name = problem.dtype if y.dtype == dtype else y.dtype.str
        return OutputFacts(misfit=Misfit(y.shape, name))

    def put_all(self, problem: Problem, outputs: Sequence[Output], into: int) -> tuple[OutputFacts, ...]:
        """Put outputs there, one behind the other."""
        size = size_of(problem)
        return tuple(self.put(problem, one, into + index * size) for index, one in enumerate(outputs))

    def end_copies(self) -> None:
        """End this process, if it is a copy that the implementation has made of the worker."""
        if os.getpid() != self.process:
            os._exit(1)


def size_of(problem: Problem) -> int:
    """Return the bytes of one output."""
    return prod(problem.output_shape) * dtype_of(problem.dtype).itemsize
