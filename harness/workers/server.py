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
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import PluginError
from ..execution.kernel_call import Bound, KernelError, Output
from ..execution.local_host import LocalHost, LocalRival
from ..machine import threads
from ..machine.environment import limit_threads
from ..machine.peak_memory import peak_of
from ..machine.process_tree import die_with_parent
from ..measure.stopwatch import Effort
from ..numerics.arrays import LIBRARIES, Array, adapter, dtype_of
from ..numerics.operands import Operands
from ..plugins.discovery import held_by
from ..plugins.facts import written_facts
from ..plugins.lazy import load_those_of
from ..plugins.registry import Registry
from ..plugins.support import Unsupported
from ..problems.problem import Problem
from .channel import framed, receive
from .shared_memory import Spec, attach, found

if TYPE_CHECKING:
    from ..machine.ceilings import Ceilings


def main(channel: int, file: int, size: int) -> None:
    """Answer requests until the parent has gone."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    connection = socket.socket(fileno=channel)
    _serve(connection, _Servant(connection, _attached(file, size)))


def _attached(file: int, size: int) -> Array:
    memory = attach(file, size)
    os.close(file)
    return memory


def _serve(connection: socket.socket, servant: "_Servant") -> None:
    while (request := receive(connection)) is not None:
        reply = framed({"nonce": request.pop("nonce"), **servant.answer(request)})
        servant.end_copies()
        with contextlib.suppress(Exception):  # it may be anything by now
            sys.stdout.flush()
        connection.sendall(reply)


_LONGEST_TEXT = 1000


class _Servant:
    """Does what it is asked, by the words of the requests, which are the names of its methods."""

    def __init__(self, connection: socket.socket, memory: Array, held: Registry | None = None) -> None:
        self._connection = connection
        self._memory = memory
        self._held = held
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

    def preload(self, libraries: Sequence[str]) -> None:
        """Load libraries for the copies that will be made of this process."""
        for library in libraries:
            import_module(library)
            if library in LIBRARIES:
                adapter(library).limit_threads(1)
        limit_threads(1)
        gc.collect()
        gc.freeze()

    def prepare(
        self, source: str, origin: str, family: str, libraries: Sequence[str], site: str | None
    ) -> None:
        """Load a file or an entry, and what it uses of libraries, for the copies of this process."""
        if site is not None:
            sys.path.insert(0, site)
        self._held = held_by(Path(source), origin, family)
        for module in {sys.modules[one.function.__module__] for one in self._held.implementations}:
            for library in libraries:
                load_those_of(module, library)
        self.preload([])

    def copy(self, size: int) -> int:
        """Make a copy of this process, which answers on a channel of its own; return its number."""
        _, files, _, _ = socket.recv_fds(self._connection, 1, 3)
        if threads.count() > 1:
            raise KernelError("error", "has started threads, which a copy would not have")
        copy = os.fork()
        if copy == 0:
            try:
                self._begin_anew(*files, size=size)
            finally:
                os._exit(0)
        for file in files:
            os.close(file)
        return copy

    def _begin_anew(self, channel: int, file: int, printing: int, *, size: int) -> None:
        """Be a worker that has done nothing yet but load."""
        die_with_parent()
        os.setsid()
        for stream in (1, 2):
            os.dup2(printing, stream)
        os.close(printing)
        self._connection.close()
        connection = socket.socket(fileno=channel)
        _serve(connection, _Servant(connection, _attached(file, size), self._held))

    def ended(self, copy: int) -> int:
        """Return the exit code of a copy that has ended, as `subprocess` words it."""
        return os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1])

    def load(self, source: str, origin: str, family: str, name: str, running: int, memory_bytes: int) -> None:
        """Load the implementation, with so many threads running for its libraries."""
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        registry = self._held or held_by(Path(source), origin, family)
        one = next((one for one in registry.implementations if one.name == name), None)
        if one is None:
            why = "; ".join(map(str, registry.broken)) or f"{source} no longer holds {name}"
            raise KernelError("error", why)
        if self._held is None or running > 1:  # a template has one thread, and so has its copy
            adapter(one.arrays).limit_threads(running)
            limit_threads(running)
        self._host = LocalHost(one)
        if self._held is None:
            gc.collect()
        gc.freeze()

    def ceilings(self, running: int) -> "Ceilings":
        """Measure what the machine can do at most."""
        from ..machine.ceilings import measure_here

        limit_threads(running)
        return measure_here(running)

    def refuses(self, problem: str) -> Unsupported | None:
        """Say why it does not support a problem."""
        return self._host.refuses(Problem.parse(problem))

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

    def rival(self, name: str, bounds: Sequence[int], cold: bool) -> None:  # noqa: FBT001 a request's words
        """Put a chain of layers on the stopwatch; what plans have built is no garbage."""
        gc.collect()
        gc.freeze()
        self._rivals = {name: self._host.rival(name, [self._bound[bound] for bound in bounds], cold=cold)}

    def warm_up(self, name: str, effort: dict[str, Any]) -> tuple[float, float]:
        """Call until it is warm."""
        return self._rivals[name].warm_up(Effort(**effort))

    def sample(self, name: str, number: int, seen: int) -> tuple[float, float]:
        """Time so many calls, and say what they took in all."""
        rival = self._rivals[name]
        return rival.sample(number, seen).seconds, rival.lasted_s

    def peak_memory(self, bound: int) -> int | None:
        """Say how much memory a call takes beyond what is there."""
        return peak_of(self._bound[bound].run)

    def once(self, name: str, bound: int, content: Spec) -> float:  # noqa: ARG002 of the last layer
        """Time one call on other input."""
        return self._rivals[name].once(found(self._memory, content))

    def seen(self, name: str, bound: int, into: int) -> dict[str, Any]:
        """Say what the latest call returned that is to be looked at."""
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
