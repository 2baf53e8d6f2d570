"""convharness: is this convolution right, how fast is it, and did it get worse since the last commit?

This is the front door: what plugins, suites and other people's code may import. Everything loads
when it is first asked for, so that importing the package costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .commits.asv.benchmarks import asv_benchmarks
    from .commits.asv.environment import Worktree, introduce_machine
    from .commits.asv.figures import read_samples
    from .commits.asv.recording import record_commit
    from .commits.history import load_history
    from .engine.runner import run
    from .errors import (
        HarnessError,
        PluginError,
        ProblemError,
        ResultsError,
        SelectionError,
        SuiteError,
    )
    from .oracle.conformance import check_implementation
    from .oracle.verdict import Verdict
    from .plugins.declaration import Implementation
    from .plugins.discovery import discover
    from .plugins.lazy import lazy_import
    from .plugins.marks import implementation, plan
    from .plugins.padding import pad
    from .plugins.registry import Registry
    from .problems.problem import Problem
    from .problems.suite import Case, Suite
    from .problems.suite_files import find_suite, load_suite
    from .runs.record import Measurement, Record
    from .runs.run import Run
    from .runs.settings import Settings

_HOMES = {
    "Case": "problems.suite",
    "HarnessError": "errors",
    "Implementation": "plugins.declaration",
    "Measurement": "runs.record",
    "PluginError": "errors",
    "Problem": "problems.problem",
    "ProblemError": "errors",
    "Record": "runs.record",
    "Registry": "plugins.registry",
    "ResultsError": "errors",
    "Run": "runs.run",
    "SelectionError": "errors",
    "Settings": "runs.settings",
    "Suite": "problems.suite",
    "SuiteError": "errors",
    "Verdict": "oracle.verdict",
    "Worktree": "commits.asv.environment",
    "asv_benchmarks": "commits.asv.benchmarks",
    "check_implementation": "oracle.conformance",
    "discover": "plugins.discovery",
    "find_suite": "problems.suite_files",
    "implementation": "plugins.marks",
    "introduce_machine": "commits.asv.environment",
    "lazy_import": "plugins.lazy",
    "load_history": "commits.history",
    "load_suite": "problems.suite_files",
    "pad": "plugins.padding",
    "plan": "plugins.marks",
    "read_samples": "commits.asv.figures",
    "record_commit": "commits.asv.recording",
    "run": "engine.runner",
}

__all__ = [
    "Case",
    "HarnessError",
    "Implementation",
    "Measurement",
    "PluginError",
    "Problem",
    "ProblemError",
    "Record",
    "Registry",
    "ResultsError",
    "Run",
    "SelectionError",
    "Settings",
    "Suite",
    "SuiteError",
    "Verdict",
    "Worktree",
    "asv_benchmarks",
    "check_implementation",
    "discover",
    "find_suite",
    "implementation",
    "introduce_machine",
    "lazy_import",
    "load_history",
    "load_suite",
    "pad",
    "plan",
    "read_samples",
    "record_commit",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
