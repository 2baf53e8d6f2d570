"""asv's own files as rows of a history: they know less than our runs, and may be all that is left."""

import json
from ast import literal_eval
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import isnan
from pathlib import Path
from typing import Any

from ...errors import ResultsError
from ..repository import Commit
from .manifest import Manifest, attributes_of, module_of

_FIGURES = {
    "track_time": "time_median_s",
    "track_relative_time": "relative_time",
    "track_error": "error_u",
    "track_plan": "plan_s",
    "track_memory": "peak_memory_bytes",
}


Series = tuple[str, str, str]
"""Suite, case and implementation."""

Row = dict[str, Any]


def asv_rows(folder: Path, line: Sequence[Commit], manifests: Sequence[Manifest]) -> Iterator[Row]:
    """Yield what asv's files have of our benchmarks, as far as they say, with the columns of a history.

    A failed one has no figure and no reason there. Raises `ResultsError` for a damaged file.
    """
    names = {name: one for known in manifests for name, one in attributes_of(known.implementations).items()}
    suites = {module_of(source): Path(source).stem for known in manifests for source in known.suites}
    places = {commit.hash: place for place, commit in enumerate(line)}
    for path in sorted(folder.glob("*/*-*.json")):
        stored = _decoded(path)
        place = places.get(str(stored.get("commit_hash")))
        if place is None:
            continue
        about = {
            "commit": line[place].hash,
            "position": place,
            "date": line[place].date,
            "subject": line[place].subject,
            "machine": path.parent.name,
            "environment": stored.get("env_name"),
            "source": "asv",
        }
        for (suite, case, implementation), figures in _figures(stored, names, suites).items():
            has_failed = figures.pop("failed")
            if figures or has_failed:
                status = "passed" if figures and not has_failed else "error"
                whose = {"suite": suite, "case": case, "implementation": implementation, "status": status}
                yield figures | about | whose


def _figures(stored: Row, names: Mapping[str, str], suites: Mapping[str, str]) -> dict[Series, Row]:
    """Return the figures in one of asv's files, and for each series whether any has `failed`."""
    found: dict[Series, Row] = {}
    for name, cells in stored.get("results", {}).items():
        module, attribute, method = (*name.split(".", 2), "", "")[:3]
        row = dict(zip(stored["result_columns"], cells, strict=False))
        if method not in _FIGURES or not row.get("params"):
            continue
        cases = list(product(*row["params"]))
        values = row.get("result") or [None] * len(cases)  # null as a whole where all have failed
        for (case,), value in zip(cases, values, strict=False):
            series = suites.get(module, module), _literal(case), names.get(attribute, attribute)
            figures = found.setdefault(series, {"failed": False})
            figures["failed"] |= value is None
            if isinstance(value, (int, float)) and not isnan(value):
                figures[_FIGURES[method]] = value
    return found


def _literal(text: str) -> str:
    """Return the text that asv has written as Python would."""
    try:
        return str(literal_eval(text))
    except (SyntaxError, ValueError):
        return text


def _decoded(path: Path) -> dict[str, Any]:
    """Return one of asv's files, which may hold NaN and so are not quite JSON."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path} is damaged: {error}") from None
    return found if isinstance(found, dict) else {}
