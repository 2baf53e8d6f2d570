"""Stored records made ready for the views: the newest of each case and implementation, with its label."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from ...measure.stopwatch import Effort
from ...numerics.arrays import LAYOUTS
from ...plugins.support import Unsupported
from ...runs.row import COLUMNS, TABLE
from ...runs.run import Run
from ..statuses import SKIPPED

COLD = "cold"

_NUMBERS = tuple(
    column.name for column in TABLE if column.is_numeric and column.group not in ("problem", "reproduction")
)
"""What is computed with; the fields of a problem and the seed are names of what they belong to."""

_RATES = tuple(column.name for column in TABLE if column.group in ("time", "rate"))
_SPEEDS = (*(column.name for column in TABLE if column.group == "plan"), *_RATES)
_TELLS_APART = ("suite", "dtype", "direction", "threads", "machine", "cache", "problem")


def prepare(stored: pd.DataFrame, runs: Sequence[Run]) -> pd.DataFrame:
    """Return the newest record of each case and implementation, with a `label` that names the case alone.

    `stored` has every column of a record. A record that did not pass loses its times. A row also has the
    `cache` ("warm" or "cold") that it was timed with, the `precision` of its run's settings, and the
    `cause` of a record that was not judged. Only a `Report` calls this, once.
    """
    full = stored.reset_index(drop=True)
    text = [column for column in COLUMNS if column not in _NUMBERS]
    full[text] = full[text].apply(_objects)
    full[list(_NUMBERS)] = full[list(_NUMBERS)].apply(pd.to_numeric, errors="coerce").astype(float)
    full["layout"] = full["layout"].fillna(LAYOUTS[0])
    full["library"] = full["library"].fillna(full["family"]).fillna("other")
    efforts = {run.id: run.settings.effort for run in runs}
    usual = Effort()
    caches = zip(full["cache"], full["run"], strict=True)
    full["cache"] = [str(own or efforts.get(run, usual).cache) for own, run in caches]
    full["precision"] = [efforts.get(run, usual).precision for run in full["run"]]
    full["cause"] = _causes(full)
    full["label"] = _labels(full)
    return _newest(_without_speed(full))


def _objects(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return cells as Python's own values, None where they are empty; equal ones are one object."""
    codes, known = pd.factorize(cells)  # an empty cell has the code -1
    values: list[Any] = [*np.asarray(known, dtype=object), None]
    return pd.Series([values[code] for code in codes], index=cells.index, dtype=object)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as plain dictionaries, an empty cell as None."""
    return [{key: _plain(value) for key, value in row.items()} for row in frame.to_dict("records")]  # type: ignore[misc]


def plain_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a run as plain values; one that was not read from a file holds the engine's own."""
    plain: dict[str, Any] = msgspec.to_builtins(dict(facts), enc_hook=str)
    return plain


def present(frame: pd.DataFrame, column: str) -> list[str]:
    """Return the different values of a column as text, in order of appearance, without the empty ones."""
    return [_text(value) for value in frame[column].dropna().unique()]


def _plain(value: Any) -> Any:
    value = value.tolist() if isinstance(value, np.generic | np.ndarray) else value
    return None if isinstance(value, float) and np.isnan(value) else value


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _labels(frame: pd.DataFrame) -> pd.Series:
    """Name each case; where one name covers two suites, data types or machines, say which."""
    label = frame["case"].fillna(frame["problem"]).astype(str)
    for column in _TELLS_APART:
        ambiguous = frame[column].groupby(label).transform("nunique") > 1
        unit = " threads" if column == "threads" else ""
        text = frame[column].map(
            lambda value, unit=unit: "" if pd.isna(value) else f" · {_text(value)}{unit}"
        )
        label = label.where(~ambiguous, label + text.astype(str))
    return label


def _without_speed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows in which a record that did not pass, or whose time is impossible, has no time."""
    passed = frame["status"] == "passed"
    timed = passed & (frame["time_median_s"] > 0) & np.isfinite(frame["time_median_s"])
    frame.loc[~passed, list(_SPEEDS)] = np.nan
    frame.loc[~timed, list(_RATES)] = np.nan
    samples = zip(frame["samples_s"], timed, strict=True)
    frame["samples_s"] = pd.Series(
        [values if ok and values is not None else [] for values, ok in samples], dtype=object
    )
    return frame


_CHAIN_LAYER = re.compile(r"^layer \d+ \([^)]*\): ")


def _causes(frame: pd.DataFrame) -> pd.Series:
    """Return the causes of records that were not judged; earlier versions stored them in the reason only."""
    lacking = frame["cause"].isna() & frame["reason"].notna() & frame["status"].isin(SKIPPED)
    lines = frame.loc[lacking, "reason"].astype(str)
    return frame["cause"].where(
        ~lacking, lines.map(lambda line: Unsupported.read(_CHAIN_LAYER.sub("", line)).needs)
    )


def _newest(frame: pd.DataFrame) -> pd.DataFrame:
    started = frame["started_at"].astype(str)
    newest_last = frame.iloc[started.argsort(kind="stable").to_numpy()]
    newest = newest_last.drop_duplicates(["label", "implementation"], keep="last")
    return newest.sort_index().reset_index(drop=True)
