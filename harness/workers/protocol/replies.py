"""What a worker may reply.

A worker may be controlled by a hostile kernel. Its replies can make a verdict worse, and never hold the
numbers that make it good: these lie in shared memory, and the parent compares them.
"""

from typing import Annotated, Literal

import msgspec

from ...plugins.broken import BrokenPlugin
from ...plugins.serialization import Facts
from ...plugins.support import Unsupported

Status = Literal["error", "memory", "contract"]

Seconds = Annotated[float, msgspec.Meta(gt=0, le=1e9)]
Number = Annotated[int, msgspec.Meta(ge=1, le=2**40)]
"""How many calls there were, or which of them."""

ProcessNumber = Annotated[int, msgspec.Meta(gt=1, le=2**22)]
"""The number of a process that may be ended: not a group of the parent's, nor the system's first process."""

TypeName = Annotated[
    str, msgspec.Meta(max_length=40, pattern=r"^([a-z][a-z0-9]*|[<>|=][A-Za-z][0-9]*(\[[0-9A-Za-z]+\])?)$")
]
"""A data type as `problem.dtype` or as NumPy's `dtype.str`; NumPy itself reads far more than that."""


class Reply(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """What a worker may reply."""


class Raised(Reply, frozen=True):
    """The implementation raised an error; any request may have this reply.

    A worker can only fail to give an output. Whether an output is right is not for it to say.
    """

    status: Status
    reason: str


class Mistake(Reply, frozen=True):
    """The plugin is used or declared wrongly; only requests with `may_be_mistaken` may have this reply."""

    reason: str


class Done(Reply, frozen=True):
    """The request has been carried out."""


class Described(Reply, frozen=True):
    """What a file or an entry point declares; of what is unavailable: family, library and source."""

    implementations: tuple[Facts, ...]
    unavailable: tuple[tuple[str, str, str], ...]
    broken: tuple[BrokenPlugin, ...]


class Copied(Reply, frozen=True):
    """The number of the process that is a copy of the worker."""

    pid: ProcessNumber


class Ended(Reply, frozen=True):
    """The exit code of a copy, negative for a signal, as in `subprocess`."""

    exit_code: int


class MeasuredCeilings(Reply, frozen=True):
    """The fields of `Ceilings` that are measured."""

    gflops: dict[str, float]
    gbytes_s: float
    cached_gbytes_s: float


class Support(Reply, frozen=True):
    """Why the implementation does not support a problem, or None."""

    refusal: Unsupported | None


class Planned(Reply, frozen=True):
    """How long the plan took, None without a plan."""

    plan_s: Seconds | None


class Misfit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shape and the data type of an output that is not as it should be."""

    shape: tuple[Annotated[int, msgspec.Meta(ge=0)], ...]
    dtype: TypeName


class OutputFacts(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What is known of an output beside its numbers, which lie where the request said.

    `foreign`, `alias` and `channels_last` as in `kernel_call.Output`. The numbers of a `misfit` stay where
    they are.
    """

    foreign: str | None = None
    alias: str | None = None
    channels_last: bool = False
    misfit: Misfit | None = None


class Returned(Reply, frozen=True):
    """One output."""

    output: OutputFacts


class ReturnedMany(Reply, frozen=True):
    """Some outputs, one behind the other in shared memory, the newest last."""

    outputs: tuple[OutputFacts, ...]


class ReturnedConcurrently(Reply, frozen=True):
    """The outputs of each binding, in the order of the request; the last of each is that of a call alone.

    `call_s` is the processor time of the cheapest of the calls alone.
    """

    outputs: tuple[tuple[OutputFacts, ...], ...]
    call_s: Seconds


class SeriesSeen(Reply, frozen=True):
    """What was seen of a series of calls, as in `host.Series`; the outputs lie one behind the other."""

    outputs: tuple[OutputFacts, ...]
    calls: Number
    overlap: tuple[Number, Number] | None
    other: Number | None


class MemoryGrowth(Reply, frozen=True):
    """The memory of the process round by round, as in `host.Growth`."""

    sizes: tuple[Annotated[int, msgspec.Meta(ge=0, le=2**62)], ...]
    each: Number
    first_s: Annotated[float, msgspec.Meta(ge=0, le=1e9)]
    again_s: Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class FirstCallSeen(Reply, frozen=True):
    """What was seen of the first call, as in `host.FirstCall`."""

    output: OutputFacts
    later: OutputFacts
    opened: str | None
    planned: str | None
    called: str | None


class PoolSizes(Reply, frozen=True):
    """How many threads each pool of the process has, by library."""

    threads: dict[str, int]


class ThreadUse(Reply, frozen=True):
    """Whether other threads than the calling one work during a call."""

    is_parallel: bool


class PeakMemory(Reply, frozen=True):
    """How many bytes a call takes at most, None where the system does not say."""

    size: int | None


class WarmedUp(Reply, frozen=True):
    """How long the first call and the fastest call took."""

    first_s: Seconds
    fastest_s: Seconds


class Sampled(Reply, frozen=True):
    """How long one call of a sample took, and how long the sample lasted in all."""

    call_s: Seconds
    lasted_s: Seconds


class TimedOnce(Reply, frozen=True):
    """How long one call took."""

    call_s: Seconds
