"""The figures of a commit on their way from the process that has measured it to asv's benchmarks.

asv reads them in a process for each benchmark, which is why nothing here loads a numeric library.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from ...errors import ResultsError

Figure = Literal["time", "relative_time", "error", "plan", "memory"]

Figures = Mapping[str, Any]
"""What asv may ask of a record: `Figure`, and `status`, `reason` and whether it has `failed`."""

_CACHE = Path("convharness-samples.json")
"""In the working folder that asv gives to all that belongs to one commit."""


def write_figures(figures: Mapping[str, Figures]) -> None:
    """Leave the figures of a commit, by `key`, in the working folder."""
    _CACHE.write_bytes(msgspec.json.encode(figures))


def key(suite: str, implementation: str, case: str) -> str:
    """Return by which name the figures of a record are kept."""
    return f"{suite}|{implementation}|{case}"


def read_samples(suite: str, implementation: str, case: str, figure: Figure) -> Any:
    """Return a figure of the commit: samples as asv takes them for times, a number for the error.

    A sample is the median of one process: asv counts samples as if they were independent, which only
    those of different processes are. `relative_time` is that of the ratios to the engine's own
    reference within each round: between two days it moves by a fraction of what seconds do. `plan` is
    the seconds of planning and `memory` the bytes of a call at its peak. Returns None where the commit
    lacks the implementation or the implementation does not support the case.

    Raises `ResultsError` with the verdict where it failed.
    """
    figures = _read_cache().get(key(suite, implementation, case))
    if figures is None:
        return None
    if figures["failed"]:
        raise ResultsError(f"{implementation} on {case}: {figures['status']}: {figures['reason']}")
    return figures.get(figure)


def _read_cache() -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(_CACHE.read_bytes(), type=dict[str, Any])
    except OSError:
        raise ResultsError(
            "the engine left no samples for this commit; see what setup_cache printed"
        ) from None
