"""How a worker answers each request: one function per type, found by that type.

Nothing here knows what is right. Whatever an implementation does to this process, the parent believes
nothing but arrays, and compares them itself.
"""

import contextlib
import faulthandler
import gc
import os
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..execution.kernel_call import Bound, KernelError, Output
from ..execution.local_host import LocalHost, LocalRival
from ..machine.environment import limit_threads
from ..machine.peak_memory import peak_of
from ..numerics.arrays import LIBRARIES, Array, adapter, dtype_of
from ..numerics.operands import Operands
from ..plugins.discovery import held_by
from ..plugins.lazy import load_those_of
from ..plugins.registry import Registry
from ..plugins.serialization import written_facts
from ..problems.problem import Problem
from .protocol import replies, requests
from .protocol.replies import Done, Misfit, OutputFacts, Reply
from .protocol.requests import ReplyType, Request, SharedOperands


@dataclass
class State:
    """What a worker holds between two requests: shared memory, plugins, one implementation, and its data.

    `bound` has bindings by number, `rivals` what is on the stopwatch by name. `registry` is what a template
    has loaded, and its copies find.
    """

    memory: Array
    registry: Registry | None = None
    bound: dict[int, Bound] = field(default_factory=dict)
    rivals: dict[str, LocalRival] = field(default_factory=dict)
    process: int = field(default_factory=os.getpid)
    host: LocalHost = field(init=False)

    def operands(self, where: SharedOperands) -> Operands:
        """Return the operands that lie there."""
        bias = None if where.bias is None else where.bias.found_in(self.memory)
        return Operands(where.x.found_in(self.memory), where.weight.found_in(self.memory), bias)

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
        size = _size(problem)
        return tuple(self.put(problem, one, into + index * size) for index, one in enumerate(outputs))

    def end_copies(self) -> None:
        """End this process, if it is a copy that the implementation has made of the worker."""
        if os.getpid() != self.process:
            os._exit(1)


_ANSWERS: dict[type[Request[Any]], Callable[[State, Any], Reply]] = {}


def answer(state: State, request: Request[ReplyType]) -> Reply:
    """Do what is asked and return the reply; raises whatever that raises."""
    return _ANSWERS[type(request)](state, request)


def _answers(
    kind: type[Request[ReplyType]],
) -> Callable[[Callable[[State, Any], ReplyType]], Callable[[State, Any], ReplyType]]:
    """Let a function answer the requests of a type; mypy sees that it returns their replies."""

    def register(function: Callable[[State, Any], ReplyType]) -> Callable[[State, Any], ReplyType]:
        _ANSWERS[kind] = function
        return function

    return register


@_answers(requests.Ping)
def _ping(_: State, __: requests.Ping) -> Done:
    return Done()


# Before an implementation is loaded


@_answers(requests.Describe)
def _describe(_: State, request: requests.Describe) -> replies.Described:
    registry = held_by(Path(request.source), request.origin, request.family)
    return replies.Described(
        tuple(written_facts(one) for one in registry.implementations),
        tuple((one.family, one.library, one.source) for one in registry.unavailable),
        registry.broken,
    )


@_answers(requests.MeasureCeilings)
def _measure_ceilings(_: State, request: requests.MeasureCeilings) -> replies.MeasuredCeilings:
    from ..machine.ceilings import measure_here

    limit_threads(request.threads)
    found = measure_here(request.threads)
    return replies.MeasuredCeilings(dict(found.gflops), found.gbytes_s, found.cached_gbytes_s)


@_answers(requests.Preload)
def _preload(_: State, request: requests.Preload) -> Done:
    for library in request.libraries:
        import_module(library)
        if library in LIBRARIES:
            adapter(library).limit_threads(1)
    _settle()
    return Done()


@_answers(requests.Prepare)
def _prepare(state: State, request: requests.Prepare) -> Done:
    if request.site is not None:
        sys.path.insert(0, request.site)
    state.registry = held_by(Path(request.source), request.origin, request.family)
    for module in {sys.modules[one.function.__module__] for one in state.registry.implementations}:
        for library in request.libraries:
            load_those_of(module, library)
    _settle()
    return Done()


def _settle() -> None:
    """Have one thread, and no garbage that every copy would have to collect."""
    limit_threads(1)
    gc.collect()
    gc.freeze()


# An implementation and what it holds


@_answers(requests.Load)
def _load(state: State, request: requests.Load) -> Done:
    resource.setrlimit(resource.RLIMIT_DATA, (request.memory_bytes, request.memory_bytes))
    is_copy = state.registry is not None
    registry = state.registry or held_by(Path(request.source), request.origin, request.family)
    one = next((one for one in registry.implementations if one.name == request.name), None)
    if one is None:
        why = "; ".join(map(str, registry.broken)) or f"{request.source} no longer holds {request.name}"
        raise KernelError("error", why)
    if not is_copy or request.threads > 1:  # a template has one thread, and so has its copy
        adapter(one.arrays).limit_threads(request.threads)
        limit_threads(request.threads)
    state.host = LocalHost(one)
    if not is_copy:
        gc.collect()
    gc.freeze()
    return Done()


@_answers(requests.CheckSupport)
def _check_support(state: State, request: requests.CheckSupport) -> replies.Support:
    return replies.Support(state.host.refuses(Problem.parse(request.problem)))


@_answers(requests.Bind)
def _bind(state: State, request: requests.Bind) -> replies.Planned:
    given = state.operands(request.operands)
    problem = Problem.parse(request.problem)
    bound = state.host.bind(problem, given, given, _number(request.poison))
    state.bound[request.bound] = bound
    return replies.Planned(bound.plan_s)


@_answers(requests.BindAndCall)
def _bind_and_call(state: State, request: requests.BindAndCall) -> replies.Returned:
    given = state.operands(request.operands)
    poison = _number(request.poison)
    bound = state.host.bind(Problem.parse(request.problem), given, given, poison)
    return replies.Returned(state.put(bound.problem, bound.output(poison), request.into))


@_answers(requests.CallFirst)
def _call_first(state: State, request: requests.CallFirst) -> replies.FirstCallSeen:
    given = state.operands(request.operands)
    problem = Problem.parse(request.problem)
    seen = state.host.first_call(problem, given, given)
    output, later = state.put_all(problem, [seen.output, seen.later], request.into)
    return replies.FirstCallSeen(output, later, seen.opened, seen.planned, seen.called)


@_answers(requests.Call)
def _call(state: State, request: requests.Call) -> replies.Returned:
    bound = state.bound[request.bound]
    return replies.Returned(state.put(bound.problem, bound.output(_number(request.poison)), request.into))


@_answers(requests.CallConcurrently)
def _call_concurrently(state: State, request: requests.CallConcurrently) -> replies.ReturnedConcurrently:
    bounds = [state.bound[bound] for bound in request.bounds]
    seen = state.host.at_once(bounds, request.calls)
    found, into = [], request.into
    for one, outputs, alone in zip(bounds, seen.at_once, seen.alone, strict=True):
        found.append(state.put_all(one.problem, [*outputs, alone], into))
        into += (request.calls + 1) * _size(one.problem)
    return replies.ReturnedConcurrently(tuple(found), seen.call_s)


@_answers(requests.CallAtEdge)
def _call_at_edge(state: State, request: requests.CallAtEdge) -> Done:
    with contextlib.suppress(KernelError):
        faulthandler.disable()
        problem = Problem.parse(request.problem)
        state.host.call_at_the_edge(problem, state.operands(request.operands), request.edge)
    faulthandler.enable()
    return Done()


@_answers(requests.LookAgain)
def _look_again(state: State, request: requests.LookAgain) -> replies.ReturnedMany:
    bound = state.bound[request.bound]
    return replies.ReturnedMany(state.put_all(bound.problem, bound.kept(request.wait_s), request.into))


@_answers(requests.Overwrite)
def _overwrite(state: State, request: requests.Overwrite) -> Done:
    state.bound[request.bound].overwrite()
    return Done()


@_answers(requests.Refill)
def _refill(state: State, request: requests.Refill) -> Done:
    state.bound[request.bound].refill(request.name, request.content.found_in(state.memory))
    return Done()


@_answers(requests.CountPools)
def _count_pools(_: State, __: requests.CountPools) -> replies.PoolSizes:
    from threadpoolctl import threadpool_info

    return replies.PoolSizes({pool["internal_api"]: pool["num_threads"] for pool in threadpool_info()})


@_answers(requests.DetectThreads)
def _detect_threads(state: State, request: requests.DetectThreads) -> replies.ThreadUse:
    return replies.ThreadUse(state.bound[request.bound].uses_threads())


@_answers(requests.MeasurePeakMemory)
def _measure_peak_memory(state: State, request: requests.MeasurePeakMemory) -> replies.PeakMemory:
    return replies.PeakMemory(peak_of(state.bound[request.bound].run))


# The stopwatch


@_answers(requests.PrepareTiming)
def _prepare_timing(state: State, request: requests.PrepareTiming) -> Done:
    gc.collect()
    gc.freeze()  # what plans have built stays
    chain = [state.bound[bound] for bound in request.bounds]
    state.rivals = {request.name: state.host.rival(request.name, chain, cold=request.is_cold)}
    return Done()


@_answers(requests.WarmUp)
def _warm_up(state: State, request: requests.WarmUp) -> replies.WarmedUp:
    return replies.WarmedUp(*state.rivals[request.name].warm_up(request.effort))


@_answers(requests.Sample)
def _sample(state: State, request: requests.Sample) -> replies.Sampled:
    rival = state.rivals[request.name]
    turn = rival.sample(request.number, request.seen)
    return replies.Sampled(turn.seconds, rival.lasted_s)


@_answers(requests.TimeOnce)
def _time_once(state: State, request: requests.TimeOnce) -> replies.TimedOnce:
    return replies.TimedOnce(state.rivals[request.name].once(request.content.found_in(state.memory)))


@_answers(requests.LookAtSample)
def _look_at_sample(state: State, request: requests.LookAtSample) -> replies.Returned:
    problem = state.bound[request.bound].problem
    return replies.Returned(state.put(problem, state.rivals[request.name].seen(), request.into))


def _size(problem: Problem) -> int:
    """Return the bytes of one output."""
    return prod(problem.output_shape) * dtype_of(problem.dtype).itemsize


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)
