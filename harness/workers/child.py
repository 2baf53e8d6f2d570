"""What runs in a worker: it loads one implementation, does what it is asked, and reports.

Nothing here knows what is right. Whatever the implementation does to this process, the parent only
believes arrays, and compares them itself.
"""

import contextlib
import faulthandler
import gc
import os
import resource
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array, adapter, dtype_of
from ..environment import limit_threads
from ..errors import PluginError
from ..host import LocalHost, LocalRival
from ..kernel import Bound, KernelError, Output
from ..problem import Problem
from ..registry import held_by
from ..sampling import Effort
from ..tensors import Operands
from .arena import Spec, attach, found
from .channel import framed, receive
from .declaration import written_facts


def main(channel: int, file: int, size: int) -> None:
    """Answer requests until the parent has gone."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    connection = socket.socket(fileno=channel)
    servant = _Servant(attach(file, size))
    os.close(file)
    while (request := receive(connection)) is not None:
        reply = framed({"nonce": request.pop("nonce"), **servant.answer(request)})
        servant.end_copies()
        with contextlib.suppress(Exception):  # it may be anything by now
            sys.stdout.flush()
        connection.sendall(reply)


_LONGEST_TEXT = 1000


class _Servant:
    """Does what it is asked, by the words of the requests, which are the names of its methods."""

    def __init__(self, memory: Array) -> None:
        self._memory = memory
        self._host: LocalHost
        self._bound: dict[int, Bound] = {}
        self._rivals: dict[str, LocalRival] = {}
        self._process = os.getpid()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a request, or what went wrong."""
        for name in request.pop("released", ()):
            self._bound.pop(name, None)
        do: Callable[..., Any] = getattr(self, request.pop("word"))
        try:
            return {"answer": do(**request)}
        except KernelError as error:
            return {"raised": [error.status, str(error)[:_LONGEST_TEXT]]}
        except PluginError as error:
            return {"refused": str(error)[:_LONGEST_TEXT]}
        except BaseException as error:  # noqa: BLE001 an implementation may have broken anything here
            failure = KernelError.of(error)
            status = failure.status if failure.status == "memory" else "contract"
            return {"raised": [status, f"broke the harness in its process: {failure}"[:_LONGEST_TEXT]]}

    def end_copies(self) -> None:
        """End this process, if it is a copy that the implementation has made of the worker."""
        if os.getpid() != self._process:
            os._exit(1)

    def ping(self) -> None:
        """Do nothing."""

    def describe(self, source: str, origin: str, family: str) -> dict[str, Any]:
        """Load a file or an entry and say what it declares, what it lacks and what is wrong with it."""
        registry = held_by(Path(source), origin, family)
        return {
            "implementations": [written_facts(one) for one in registry.implementations],
            "unavailable": [[one.family, one.library, one.source] for one in registry.unavailable],
            "broken": registry.broken,
        }

    def load(self, source: str, origin: str, family: str, name: str, threads: int, memory_bytes: int) -> None:
        """Load the implementation, with so many threads for its libraries."""
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        registry = held_by(Path(source), origin, family)
        one = next((one for one in registry.implementations if one.name == name), None)
        if one is None:
            why = "; ".join(registry.broken) or f"{source} no longer holds {name}"
            raise KernelError("error", why)
        adapter(one.arrays).limit_threads(threads)
        limit_threads(threads)
        self._host = LocalHost(one)
        gc.collect()
        gc.freeze()

    def refuses(self, problem: str) -> str | None:
        """Say why it does not support a problem."""
        reason = self._host.refuses(Problem.parse(problem))
        return reason and reason[:_LONGEST_TEXT]

    def bind(self, bound: int, problem: str, operands: Sequence[Spec], poison: str | None) -> float | None:
        """Hand operands over, and plan; return the seconds that this took."""
        given = self._operands(operands)
        self._bound[bound] = self._host.bind(Problem.parse(problem), given, given, _number(poison))
        return self._bound[bound].plan_s

    def tried(self, problem: str, operands: Sequence[Spec], into: int, poison: str | None) -> dict[str, Any]:
        """Hand operands over, plan, and call once."""
        given = self._operands(operands)
        one = self._host.bind(Problem.parse(problem), given, given, _number(poison))
        return self._told(one.problem, one.output(_number(poison)), into)

    def call(self, bound: int, into: int, poison: str | None) -> dict[str, Any]:
        """Call once."""
        one = self._bound[bound]
        return self._told(one.problem, one.output(_number(poison)), into)

    def kept(self, bound: int, into: int, wait_s: float) -> list[dict[str, Any]]:
        """Look at the latest outputs again."""
        one = self._bound[bound]
        return self._told_all(one.problem, one.kept(wait_s), into)

    def overwrite(self, bound: int) -> None:
        """Put NaN into the latest output."""
        self._bound[bound].overwrite()

    def refill(self, bound: int, name: str, content: Spec) -> None:
        """Put other numbers into an input."""
        self._bound[bound].refill(name, found(self._memory, content))

    def pools(self) -> list[tuple[str, int]]:
        """Say how many threads the pools of the process have."""
        from threadpoolctl import threadpool_info

        return [(pool["internal_api"], pool["num_threads"]) for pool in threadpool_info()]

    def uses_threads(self, bound: int) -> bool:
        """Say whether other threads work during a call."""
        return self._bound[bound].uses_threads()

    def first_call(self, problem: str, operands: Sequence[Spec], into: int) -> dict[str, Any]:
        """Plan and call for the first time, and see what this changes."""
        given = self._operands(operands)
        seen = self._host.first_call(asked := Problem.parse(problem), given, given)
        return {
            "outputs": self._told_all(asked, [seen.output, seen.later], into),
            "opened": seen.opened,
            "planned": seen.planned,
            "called": seen.called,
        }

    def at_once(self, bounds: Sequence[int], calls: int, into: int) -> list[list[dict[str, Any]]]:
        """Call from several threads."""
        held = [self._bound[bound] for bound in bounds]
        told = []
        for one, outputs in zip(held, self._host.at_once(held, calls), strict=True):
            told.append(self._told_all(one.problem, outputs, into))
            into += calls * _size(one.problem)
        return told

    def at_the_edge(self, problem: str, operands: Sequence[Spec], edge: str) -> None:
        """Call with inputs at the edge of memory, which may be the end."""
        with contextlib.suppress(KernelError):
            faulthandler.disable()
            self._host.call_at_the_edge(Problem.parse(problem), self._operands(operands), edge)
        faulthandler.enable()

    def rival(self, name: str, bounds: Sequence[int]) -> None:
        """Put a chain of layers on the stopwatch; what plans have built is no garbage."""
        gc.collect()
        gc.freeze()
        self._rivals = {name: self._host.rival(name, [self._bound[bound] for bound in bounds])}

    def warm_up(self, name: str, effort: dict[str, Any]) -> tuple[float, float]:
        """Call until it is warm."""
        return self._rivals[name].warm_up(Effort(**effort))

    def sample(self, name: str, number: int, seen: int) -> tuple[float, float]:
        """Time so many calls, and the untimed one before them."""
        rival = self._rivals[name]
        return rival.sample(number, seen), rival.untimed_s

    def once(self, name: str, bound: int, content: Spec, into: int) -> tuple[float, dict[str, Any]]:
        """Time one call on other input."""
        seconds, output = self._rivals[name].once(found(self._memory, content))
        return seconds, self._told(self._bound[bound].problem, output, into)

    def seen(self, name: str, bound: int, into: int) -> dict[str, Any]:
        """Say what one of the timed calls returned."""
        return self._told(self._bound[bound].problem, self._rivals[name].seen(), into)

    def _operands(self, specs: Sequence[Spec]) -> Operands:
        arrays = [found(self._memory, spec) for spec in specs]
        return Operands(arrays[0], arrays[1], arrays[2] if len(arrays) > 2 else None)

    def _told_all(self, problem: Problem, outputs: Sequence[Output], into: int) -> list[dict[str, Any]]:
        size = _size(problem)
        return [self._told(problem, output, into + count * size) for count, output in enumerate(outputs)]

    def _told(self, problem: Problem, output: Output, into: int) -> dict[str, Any]:
        """Put an output's numbers where the parent wants them, if they fit, and say the rest."""
        self.end_copies()
        y = output.y
        told: dict[str, Any] = {
            "foreign": output.foreign,
            "alias": output.alias,
            "channels_last": output.channels_last,
        }
        if y is None:
            return told
        dtype = dtype_of(problem.dtype)
        if y.shape == problem.output_shape and y.dtype == dtype:
            np.ndarray(y.shape, dtype, self._memory, into)[...] = y
            return told
        return {**told, "shape": y.shape, "dtype": problem.dtype if y.dtype == dtype else y.dtype.str}


def _size(problem: Problem) -> int:
    return int(np.prod(problem.output_shape)) * dtype_of(problem.dtype).itemsize


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)
