"""What asv needs of us: one engine run per commit, its samples on disk, and readers of them.

asv walks over commits, keeps and compares results; it does not hold the stopwatch. Its `setup_cache`
calls `record_commit` in a fresh process, its benchmarks hand on what `read_samples` finds.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import exp
from pathlib import Path
from statistics import median
from typing import Any, Literal

import msgspec

from . import environment
from .errors import ResultsError
from .journal import RunWriter
from .records import Record
from .registry import Registry, discover
from .results import compact, new_run
from .runner import Settings, run
from .sampling import Effort
from .stats import paired_logarithms
from .suite import Suite

Figure = Literal["time", "relative_time", "error", "plan", "memory"]

_CACHE = "convharness-samples.json"


def record_commit(suites: Sequence[Suite]) -> None:
    """Verify and time the commit's implementations, and leave the figures in the working folder.

    The plugins are those of asv's checkout; without one (asv's environment type 'existing') they
    are the installed ones. The records also become a run of their own beside asv's results.
    """
    threads = int(os.environ.get("OMP_NUM_THREADS") or 1)
    environment.limit_threads(threads)
    implementations = _commit_registry().implementations
    effort = Effort(budget_s=float(os.environ.get("CONVHARNESS_BUDGET") or Effort.budget_s))
    settings = Settings(threads=threads, timed=True, yardstick=True, effort=effort)
    facts = environment.describe(threads)
    if commit := os.environ.get("ASV_COMMIT"):
        facts |= {"commit": commit, "dirty": False}
    run_facts = new_run(facts, asdict(settings), "asv run")
    found: dict[str, dict[str, Any]] = {}
    with RunWriter(_results_folder(), run_facts) as writer:
        for record in run(suites, implementations, settings):
            writer.append(record)
            found[_key(record.suite, record.implementation.name, record.case.label)] = _figures(record)
            # asv ends a process that has been silent for too long.
            sys.stdout.write(f"{record.case.label} {record.implementation.name} {record.verdict.status}\n")
            sys.stdout.flush()
    compact(writer.folder)
    Path(_CACHE).write_bytes(msgspec.json.encode(found))


def _commit_registry() -> Registry:
    """Return what the commit offers: nothing, if it has no folder of implementations."""
    checkout = Path(os.environ.get("ASV_ENV_DIR", "")) / "project"
    if "ASV_ENV_DIR" not in os.environ or not checkout.is_dir():
        return discover()
    return discover(folder=checkout / "implementations", entry_points=False)


def _results_folder() -> Path:
    return Path(os.environ.get("ASV_CONF_DIR", ".")) / "results"


def _key(suite: str, implementation: str, case: str) -> str:
    return f"{suite}|{implementation}|{case}"


def _figures(record: Record) -> dict[str, Any]:
    """Return what asv keeps of a record."""
    figures: dict[str, Any] = {
        "status": record.verdict.status,
        "reason": record.verdict.reason,
        "failed": record.verdict.failed,
        "error": None if record.verdict.error_u is None else float(f"{record.verdict.error_u:.3g}"),
    }
    if (measured := record.measurement) is not None:
        number = max(measured.numbers)
        own = [median(samples) for _, samples in measured.passes if samples]
        relative = [exp(value) for _, value in paired_logarithms(measured.passes, measured.yardstick)]
        figures |= {
            "time": {"samples": own, "number": number},
            "relative_time": {"samples": relative, "number": number},
            "plan": measured.plan_s,
            "memory": measured.peak_memory_bytes,
        }
    return figures


def read_samples(suite: str, implementation: str, case: str, figure: Figure) -> Any:
    """Return a figure of the commit: samples as asv takes them for times, a number for the error.

    A sample is the median of one process: asv counts samples as if they were independent, which only
    those of different processes are. `relative_time` is that of the ratios to the engine's own
    reference within each round: between two days it moves by a fraction of what seconds do. `plan` is
    the seconds of planning and `memory` the bytes of a call at its peak. Returns None where the commit
    lacks the implementation or the implementation does not support the case.

    Raises `ResultsError` with the verdict where it failed.
    """
    figures = _read_cache(Path(_CACHE)).get(_key(suite, implementation, case))
    if figures is None:
        return None
    if figures["failed"]:
        raise ResultsError(f"{implementation} on {case}: {figures['status']}: {figures['reason']}")
    return figures.get(figure)


def _read_cache(path: Path) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError:
        raise ResultsError(
            "the engine left no samples for this commit; see what setup_cache printed"
        ) from None
