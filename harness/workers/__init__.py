"""Implementations in processes of their own, which never hold an expected value.

The parent owns data, seeds, expected values, verdicts and files. A worker holds one implementation
and its library: `process` starts and ends it and speaks with it, through the `channel` in words and
through the `arena` in arrays; `server` is what runs there, and `template` what is copied to be timed;
`remote` is the host that the judge sees, `rival` what the stopwatch sees, and `pool` all workers of a
run. What is asked for here loads then: a worker imports this package, too, and has no use for a pool.
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
