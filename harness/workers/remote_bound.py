"""An implementation that holds operands in its worker."""

from typing import Protocol

import numpy as np

from ..execution.kernel_call import MOST_KEPT, KernelError, Output
from ..numerics.arrays import Array
from ..plugins.declaration import Implementation
from ..problems.problem import Problem
from .array_transfer import HandedOperands, OutputBuffer
from .process import Process
from .protocol import requests
from .protocol.requests import ReplyType, Request


class Asked(Protocol):
    """The host of a binding: it passes questions on, and what is no longer in use."""

    implementation: Implementation

    def ask(self, request: Request[ReplyType]) -> ReplyType:
        """Return the worker's reply to a request; raises `KernelError`."""

    def release(self, name: int) -> None:
        """Let the worker forget what is no longer in use."""


class RemoteBound:
    """An implementation that holds operands in its worker."""

    plan_s: float | None = None

    def __init__(
        self, host: Asked, process: Process, problem: Problem, given: HandedOperands, name: int
    ) -> None:
        self.implementation = host.implementation
        self.problem = problem
        self.given = given
        self.name = name
        self._host = host
        self._process = process
        self._buffer = OutputBuffer(process.memory, problem)
        self._calls = 0

    def __del__(self) -> None:
        self._host.release(self.name)

    def output(self, poison: float | None = None) -> Output:
        """Call once."""
        self._calls += 1
        returned = self._ask(requests.Call(self.name, self._buffer.cleared(), written(poison)))
        return self._buffer.output(returned.output)

    def kept(self, wait_s: float = 0.0) -> list[Output]:
        """Return the latest outputs as they are now."""
        most = min(self._calls, MOST_KEPT)
        buffer = OutputBuffer(self._process.memory, self.problem, most)
        outputs = self._ask(requests.LookAgain(self.name, buffer.cleared(), wait_s)).outputs
        return [buffer.output(one, index) for index, one in enumerate(outputs[:most])]

    def overwrite(self) -> None:
        """Put NaN into the latest output."""
        self._ask(requests.Overwrite(self.name))

    def refill(self, name: str, content: Array) -> None:
        """Put other numbers into an input."""
        shared = self._process.memory.share(np.ascontiguousarray(content))
        self._ask(requests.Refill(self.name, name, shared.where))

    def whole(self, name: str) -> bytes:
        """Return all of the memory of which an input is a part."""
        return self.given.block(name)

    def uses_threads(self) -> bool:
        """Say whether other threads work during a call."""
        return self._ask(requests.DetectThreads(self.name)).is_parallel

    def seen(self, rival: str) -> Output:
        """Return what one of the timed calls returned."""
        returned = self._ask(requests.LookAtSample(rival, self.name, self._buffer.cleared()))
        return self._buffer.output(returned.output)

    def once(self, rival: str, x: Array) -> float:
        """Return the seconds of one call on another x."""
        shared = self._process.memory.share(np.ascontiguousarray(x))
        return self._ask(requests.TimeOnce(rival, shared.where)).call_s

    def _ask(self, request: Request[ReplyType]) -> ReplyType:
        if not self._process.is_alive:
            raise KernelError("crashed", "its process has ended")
        return self._host.ask(request)


def written(poison: float | None) -> str | None:
    """Return a number as a request says it; JSON has no NaN."""
    return None if poison is None else repr(float(poison))
