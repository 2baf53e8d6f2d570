"""Records as comma-separated values, the flat columns first; raw samples stay in the stored run."""

import json
from typing import Any

import pandas as pd

from ..records import COLUMNS, NESTED_COLUMNS


def render(frame: pd.DataFrame, *, baseline: str | None = None) -> str:  # noqa: ARG001 (every format takes one)
    """Return every record as one line of CSV; nested values are JSON, raw samples are left out."""
    extra = [name for name in frame.columns if name not in (*COLUMNS, *NESTED_COLUMNS)]
    nested = [name for name in NESTED_COLUMNS if name in frame.columns and name != "samples_s"]
    flat = frame.reindex(columns=[*COLUMNS, *extra, *nested])
    for name in [*extra, *nested]:
        flat[name] = flat[name].map(_flat)
    return flat.to_csv(index=False, lineterminator="\n")


def _flat(value: Any) -> Any:
    return json.dumps(value, default=str) if isinstance(value, dict | list | tuple) else value
