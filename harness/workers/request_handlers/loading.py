"""Answers of a process before it holds an implementation, and how it is loaded."""

import gc
import resource
import sys
from importlib import import_module
from pathlib import Path

from ...execution.kernel_call import KernelError
from ...execution.local_host import LocalHost
from ...machine.environment import limit_threads
from ...numerics.arrays import LIBRARIES, adapter
from ...plugins.discovery import held_by
from ...plugins.lazy import load_those_of
from ...plugins.serialization import written_facts
from ..protocol import replies, requests
from ..protocol.replies import Done
from .registry import answers
from .state import State


@answers(requests.Ping)
def _ping(_: State, __: requests.Ping) -> Done:
    return Done()


@answers(requests.Describe)
def _describe(_: State, request: requests.Describe) -> replies.Described:
    registry = held_by(Path(request.source), request.origin, request.family)
    return replies.Described(
        tuple(written_facts(one) for one in registry.implementations),
        tuple((one.family, one.library, one.source) for one in registry.unavailable),
        registry.broken,
    )


@answers(requests.MeasureCeilings)
def _measure_ceilings(_: State, request: requests.MeasureCeilings) -> replies.MeasuredCeilings:
    from ...machine.ceilings import measure_here

    limit_threads(request.threads)
    found = measure_here(request.threads)
    return replies.MeasuredCeilings(dict(found.gflops), found.gbytes_s, found.cached_gbytes_s)


@answers(requests.Preload)
def _preload(_: State, request: requests.Preload) -> Done:
    for library in request.libraries:
        import_module(library)
        if library in LIBRARIES:
            adapter(library).limit_threads(1)
    _settle()
    return Done()


@answers(requests.Prepare)
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


@answers(requests.Load)
def _load(state: State, request: requests.Load) -> Done:
    resource.setrlimit(resource.RLIMIT_DATA, (request.memory_bytes, request.memory_bytes))
    is_copy = state.registry is not None
    registry = state.registry or held_by(Path(request.source), request.origin, request.family)
    one = next((one for one in registry.implementations if one.name == request.name), None)
    if one is None:
        why = "; ".join(map(str, registry.broken)) or f"{request.source} no longer holds {request.name}"
        raise KernelError("error", why)
    state.host = LocalHost(one)
    if not is_copy or request.threads > 1:  # a template has one thread, and so has its copy
        state.host.limit_threads(request.threads)
    if not is_copy:
        gc.collect()
    gc.freeze()
    return Done()
