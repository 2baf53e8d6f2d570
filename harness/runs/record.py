"""What a run finds out: one record per case and implementation, which is stored as a `Row`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from ..machine.ceilings import Ceilings
from ..measure.stats import Pass, paired_logarithms
from ..oracle.verdict import Verdict
from ..plugins.declaration import Implementation
from ..problems.notation import spatial_text
from ..problems.problem import FIELDS
from ..problems.suite import Case

_AMORTISED_CALLS = (1, 10, 1000)
AMORTISED_COLUMNS = tuple(f"amortised_{calls}_s" for calls in _AMORTISED_CALLS)
"""The time per call where a process plans once and then makes the number of calls."""


@dataclass(frozen=True)
class Measurement:
    """Raw samples, pass by pass, in the order of the rounds: seconds per call, the mean of some calls.

    A pass is (generation, samples): each has a process of its own, and processes of one generation
    are copies of one. Sample i of pass p was taken in the same round as sample i of pass p of every
    rival of the case, and in pass p it is the mean of `numbers[p]` calls. `twin` are the samples of
    the same implementation in processes that were timed as another's, `reference` those of the
    engine's own reference, if they were there. `cache` says whether calls found their data there
    ("warm") or in main memory ("cold"), `conditions` what could not be controlled.
    """

    passes: Sequence[Pass]
    numbers: Sequence[int]
    plan_s: float | None = None
    first_call_s: float | None = None
    peak_memory_bytes: int | None = None
    twin: Sequence[Pass] = ()
    reference: Sequence[Pass] = ()
    cache: str = "warm"
    conditions: Mapping[str, Any] = field(default_factory=dict)

    @property
    def samples_s(self) -> list[float]:
        """Return the samples of all passes, in order."""
        return [sample for _, samples in self.passes for sample in samples]

    @property
    def timed_s(self) -> float:
        """Return how long all timed calls took together."""
        return sum(
            sum(samples) * number for (_, samples), number in zip(self.passes, self.numbers, strict=True)
        )

    @property
    def median_s(self) -> float:
        """Return the median of the samples."""
        return median(self.samples_s)

    def amortised_s(self, calls: int) -> float:
        """Return the seconds per call where a process plans once and then makes a number of calls."""
        first = self.median_s if self.first_call_s is None else self.first_call_s
        return ((self.plan_s or 0.0) + first + (calls - 1) * self.median_s) / calls


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
    ceilings: Ceilings | None = None

    def columns(self) -> dict[str, Any]:
        """Return the columns of `Row` that are known; what belongs to its run is left to the run."""
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
            "cause": None if verdict.ok or verdict.failed else verdict.cause or verdict.reason,
            "layer": verdict.layer,
            "error_u": verdict.error_u,
            "error_bound_u": verdict.error_bound_u,
            "error_max_abs": verdict.error_max_abs,
            "error_rel_l2": verdict.error_rel_l2,
            "where": verdict.where,
            **self._times(),
            "peak_memory_bytes": self.measurement and self.measurement.peak_memory_bytes,
            "output_bytes": case.problems[-1].output_bytes,
            "im2col_bytes": max(problem.output_bytes + problem.im2col_bytes for problem in case.problems),
            "seed": verdict.seed,
            "reproduce": verdict.reproduce,
            "versus": case.versus,
            "printed": verdict.printed,
            **_samples(self.measurement),
            "values": verdict.values,
            "traits": dict(verdict.traits),
        }

    def _times(self) -> dict[str, Any]:
        """Return times, and the rates that follow from them and from the case's counts."""
        counts = {name: self.case.total(name) for name in ("parameters", "macs", "dense_macs", "flops")}
        counts["min_bytes"] = self.case.min_bytes
        if self.measurement is None:
            return counts
        measured = self.measurement
        from ..measure.stats import typical_time

        time_s, low, high = typical_time(measured.passes)
        return {
            **counts,
            "plan_s": measured.plan_s,
            "first_call_s": measured.first_call_s,
            "time_median_s": time_s,
            "time_low_s": low,
            "time_high_s": high,
            "samples": len(measured.samples_s),
            "number": max(measured.numbers),
            "cache": measured.cache,
            **dict(zip(AMORTISED_COLUMNS, map(measured.amortised_s, _AMORTISED_CALLS), strict=True)),
            "gflops": counts["flops"] / time_s / 1e9,
            "gbytes_s": counts["min_bytes"] / time_s / 1e9,
            "peak_fraction": self.ceilings and self.ceilings.peak_fraction(self.case, time_s),
        }


def _samples(measured: Measurement | None) -> dict[str, Any]:
    """Return raw samples and what belongs to them: all in a row, and how many each pass has."""
    if measured is None:
        return {}
    return {
        "samples_s": measured.samples_s,
        "passes": [
            (generation, len(samples), number)
            for (generation, samples), number in zip(measured.passes, measured.numbers, strict=True)
        ],
        "twin": [(generation, list(samples)) for generation, samples in measured.twin],
        "relative": paired_logarithms(measured.passes, measured.reference) or None,
        "conditions": dict(measured.conditions),
    }


def _fields(case: Case) -> dict[str, Any]:
    """Return the problem's fields; of a chain those in which its layers agree."""
    fields = {}
    for name in FIELDS:
        values = {getattr(problem, name) for problem in case.problems}
        value = values.pop() if len(values) == 1 else None
        # As a text, which every table format can hold.
        fields[name] = spatial_text(value, collapsed=False) if isinstance(value, tuple) else value
    return fields
