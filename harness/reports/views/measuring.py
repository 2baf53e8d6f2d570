"""What the records say about how they were measured, and about costs besides the time of a call."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from ...runs.record import AMORTISED_COLUMNS
from .frames import records

FIRST_CALL_RATIO = 2.0
"""A first call that takes at least this many times the usual time is a cost of its own."""

LEAST_OUTPUT = 2**16
"""Memory is known to a few pages, so that it is not shown as a multiple of an output smaller than this."""

_BUSY = 1.0
"""Processors that other processes may use while one stays free for what is timed."""

_STOLEN = 0.05
"""What a virtual machine's host may always take: processor time is counted in hundredths of a second."""

_WAITING = 0.1
"""The share of a record's samples that may have been disturbed: it hardly moves their median."""

_Conditions = dict[str, Any]
_DISTURBANCES: dict[str, Callable[[_Conditions], float | None]] = {
    "foreign": lambda met: _above(met, "foreign_processors", 0.0 if met.get("disturbed_blocks") else _BUSY),
    "waiting": lambda met: _above(met, "disturbed_samples", _WAITING * (met.get("samples") or 0)),
    "stolen": lambda met: _above(met, "stolen_processors", _STOLEN),
    "swapped": lambda met: _above(met, "swapped_bytes"),
    "throttled": lambda met: _above(met, "throttled"),
}


def disturbances(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what disturbed the measuring: one row per kind, none if nothing did.

    A kind disturbed `records` of the `timed` ones: `total` is its sum over them and `worst` its largest
    value. Kinds: `foreign` are processors that other processes used, `waiting` samples that were kept
    although they waited for a processor, `stolen` processors that a virtual machine's host took,
    `swapped` bytes, and `throttled` counts how often the processor was slowed down.
    """
    columns = ["implementation", "conditions", "samples"]
    timed = records(rows.loc[rows["time_median_s"].notna(), columns])
    found = []
    for kind, met_with in _DISTURBANCES.items():
        worst = [(row["implementation"], met_with({**(row["conditions"] or {}), **row})) for row in timed]
        known = [(name, value) for name, value in worst if value is not None]
        if known:
            values = [value for _, value in known]
            names = list(dict.fromkeys(name for name, _ in known))
            found.append((kind, len(known), len(timed), sum(values), max(values), names))
    return pd.DataFrame(found, columns=["kind", "records", "timed", "total", "worst", "implementations"])


def _above(met: _Conditions, name: str, limit: float = 0.0) -> float | None:
    value = float(met.get(name) or 0)
    return value if value > limit else None


def overheads(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the records with a cost besides that of a call: a plan, or a first call that takes much longer.

    The largest such cost comes first.
    """
    late = rows["first_call_s"] > FIRST_CALL_RATIO * rows["time_median_s"]
    columns = ["label", "implementation", "plan_s", "first_call_s", "time_median_s"]
    timed = rows["time_median_s"].notna() & (rows["plan_s"].notna() | late)
    largest = (rows["plan_s"].fillna(0) + rows["first_call_s"].fillna(0))[timed]
    order = largest.sort_values(ascending=False, kind="stable").index
    return rows.loc[order, [*columns, *AMORTISED_COLUMNS]]


def memory(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the memory of calls as multiples of the output, beside what im2col would need.

    A direct convolution needs the output alone. The largest multiple comes first; cases with small
    outputs are left out.
    """
    known = rows["peak_memory_bytes"].notna() & (rows["output_bytes"] >= LEAST_OUTPUT)
    columns = ["label", "implementation", "peak_memory_bytes", "output_bytes", "im2col_bytes"]
    large = rows.loc[known, columns]
    return large.assign(
        memory_ratio=large["peak_memory_bytes"] / large["output_bytes"],
        im2col_ratio=large["im2col_bytes"] / large["output_bytes"],
    ).sort_values("memory_ratio", ascending=False, kind="stable")
