"""Answers with what an implementation does with operands: it is bound, called and looked at."""

import contextlib
import faulthandler

from ...execution.kernel_call import KernelError
from ...execution.series import called_in_series
from ...problems.problem import Problem
from ..protocol import replies, requests
from ..protocol.replies import Done
from .registry import answers
from .state import State, size_of


@answers(requests.CheckSupport)
def _check_support(state: State, request: requests.CheckSupport) -> replies.Support:
    return replies.Support(state.host.refuses(Problem.parse(request.problem)))


@answers(requests.Bind)
def _bind(state: State, request: requests.Bind) -> replies.Planned:
    given = state.operands(request.operands)
    problem = Problem.parse(request.problem)
    bound = state.host.bind(problem, given, given, _number(request.poison))
    state.bound[request.bound] = bound
    return replies.Planned(bound.plan_s)


@answers(requests.BindAndCall)
def _bind_and_call(state: State, request: requests.BindAndCall) -> replies.Returned:
    given = state.operands(request.operands)
    poison = _number(request.poison)
    bound = state.host.bind(Problem.parse(request.problem), given, given, poison)
    return replies.Returned(state.put(bound.problem, bound.output(poison), request.into))


@answers(requests.CallFirst)
def _call_first(state: State, request: requests.CallFirst) -> replies.FirstCallSeen:
    given = state.operands(request.operands)
    problem = Problem.parse(request.problem)
    seen = state.host.first_call(problem, given, given)
    output, later = state.put_all(problem, [seen.output, seen.later], request.into)
    return replies.FirstCallSeen(output, later, seen.opened, seen.planned, seen.called)


@answers(requests.Call)
def _call(state: State, request: requests.Call) -> replies.Returned:
    bound = state.bound[request.bound]
    return replies.Returned(state.put(bound.problem, bound.output(_number(request.poison)), request.into))


@answers(requests.CallConcurrently)
def _call_concurrently(state: State, request: requests.CallConcurrently) -> replies.ReturnedConcurrently:
    bounds = [state.bound[bound] for bound in request.bounds]
    seen = state.host.at_once(bounds, request.calls)
    found, into = [], request.into
    for one, outputs, alone in zip(bounds, seen.at_once, seen.alone, strict=True):
        found.append(state.put_all(one.problem, [*outputs, alone], into))
        into += (request.calls + 1) * size_of(one.problem)
    return replies.ReturnedConcurrently(tuple(found), seen.call_s)


@answers(requests.CallAtEdge)
def _call_at_edge(state: State, request: requests.CallAtEdge) -> Done:
    with contextlib.suppress(KernelError):
        faulthandler.disable()
        problem = Problem.parse(request.problem)
        state.host.call_at_the_edge(problem, state.operands(request.operands), request.edge)
    faulthandler.enable()
    return Done()


@answers(requests.LookAgain)
def _look_again(state: State, request: requests.LookAgain) -> replies.ReturnedMany:
    bound = state.bound[request.bound]
    return replies.ReturnedMany(state.put_all(bound.problem, bound.kept(request.wait_s), request.into))


@answers(requests.CallInSeries)
def _call_in_series(state: State, request: requests.CallInSeries) -> replies.SeriesSeen:
    bound = state.bound[request.bound]
    seen = called_in_series(bound, request.calls, request.within_s)
    outputs = state.put_all(bound.problem, seen.outputs, request.into)
    return replies.SeriesSeen(outputs, seen.calls, seen.overlap, seen.other)


@answers(requests.Overwrite)
def _overwrite(state: State, request: requests.Overwrite) -> Done:
    state.bound[request.bound].overwrite()
    return Done()


@answers(requests.Refill)
def _refill(state: State, request: requests.Refill) -> Done:
    state.bound[request.bound].refill(request.name, request.content.found_in(state.memory))
    return Done()


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)
