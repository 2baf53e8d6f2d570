"""Answers of the stopwatch."""

import gc

from ..protocol import replies, requests
from ..protocol.replies import Done
from .registry import answers
from .state import State


@answers(requests.PrepareTiming)
def _prepare_timing(state: State, request: requests.PrepareTiming) -> Done:
    gc.collect()
    gc.freeze()  # what plans have built stays
    chain = [state.bound[bound] for bound in request.bounds]
    state.rivals = {request.name: state.host.rival(request.name, chain, cold=request.is_cold)}
    return Done()


@answers(requests.WarmUp)
def _warm_up(state: State, request: requests.WarmUp) -> replies.WarmedUp:
    return replies.WarmedUp(*state.rivals[request.name].warm_up(request.effort))


@answers(requests.Sample)
def _sample(state: State, request: requests.Sample) -> replies.Sampled:
    rival = state.rivals[request.name]
    turn = rival.sample(request.number, request.seen)
    return replies.Sampled(turn.seconds, rival.lasted_s)


@answers(requests.TimeOnce)
def _time_once(state: State, request: requests.TimeOnce) -> replies.TimedOnce:
    return replies.TimedOnce(state.rivals[request.name].once(request.content.found_in(state.memory)))


@answers(requests.LookAtSample)
def _look_at_sample(state: State, request: requests.LookAtSample) -> replies.Returned:
    problem = state.bound[request.bound].problem
    return replies.Returned(state.put(problem, state.rivals[request.name].seen(), request.into))
