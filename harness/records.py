"""What a run leaves behind: one flat record per case and implementation, units in the names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from .plugin import Implementation
from .problem import FIELDS
from .suite import Case
from .verdict import Verdict

COLUMNS = (
    *("run", "started_at", "machine", "commit", "suite", "case", "weight", "problem"),
    *FIELDS,
    *("implementation", "family", "library", "library_version", "layout", "accuracy", "threads"),
    *("status", "reason", "layer", "error_u", "error_bound_u", "error_max_abs", "error_rel_l2", "where"),
    *("plan_s", "first_call_s", "time_median_s", "time_low_s", "time_high_s", "samples", "number"),
    *("parameters", "macs", "dense_macs", "flops", "min_bytes", "gflops", "gbytes_s"),
    *("peak_fraction", "peak_memory_bytes", "seed", "reproduce", "versus", "printed"),
)
"""The columns of a record, in order; `samples_s`, `values` and `traits` come on top."""

NESTED_COLUMNS = ("samples_s", "values", "traits")


@dataclass(frozen=True)
class Measurement:
    """Raw samples, in the order of the rounds: seconds per call, each the mean of `number` calls.

    `yardstick_s` are the samples of the engine's own reference in the same rounds, if it was timed.
    """

    samples_s: Sequence[float]
    number: int
    plan_s: float | None = None
    first_call_s: float | None = None
    yardstick_s: Sequence[float] = ()

    @property
    def median_s(self) -> float:
        """Return the median of the samples."""
        return median(self.samples_s)


@dataclass(frozen=True)
class Record:
    """One case × one implementation: the verdict and, if it passed and was timed, the measurement."""

    suite: str
    case: Case
    implementation: Implementation
    verdict: Verdict
    measurement: Measurement | None = None
    library_version: str | None = None
    threads: int = 1

    def row(self) -> dict[str, Any]:
        """Return the record as flat columns; what belongs to its run is left to the run."""
        case, implementation, verdict = self.case, self.implementation, self.verdict
        return {
            "suite": self.suite,
            "case": case.label,
            "weight": case.weight,
            "problem": str(case),
            **_fields(case),
            "implementation": implementation.name,
            "family": implementation.family,
            "library": implementation.library,
            "library_version": self.library_version,
            "layout": implementation.layout,
            "accuracy": implementation.accuracy.name,
            "threads": self.threads,
            "status": verdict.status,
            "reason": verdict.reason,
            "layer": verdict.layer,
            "error_u": verdict.error_u,
            "error_bound_u": verdict.error_bound_u,
            "error_max_abs": verdict.error_max_abs,
            "error_rel_l2": verdict.error_rel_l2,
            "where": verdict.where,
            **self._times(),
            "peak_fraction": None,
            "peak_memory_bytes": None,
            "seed": verdict.seed,
            "reproduce": verdict.reproduce,
            "versus": case.versus,
            "printed": verdict.printed,
            "samples_s": list(self.measurement.samples_s) if self.measurement else None,
            "values": verdict.values,
            "traits": dict(verdict.traits),
        }

    def _times(self) -> dict[str, Any]:
        """Return times, and the rates that follow from them and from the case's counts."""
        counts = {name: self.case.total(name) for name in ("parameters", "macs", "dense_macs", "flops")}
        counts["min_bytes"] = self.case.min_bytes
        names = ("plan_s", "first_call_s", "time_median_s", "time_low_s", "time_high_s", "samples", "number")
        measured = self.measurement
        if measured is None:
            return {**dict.fromkeys(names), **counts, "gflops": None, "gbytes_s": None}
        from .stats import median_interval

        time_s, low, high = median_interval(measured.samples_s)
        times = (
            measured.plan_s,
            measured.first_call_s,
            time_s,
            low,
            high,
            len(measured.samples_s),
            measured.number,
        )
        rates = {"gflops": counts["flops"] / time_s / 1e9, "gbytes_s": counts["min_bytes"] / time_s / 1e9}
        return {**dict(zip(names, times, strict=True)), **counts, **rates}


def _fields(case: Case) -> dict[str, Any]:
    """Return the problem's fields; of a chain those in which its layers agree."""
    fields = {}
    for name in FIELDS:
        values = {getattr(problem, name) for problem in case.problems}
        value = values.pop() if len(values) == 1 else None
        fields[name] = _text(value) if isinstance(value, tuple) else value
    return fields


def _text(value: tuple[Any, ...]) -> str:
    """Return a spatial field as a text that every table format can hold, such as 3x5 or 1x0:2."""
    return "x".join(str(item) if isinstance(item, int) else f"{item[0]}:{item[1]}" for item in value)


@dataclass(frozen=True)
class Run:
    """One run: when, where and how, and how many records it planned; they lie beside it.

    `arguments` are the words of the command line and `folder` where they were said, so that it can go
    on if it was interrupted.
    """

    id: str
    started_at: str
    command: str
    environment: Mapping[str, Any]
    settings: Mapping[str, Any]
    planned: int | None = None
    arguments: Sequence[str] = ()
    folder: str | None = None

    def columns(self) -> dict[str, Any]:
        """Return the columns that all records of the run share."""
        return {
            "run": self.id,
            "started_at": self.started_at,
            "machine": self.environment.get("machine"),
            "commit": self.environment.get("commit"),
        }

    def row(self, record: Record) -> dict[str, Any]:
        """Return a record as it is stored: its own columns and those of the run, in order."""
        row = {**self.columns(), **record.row()}
        return {name: row[name] for name in (*COLUMNS, *NESTED_COLUMNS)}
