"""Answers with figures of calls: threads and memory."""

from ...machine.peak_memory import peak_of
from ..protocol import replies, requests
from .registry import answers
from .state import State


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
