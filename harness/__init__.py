"""convharness: is this convolution right, how fast is it, and did it get worse since the last commit?

This is the front door: what plugins, suites and other people's code may import. Everything loads
when it is first asked for, so that importing the package costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api.comparing import compare
    from .api.judging import begin, resume, time, verify
    from .api.reporting import load, render, report
    from .api.tracking import load_events, track
    from .commits.asv.benchmark_values import read_samples
    from .commits.asv.benchmarks import asv_benchmarks
    from .commits.asv.environment import Worktree, introduce_machine
    from .commits.asv.recording import record_commit
    from .commits.changes import Thresholds
    from .commits.events import Event
    from .commits.history import load_history
    from .commits.tracker import Outcome
    from .engine.runner import run
    from .engine.session import Session
    from .errors import (
        CommitError,
        HarnessError,
        PluginError,
        ProblemError,
        ResultsError,
        SelectionError,
        SuiteError,
    )
    from .measure.stopwatch import Effort
    from .oracle import Oracle
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
    from .reports.changes import Comparison
    from .reports.report import Report
    from .runs.record import Measurement, Record
    from .runs.run import Run, Selection
    from .runs.settings import Settings
    from .workers import Limits

_HOMES = {
    "Case": "problems.suite",
    "CommitError": "errors",
    "Comparison": "reports.changes",
    "Effort": "measure.stopwatch",
    "Event": "commits.events",
    "HarnessError": "errors",
    "Implementation": "plugins.declaration",
    "Limits": "workers",
    "Measurement": "runs.record",
    "Oracle": "oracle",
    "Outcome": "commits.tracker",
    "PluginError": "errors",
    "Problem": "problems.problem",
    "ProblemError": "errors",
    "Record": "runs.record",
    "Registry": "plugins.registry",
    "Report": "reports.report",
    "ResultsError": "errors",
    "Run": "runs.run",
    "Selection": "runs.run",
    "SelectionError": "errors",
    "Session": "engine.session",
    "Settings": "runs.settings",
    "Suite": "problems.suite",
    "SuiteError": "errors",
    "Thresholds": "commits.changes",
    "Verdict": "oracle.verdict",
    "Worktree": "commits.asv.environment",
    "asv_benchmarks": "commits.asv.benchmarks",
    "begin": "api.judging",
    "check_implementation": "oracle.conformance",
    "compare": "api.comparing",
    "discover": "plugins.discovery",
    "find_suite": "problems.suite_files",
    "implementation": "plugins.marks",
    "introduce_machine": "commits.asv.environment",
    "lazy_import": "plugins.lazy",
    "load": "api.reporting",
    "load_events": "api.tracking",
    "load_history": "commits.history",
    "load_suite": "problems.suite_files",
    "pad": "plugins.padding",
    "plan": "plugins.marks",
    "read_samples": "commits.asv.benchmark_values",
    "record_commit": "commits.asv.recording",
    "render": "api.reporting",
    "report": "api.reporting",
    "resume": "api.judging",
    "run": "engine.runner",
    "time": "api.judging",
    "track": "api.tracking",
    "verify": "api.judging",
}

__all__ = [
    "Case",
    "CommitError",
    "Comparison",
    "Effort",
    "Event",
    "HarnessError",
    "Implementation",
    "Limits",
    "Measurement",
    "Oracle",
    "Outcome",
    "PluginError",
    "Problem",
    "ProblemError",
    "Record",
    "Registry",
    "Report",
    "ResultsError",
    "Run",
    "Selection",
    "SelectionError",
    "Session",
    "Settings",
    "Suite",
    "SuiteError",
    "Thresholds",
    "Verdict",
    "Worktree",
    "asv_benchmarks",
    "begin",
    "check_implementation",
    "compare",
    "discover",
    "find_suite",
    "implementation",
    "introduce_machine",
    "lazy_import",
    "load",
    "load_events",
    "load_history",
    "load_suite",
    "pad",
    "plan",
    "read_samples",
    "record_commit",
    "render",
    "report",
    "resume",
    "run",
    "time",
    "track",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
