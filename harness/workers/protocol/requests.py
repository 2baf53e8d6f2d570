"""What the parent may ask a worker, each request with the type of its reply."""

from typing import ClassVar, Generic, TypeVar

import msgspec

from ...measure.stopwatch import Effort
from ..shared_memory import SharedArray
from . import replies

ReplyType = TypeVar("ReplyType", bound=replies.Reply)


class Request(msgspec.Struct, Generic[ReplyType], frozen=True, tag=True):
    """What the parent may ask; the type in brackets is that of the reply."""

    times: ClassVar[int] = 1
    """How many calls of the implementation it may take as long as."""

    is_quiet: ClassVar[bool] = False
    """Whether the parent sleeps while it waits, so that it takes nothing from what is timed."""

    may_be_mistaken: ClassVar[bool] = False
    """Whether `Mistake` is a reply to it."""

    def limit_s(self, call_s: float) -> float:
        """Return how long it may take where a call may take `call_s`."""
        return self.times * call_s


class SharedOperands(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the operands of a convolution lie, and whether the worker can only read there."""

    x: SharedArray
    weight: SharedArray
    bias: SharedArray | None = None
    protected: bool = False


class Ping(Request[replies.Done], frozen=True):
    """Do nothing."""


# Requests to a process that has loaded no implementation, or serves as a template


class Describe(Request[replies.Described], frozen=True):
    """Load a file or an entry point and say what it declares, what it lacks and what is wrong with it."""

    may_be_mistaken: ClassVar[bool] = True

    source: str
    origin: str
    family: str


class MeasureCeilings(Request[replies.MeasuredCeilings], frozen=True):
    """Measure the best rates that the machine reaches with some threads."""

    threads: int


class Preload(Request[replies.Done], frozen=True):
    """Load libraries for the copies of this process."""

    libraries: tuple[str, ...]


class Prepare(Request[replies.Done], frozen=True):
    """Load a file or an entry point, and what it names of libraries, for the copies of this process.

    Packages in the folder `site` come before the installed ones.
    """

    source: str
    origin: str
    family: str
    libraries: tuple[str, ...]
    site: str | None


class Copy(Request[replies.Copied], frozen=True):
    """Copy this process; its channel, shared memory and standard output follow as three open files."""

    memory_size: int


class Reap(Request[replies.Ended], frozen=True):
    """Return the exit code of a copy that has ended."""

    pid: int


# Requests to a process that holds one implementation


class Load(Request[replies.Done], frozen=True):
    """Load an implementation, and limit the threads of its libraries and the memory of the process."""

    source: str
    origin: str
    family: str
    name: str
    threads: int
    memory_bytes: int


class CheckSupport(Request[replies.Support], frozen=True):
    """Say why a problem is not supported."""

    may_be_mistaken: ClassVar[bool] = True

    problem: str


class Bind(Request[replies.Planned], frozen=True):
    """Hand operands over and plan, and keep both under the number `bound`.

    `poison` is the text of a float that fills fresh memory; JSON has no NaN.
    """

    bound: int
    problem: str
    operands: SharedOperands
    poison: str | None


class BindAndCall(Request[replies.Returned], frozen=True):
    """Hand operands over, plan and call once; the output's numbers go to `into`, an offset in bytes."""

    times: ClassVar[int] = 2

    problem: str
    operands: SharedOperands
    into: int
    poison: str | None


class CallFirst(Request[replies.FirstCallSeen], frozen=True):
    """Plan and call for the first time, and see what that changes."""

    times: ClassVar[int] = 2

    problem: str
    operands: SharedOperands
    into: int


class Call(Request[replies.Returned], frozen=True):
    """Call once."""

    bound: int
    into: int
    poison: str | None


class CallConcurrently(Request[replies.ReturnedConcurrently], frozen=True):
    """Call each binding some times, all at once, each from a thread of its own, then each once more alone."""

    bounds: tuple[int, ...]
    calls: int
    into: int

    def limit_s(self, call_s: float) -> float:
        """Return the time of all calls, one after the other."""
        return (self.calls + 1) * len(self.bounds) * call_s


class CallAtEdge(Request[replies.Done], frozen=True):
    """Call with inputs that lie at an edge of memory, which may end the process."""

    problem: str
    operands: SharedOperands
    edge: str


class LookAgain(Request[replies.ReturnedMany], frozen=True):
    """Look at the latest outputs again, after `wait_s` if threads have been left behind."""

    bound: int
    into: int
    wait_s: float


class CallInSeries(Request[replies.SeriesSeen], frozen=True):
    """Call up to so many times within some seconds, and keep outputs number 1, 2, 4, 8 and so on."""

    bound: int
    calls: int
    within_s: float
    into: int

    def limit_s(self, call_s: float) -> float:
        """Return the time in which the calls are made, and one more call."""
        return self.within_s + call_s


class Overwrite(Request[replies.Done], frozen=True):
    """Write NaN into the latest output."""

    bound: int


class Refill(Request[replies.Done], frozen=True):
    """Write other numbers into an input."""

    bound: int
    name: str
    content: SharedArray


class LimitThreads(Request[replies.Done], frozen=True):
    """Let the libraries of the process use so many threads."""

    threads: int


class CountPools(Request[replies.PoolSizes], frozen=True):
    """Say how many threads the pools of the process have."""


class DetectThreads(Request[replies.ThreadUse], frozen=True):
    """Say whether other threads work during a call."""

    times: ClassVar[int] = 5

    bound: int


class MeasurePeakMemory(Request[replies.PeakMemory], frozen=True):
    """Say how much memory a call takes beyond what the process has."""

    times: ClassVar[int] = 2

    bound: int


class MeasureGrowthByCalls(Request[replies.MemoryGrowth], frozen=True):
    """Say how memory grows with calls, round by round."""

    bound: int
    rounds: int
    each: int
    within_s: float

    def limit_s(self, call_s: float) -> float:
        """Return the time in which rounds begin, and that of another round."""
        return self.within_s + self.each * call_s


class MeasureGrowthByShapes(Request[replies.MemoryGrowth], frozen=True):
    """Say how memory grows with calls on one problem after the other."""

    problems: tuple[str, ...]
    each: int
    within_s: float

    def limit_s(self, call_s: float) -> float:
        """Return the time in which rounds begin, and that of another round: a plan and two calls on each."""
        return self.within_s + 3 * self.each * call_s


# Requests that time


class PrepareTiming(Request[replies.Done], frozen=True):
    """Put a chain of layers on the stopwatch, which keeps it under a name."""

    name: str
    bounds: tuple[int, ...]
    is_cold: bool


class WarmUp(Request[replies.WarmedUp], frozen=True):
    """Call until caches, code and clocks are warm."""

    times: ClassVar[int] = 3
    is_quiet: ClassVar[bool] = True

    name: str
    effort: Effort


class Sample(Request[replies.Sampled], frozen=True):
    """Time `number` calls, and keep what call number `seen` returns, from 1."""

    times: ClassVar[int] = 2
    is_quiet: ClassVar[bool] = True

    name: str
    number: int
    seen: int


class TimeOnce(Request[replies.TimedOnce], frozen=True):
    """Time one call on another input."""

    is_quiet: ClassVar[bool] = True

    name: str
    content: SharedArray


class LookAtSample(Request[replies.Returned], frozen=True):
    """Look at the output that was kept of the latest sample; `bound` is the last layer."""

    name: str
    bound: int
    into: int
