"""What the records say about their measuring and its other costs; pure functions from frame to frame.

As in `views`, nothing here formats anything.
"""

from collections.abc import Callable
from typing import Any

import pandas as pd

from ...runs.record import AMORTISED_COLUMNS
from .frames import prepare, records

FIRST_CALL_RATIO = 2.0
"""A first call that takes so many times the usual time is a cost of its own."""

LEAST_OUTPUT = 2**16
"""Memory is known to the page, and to some that come with it: of smaller outputs it is no multiple."""

_BUSY = 1.0
"""Processors that others may use while a processor stays free for what is timed; memory is shared, though."""

_STOLEN = 0.05
"""A virtual machine's host always takes some: processor time is counted in hundredths of a second."""

_WAITING = 0.1
"""The share of a record's samples that may have been disturbed: their median does not mind."""

_Conditions = dict[str, Any]
_DISTURBANCES: dict[str, Callable[[_Conditions], float | None]] = {
    "foreign": lambda met: _above(met, "foreign_processors", 0.0 if met.get("disturbed_blocks") else _BUSY),
    "waiting": lambda met: _above(met, "disturbed_samples", _WAITING * (met.get("samples") or 0)),
    "stolen": lambda met: _above(met, "stolen_processors", _STOLEN),
    "swapped": lambda met: _above(met, "swapped_bytes"),
    "throttled": lambda met: _above(met, "throttled"),
}


def disturbances(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what was not as it should be while something was timed: one row per kind, none if all was well.

    `records` of the `timed` ones met with it, and what they met with adds up to `total` and was `worst`.
    Kinds: `foreign` processors in use, many samples kept although they were `waiting` for a processor,
    processors `stolen` by a virtual machine's host, bytes `swapped`, and times `throttled`.
    """
    frame = prepare(frame)
    columns = ["implementation", "conditions", "samples"]
    timed = records(frame.loc[frame["time_median_s"].notna(), columns])
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


def overheads(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the records with a cost besides that of a call: a plan, or a first call that takes much longer.

    The largest such cost comes first.
    """
    frame = prepare(frame)
    late = frame["first_call_s"] > FIRST_CALL_RATIO * frame["time_median_s"]
    columns = ["label", "implementation", "plan_s", "first_call_s", "time_median_s"]
    timed = frame["time_median_s"].notna() & (frame["plan_s"].notna() | late)
    largest = (frame["plan_s"].fillna(0) + frame["first_call_s"].fillna(0))[timed]
    order = largest.sort_values(ascending=False, kind="stable").index
    return frame.loc[order, [*columns, *AMORTISED_COLUMNS]]


def memory(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the memory of calls as multiples of the output, beside what im2col would need.

    A direct convolution needs the output alone. The largest multiple comes first; cases with small
    outputs are left out.
    """
    frame = prepare(frame)
    known = frame["peak_memory_bytes"].notna() & (frame["output_bytes"] >= LEAST_OUTPUT)
    columns = ["label", "implementation", "peak_memory_bytes", "output_bytes", "im2col_bytes"]
    rows = frame.loc[known, columns]
    return rows.assign(
        memory_ratio=rows["peak_memory_bytes"] / rows["output_bytes"],
        im2col_ratio=rows["im2col_bytes"] / rows["output_bytes"],
    ).sort_values("memory_ratio", ascending=False, kind="stable")
