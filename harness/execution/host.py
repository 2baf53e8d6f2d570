"""Where an implementation runs: what the judge and the stopwatch may ask for, and the answer in this process.

A host holds one implementation. It knows no expected value and gives no verdict: it hands over what
it is given, and reports what came of it. `LocalHost` runs the implementation here; `workers` has the
host that runs it in a process of its own, and asks a `LocalHost` there.
"""

import faulthandler
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from ..machine import threads
from ..machine.caches import Evictor
from ..measure.stopwatch import Rival, Stopwatch
from ..numerics.arrays import Array
from ..numerics.operands import Operands
from ..plugins.declaration import Implementation
from ..plugins.support import Unsupported
from ..problems.problem import Problem
from .guard_pages import at_an_edge
from .kernel_call import Bound, KernelError, Output, bind, chained, guarded
from .poison import poisoned_heap
from .process_state import ProcessState

_LATE_S = 0.02
"""How long a thread that a call leaves behind is given to show itself."""

_CHILD_S = 0.5
"""How long a child may take, on top of twenty calls: longer means that it hangs."""


@dataclass(frozen=True)
class FirstCall:
    """What was seen of the very first call: outputs at once and later, and what was changed by it.

    `opened` words what became of the inputs' flags; `planned` and `called` name what planning and
    calling changed for the whole process.
    """

    given: Operands
    output: Output
    later: Output
    opened: str | None
    planned: str | None
    called: str | None


class Held(Protocol):
    """An implementation that holds operands, wherever it runs; see `kernel.Bound`."""

    @property
    def implementation(self) -> Implementation:
        """Return the implementation."""

    @property
    def problem(self) -> Problem:
        """Return the problem."""

    @property
    def given(self) -> Operands:
        """Return the buffers that it was handed, as they are now."""

    @property
    def plan_s(self) -> float | None:
        """Return the seconds that planning took, or None without a plan."""

    def output(self, poison: float | None = None) -> Output:
        """Call once and return what came of it; raises `KernelError`."""

    def kept(self, wait_s: float = 0.0) -> list[Output]:
        """Return the latest outputs as they are now, having waited so long for threads left behind."""

    def overwrite(self) -> None:
        """Put NaN into the latest output, as its owner may."""

    def refill(self, name: str, content: Array) -> None:
        """Put other numbers into a buffer that it was handed."""

    def whole(self, name: str) -> bytes:
        """Return all of the memory of which the buffer that it was handed is a part."""

    def uses_threads(self) -> bool:
        """Say whether other threads than the calling one work during a call."""


class Timed(Rival, Protocol):
    """A rival that can be given new input.

    `processors` is how many it has used at a time, 0 where nobody has looked.
    """

    @property
    def processors(self) -> float:
        """Return how many processors it has used at a time while it was timed."""

    def once(self, x: Array) -> float:
        """Put other numbers into the input, call once, and return the seconds; `seen` has the output."""

    def suspicion(self) -> str | None:
        """Return what makes its times doubtful, or None; an accident of the machine may look like it."""


class Host(Protocol):
    """Where one implementation runs."""

    @property
    def implementation(self) -> Implementation:
        """Return the implementation."""

    def refuses(self, problem: Problem) -> Unsupported | None:
        """Return why it does not support the problem, or None; raises `PluginError`."""

    def bind(
        self,
        problem: Problem,
        operands: Operands,
        given: Operands | None = None,
        poison: float | None = None,
    ) -> Held:
        """Hand operands over, as `kernel.bind` does, and plan; raises `KernelError`."""

    def tried(
        self,
        problem: Problem,
        operands: Operands,
        given: Operands | None = None,
        poison: float | None = None,
    ) -> tuple[Operands, Output]:
        """Bind, call once, and return the buffers that it was handed and what came of it."""

    def first_call(self, problem: Problem, operands: Operands) -> FirstCall:
        """Plan and call once, and look at all that this changes; raises `KernelError`."""

    def at_once(self, held: Sequence[Any], calls: int) -> list[list[Output]]:
        """Return what some calls of each, held here, give from threads of their own; raises `KernelError`."""

    def at_the_edge(self, problem: Problem, operands: Operands, edge: str) -> str | None:
        """Call with inputs that lie at the edge of memory; return the signal that ended this, or None."""

    def rival(self, name: str, chain: Sequence[Any], *, cold: bool = False) -> Timed:
        """Return layers held here, each on the output of the one before, as something to be timed.

        With `cold` every call is timed when the caches have been emptied.
        """

    def peak_memory(self, held: Any) -> int | None:
        """Return how many bytes a call takes beyond what its process has, where that is known."""

    def starts_afresh(self) -> bool:
        """Forget all that the implementation may remember of earlier problems, if that can be done now.

        Says whether it was done: what follows is what somebody sees who asks about one problem alone.
        """

    def pools(self) -> Mapping[str, int]:
        """Return how many threads the pools of its process have, by library, if they are its own."""

    def printed(self) -> str | None:
        """Return the end of what the implementation has printed, if it is known."""

    def cpu_s(self) -> float:
        """Return the processor time of its process, if that is its own."""

    def pin(self, processors: Collection[int]) -> None:
        """Let its process, if that is its own, have some processors and no others."""


class LocalHost:
    """Runs an implementation in this process: quick, and at its mercy."""

    def __init__(self, implementation: Implementation) -> None:
        self.implementation = implementation

    def refuses(self, problem: Problem) -> Unsupported | None:
        return self.implementation.refuses(problem)

    def bind(
        self,
        problem: Problem,
        operands: Operands,
        given: Operands | None = None,
        poison: float | None = None,
    ) -> Bound:
        with poisoned_heap(self.implementation.arrays, poison):
            return bind(self.implementation, problem, operands, given)

    def tried(
        self,
        problem: Problem,
        operands: Operands,
        given: Operands | None = None,
        poison: float | None = None,
    ) -> tuple[Operands, Output]:
        bound = self.bind(problem, operands, given, poison)
        return bound.given, bound.output(poison)

    def first_call(self, problem: Problem, operands: Operands, given: Operands | None = None) -> FirstCall:
        running = threads.count()
        with ProcessState() as state:
            bound = bind(self.implementation, problem, operands, given)
            # Building a module draws random weights, as every library does.
            planned = state.changed(but_random=self.implementation.is_plan)
        with ProcessState() as state:
            output = bound.output()
            if threads.count() > running:
                time.sleep(_LATE_S)
            later = bound.kept()[-1]
            called = state.changed()
        return FirstCall(bound.given, output, later, bound.opened(), planned, called)

    def at_once(self, held: Sequence[Bound], calls: int) -> list[list[Output]]:
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            with ThreadPoolExecutor(len(held)) as pool:
                outputs = list(pool.map(partial(_calls, calls), held))
        finally:
            sys.setswitchinterval(interval)
        for one in outputs:
            if isinstance(one, KernelError):
                raise one
        return [one for one in outputs if not isinstance(one, KernelError)]

    def at_the_edge(self, problem: Problem, operands: Operands, edge: str) -> str | None:
        """Call in a child, which may crash; where the system has no `fork`, nothing is tried."""
        if not hasattr(os, "fork") or not sys.platform.startswith("linux"):
            return None
        begin = time.monotonic()
        self.bind(problem, operands).output()  # what is made once is made before the fork
        limit = _CHILD_S + 20 * (time.monotonic() - begin)
        ended = _in_a_child(partial(self.call_at_the_edge, problem, operands, edge), limit)
        name = signal.Signals(os.WTERMSIG(ended)).name if os.WIFSIGNALED(ended) else None
        return None if name == "SIGKILL" else name  # it hung, which many a library does in such a child

    def call_at_the_edge(self, problem: Problem, operands: Operands, edge: str) -> None:
        """Call at the edge right here."""
        given = Operands(
            at_an_edge(operands.x, edge, self.implementation.layout),
            at_an_edge(operands.weight, edge),
            None if operands.bias is None else at_an_edge(operands.bias, edge),
        )
        bind(self.implementation, problem, operands, given).run()

    def rival(self, name: str, chain: Sequence[Bound], *, cold: bool = False) -> "LocalRival":
        context = partial(guarded, self.implementation)
        evict = Evictor() if cold else None
        return LocalRival(name, chained(chain), context, look=chain[-1].look, evict=evict, first=chain[0])

    def peak_memory(self, held: Bound) -> int | None:  # noqa: ARG002 others' memory is in this process, too
        return None

    def starts_afresh(self) -> bool:
        return False

    def pools(self) -> Mapping[str, int]:
        return {}

    def printed(self) -> str | None:
        return None

    def cpu_s(self) -> float:
        return 0.0

    def pin(self, processors: Collection[int]) -> None:
        pass


class LocalRival(Stopwatch):
    """A chain of layers on the stopwatch of this process."""

    processors = 0.0

    def __init__(self, *words: Any, first: Bound, **how: Any) -> None:
        super().__init__(*words, **how)
        self._first = first

    def once(self, x: Array) -> float:
        """Put other numbers into the input, call once, and return the seconds."""
        self.one_call()  # on what is there, so that no code is cold
        self._first.refill("x", x)
        return self.one_call()

    def suspicion(self) -> str | None:
        return None


def _calls(count: int, bound: Bound) -> list[Output] | KernelError:
    """Return what some calls give, or what one of them raises."""
    try:
        raws = [bound.run() for _ in range(count)]
    except KernelError as error:
        return error
    return [bound.look(raw) for raw in raws]


def _in_a_child(work: Callable[[], object], limit: float) -> int:
    """Run something in a forked child and return its wait status; after the limit it is killed."""
    child = os.fork()
    if child == 0:  # pragma: no cover: another process
        try:
            faulthandler.disable()
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            work()
        finally:
            os._exit(0)
    end = time.monotonic() + limit
    pause = 0.0005
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(pause)
        pause = min(2 * pause, 0.02)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]
