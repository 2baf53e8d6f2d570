"""Records as comma-separated values, the flat columns first; raw samples stay in the stored run."""

import json
from typing import Any

from ...runs.row import COLUMNS, NESTED_COLUMNS
from ..report import Report
from ..views.cases import is_timed
from ..views.comparisons import COMPARISON_COLUMNS, with_comparisons

_RAW = ("samples_s", "twin")


def render(report: Report) -> str:
    """Return every record as one line of CSV, with how it compares if anything was timed.

    Nested values are JSON, raw samples are left out.
    """
    nested = [name for name in NESTED_COLUMNS if name not in _RAW]
    if is_timed(report.frame):
        frame = with_comparisons(report.stored, report.comparisons)
        flat = frame[[*COLUMNS, *COMPARISON_COLUMNS, *nested]]
    else:
        flat = report.stored[[*COLUMNS, *nested]]
    cells = flat.assign(**{name: flat[name].map(_flat) for name in nested})
    return cells.to_csv(index=False, lineterminator="\n")


def _flat(value: Any) -> Any:
    return json.dumps(value, default=str) if isinstance(value, dict | list | tuple) else value
