"""Answers with figures of calls: threads and memory."""

from ...execution.growth import grown_by_calls, grown_by_shapes
from ...execution.host import Growth
from ...machine.peak_memory import peak_of
from ...problems.problem import Problem
from ..protocol import replies, requests
from .registry import answers
from .state import State


@answers(requests.LimitThreads)
def _limit_threads(state: State, request: requests.LimitThreads) -> replies.Done:
    state.host.limit_threads(request.threads)
    return replies.Done()


@answers(requests.CountPools)
def _count_pools(_: State, __: requests.CountPools) -> replies.PoolSizes:
    from threadpoolctl import threadpool_info

    return replies.PoolSizes({pool["internal_api"]: pool["num_threads"] for pool in threadpool_info()})


@answers(requests.DetectThreads)
def _detect_threads(state: State, request: requests.DetectThreads) -> replies.ThreadUse:
    return replies.ThreadUse(state.bound[request.bound].uses_threads())


@answers(requests.MeasurePeakMemory)
def _measure_peak_memory(state: State, request: requests.MeasurePeakMemory) -> replies.PeakMemory:
    return replies.PeakMemory(peak_of(state.bound[request.bound].run))


@answers(requests.MeasureGrowthByCalls)
def _grow_by_calls(state: State, request: requests.MeasureGrowthByCalls) -> replies.MemoryGrowth:
    bound = state.bound[request.bound]
    return _reply(grown_by_calls(bound, request.rounds, request.each, request.within_s))


@answers(requests.MeasureGrowthByShapes)
def _grow_by_shapes(state: State, request: requests.MeasureGrowthByShapes) -> replies.MemoryGrowth:
    problems = [Problem.parse(text) for text in request.problems]
    return _reply(grown_by_shapes(state.host.implementation, problems, request.each, request.within_s))


def _reply(growth: Growth) -> replies.MemoryGrowth:
    return replies.MemoryGrowth(tuple(growth.sizes), growth.each, growth.first_s, growth.again_s)
