"""Records as comma-separated values, the flat columns first; raw samples stay in the stored run."""

import json
from typing import Any

import pandas as pd

from ...runs.record import COLUMNS, NESTED_COLUMNS
from ..views import cases, comparisons

_RAW = ("samples_s", "twin")


def render(frame: pd.DataFrame, *, baseline: str | None = None) -> str:
    """Return every record as one line of CSV, with how it compares if anything was timed.

    Nested values are JSON, raw samples are left out.
    """
    if cases.is_timed(frame):
        frame = comparisons.with_comparisons(frame, baseline)
    compared = [name for name in comparisons.COMPARISON_COLUMNS if name in frame.columns]
    known = (*COLUMNS, *compared, *NESTED_COLUMNS)
    extra = [name for name in frame.columns if name not in known]
    nested = [name for name in NESTED_COLUMNS if name in frame.columns and name not in _RAW]
    flat = frame.reindex(columns=[*COLUMNS, *compared, *extra, *nested])
    for name in [*extra, *nested]:
        flat[name] = flat[name].map(_flat)
    return flat.to_csv(index=False, lineterminator="\n")


def _flat(value: Any) -> Any:
    return json.dumps(value, default=str) if isinstance(value, dict | list | tuple) else value
