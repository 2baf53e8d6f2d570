"""Where an implementation runs: what the judge and the stopwatch may ask for.

A host holds one implementation. It knows no expected value and gives no verdict: it hands over what
it is given, and reports what came of it. `local_host` runs the implementation in this process; `workers`
has the host that runs it in a process of its own, and asks a local host there.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from ..measure.stopwatch import Rival
from ..numerics.arrays import Array
from ..numerics.operands import Operands
from ..plugins.declaration import Implementation
from ..plugins.support import Unsupported
from ..problems.problem import Problem
from .kernel_call import Output


@dataclass(frozen=True)
class FirstCall:
    """What was seen of the very first call: outputs at once and later, and what was changed by it.

    `opened` says what became of the inputs' flags; `planned` and `called` name what planning and calling
    changed for the whole process; each is None where nothing changed.
    """

    given: Operands
    output: Output
    later: Output
    opened: str | None
    planned: str | None
    called: str | None


@dataclass(frozen=True)
class ConcurrentCalls:
    """What calls from several threads at once gave, and what each thread's call gives when it is alone.

    `call_s` is the processor time of the cheapest of the calls alone, which no other process lengthens.
    """

    at_once: list[list[Output]]
    alone: list[Output]
    call_s: float


@dataclass(frozen=True)
class Series:
    """What a series of equal calls gave, of which outputs number 1, 2, 4, 8 and so on stayed alive.

    `outputs` are these, as they are after the last of the `calls`. `overlap` are the numbers of two outputs
    that shared memory, and `other` is that of the first output that was not equal to the first one; None
    where there is none.
    """

    outputs: list[Output]
    calls: int
    overlap: tuple[int, int] | None
    other: int | None


@dataclass(frozen=True)
class Growth:
    """The memory of a process at the beginning and after each round of some calls, in bytes.

    `first_s` and `again_s` are how long the first call on a new shape takes, and the second one.
    """

    sizes: Sequence[int]
    each: int
    first_s: float = 0.0
    again_s: float = 0.0


class Held(Protocol):
    """An implementation that holds operands, wherever it runs; see `kernel_call.Bound`."""

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
        """Return the latest outputs as they are now, after up to `wait_s` for threads left behind."""

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

    `processors` is how many CPUs it has used at a time, 0 where they were not counted.
    """

    @property
    def processors(self) -> float:
        """Return how many CPUs it has used at a time while it was timed."""

    def once(self, x: Array) -> float:
        """Put other numbers into the input, call once, and return the seconds; `seen` has the output."""

    def suspicion(self) -> str | None:
        """Return what makes its times doubtful, or None; a disturbance of the machine may look like it."""


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
        *,
        protected: bool = False,
    ) -> Held:
        """Hand operands over, as `kernel_call.bind` does, and plan; raises `KernelError`.

        With `protected` they lie in memory that can only be read, where the process is the kernel's own:
        whatever writes to it, in whatever language and from whatever thread, is ended by a signal.
        """

    def tried(
        self,
        problem: Problem,
        operands: Operands,
        given: Operands | None = None,
        poison: float | None = None,
    ) -> tuple[Operands, Output]:
        """Bind, call once, and return the buffers that it was handed, protected, and what came of it."""

    def first_call(self, problem: Problem, operands: Operands) -> FirstCall:
        """Plan and call once, and look at all that this changes; raises `KernelError`."""

    def at_once(self, held: Sequence[Any], calls: int) -> ConcurrentCalls:
        """Call each binding some times, in a thread of its own that starts with the others, then alone.

        A binding of its own means a plan of its own, which may keep buffers: it serves one caller at a time.
        Raises `KernelError`.
        """

    def at_the_edge(self, problem: Problem, operands: Operands, edge: str) -> str | None:
        """Call with inputs that lie at an edge of memory; return the signal that ended the call, or None."""

    def rival(self, name: str, chain: Sequence[Any], *, cold: bool = False) -> Timed:
        """Return a chain of layers, each on the output of the one before, as something to be timed.

        With `cold` the caches are emptied before every call.
        """

    def peak_memory(self, held: Any) -> int | None:
        """Return how many bytes a call takes beyond what its process has, where that is known."""

    def in_series(self, held: Any, calls: int, within_s: float) -> Series:
        """Call again and again, up to so many times; raises `KernelError`."""

    def grown_by_calls(self, held: Any, rounds: int, each: int, within_s: float) -> Growth | None:
        """Return how memory grows with calls, where it is that of the implementation alone."""

    def grown_by_shapes(self, problems: Sequence[Problem], each: int, within_s: float) -> Growth | None:
        """Return how memory grows with calls on problems of new shapes, `each` of them in a round."""

    def synchronize(self) -> None:
        """Wait until its process has answered all that it was asked.

        Raises `KernelError` where it has sent anything else.
        """

    def starts_afresh(self, *, always: bool = False) -> bool:
        """Forget all that the implementation may remember of earlier problems, if that can be done now.

        That may cost seconds, and is done once unless `always`. Say whether it was done: then the next
        problem is judged as if it were the only one.
        """

    def other_threads(self) -> AbstractContextManager[bool]:
        """Give its process, as a context, another number of threads: one for several, several for one.

        The context says whether that could be done: not where the process is not its own.
        """

    def pools(self) -> Mapping[str, int]:
        """Return how many threads the pools of its process have, by library, if they are its own."""

    def printed(self) -> str | None:
        """Return the end of what the implementation has printed, if it is known."""

    def cpu_s(self) -> float:
        """Return the processor time of its process, if that is its own."""

    def pin(self, processors: Collection[int]) -> None:
        """Let its process, if that is its own, have some processors and no others."""
