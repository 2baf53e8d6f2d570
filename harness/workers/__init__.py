"""Implementations in processes of their own, which never hold an expected value.

The parent owns data, seeds, expected values, verdicts and files. A worker holds one implementation and
its library. The `pool` has all workers of a run. The oracle sees a worker as a `remote` host, the
stopwatch as a `rival`; both make requests of the `protocol`, and `exchange` arrays. A request goes to a
`process`, which `spawn` has started, or which is the copy of a `template`; messages travel through its
`channel`, arrays lie in its `shared_memory`. In the worker the `server` receives requests, and `request_handlers`
has a function for each.

Names of this package load when they are asked for: a worker imports it, too, and needs no pool.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..machine.process_tree import die_with_parent, end_marked
    from .pool import WorkerPool, ceilings_of, examined, measured_ceilings
    from .process import Limits

_HOMES = {
    "Limits": ".process",
    "WorkerPool": ".pool",
    "ceilings_of": ".pool",
    "measured_ceilings": ".pool",
    "die_with_parent": "..machine.process_tree",
    "end_marked": "..machine.process_tree",
    "examined": ".pool",
}

__all__ = [
    "Limits",
    "WorkerPool",
    "ceilings_of",
    "die_with_parent",
    "end_marked",
    "examined",
    "measured_ceilings",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name], __name__), name)
