"""The implementations, cases and layouts that occur, tables of one by another, and pairs of cases."""

from collections.abc import Iterator

import pandas as pd

from ...numerics.arrays import LAYOUTS
from .frames import prepare

_SAME_CASE = ["suite", "dtype", "direction", "threads", "machine", "implementation"]


def implementations(frame: pd.DataFrame) -> list[str]:
    """Return the names of the implementations, those of one library side by side."""
    rows = prepare(frame).drop_duplicates("implementation")
    return list(
        rows.sort_values(["library", "family", "implementation"], na_position="last")["implementation"]
    )


def labels(frame: pd.DataFrame) -> list[str]:
    """Return the labels of the cases, in the order of the suite."""
    return list(prepare(frame)["label"].unique())


def layouts(frame: pd.DataFrame) -> list[str]:
    """Return the layouts that occur, NCHW first."""
    found = set(prepare(frame)["layout"])
    return [name for name in LAYOUTS if name in found] + sorted(found.difference(LAYOUTS))


def by_layout(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each layout with its records, NCHW first."""
    for layout in layouts(frame):
        yield layout, frame[frame["layout"] == layout]


def is_timed(frame: pd.DataFrame) -> bool:
    """Return whether anything has a speed."""
    return bool(prepare(frame)["time_median_s"].notna().any())


def verdict_matrix(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the status of each implementation on each case."""
    return _matrix(frame, "status")


def time_matrix(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the median seconds per call of each implementation on each case."""
    return _matrix(frame, "time_median_s")


def error_matrix(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the largest error, in rounding units, of each implementation on each case."""
    return _matrix(frame, "error_u")


def _matrix(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    frame = prepare(frame)
    matrix = frame.pivot(index="implementation", columns="label", values=column)  # noqa: PD010 (one cell, one record)
    return matrix.reindex(index=implementations(frame), columns=labels(frame))


def alternatives(frame: pd.DataFrame) -> pd.DataFrame:
    """Return, per implementation, each case that is an alternative to another one beside that other.

    `*_plain` is the other case; a ratio says how many times less the alternative needs.
    """
    frame = prepare(frame)
    mine = frame[frame["versus"].notna()]
    columns = [*_SAME_CASE, "case", "label", "status", "parameters", "dense_macs", "time_median_s"]
    pairs = mine[[*columns, "layout", "library", "versus"]].merge(
        frame[columns],
        left_on=[*_SAME_CASE, "versus"],
        right_on=[*_SAME_CASE, "case"],
        suffixes=("", "_plain"),
    )
    for column in ("parameters", "dense_macs", "time_median_s"):
        pairs[column.removesuffix("_median_s") + "_ratio"] = pairs[f"{column}_plain"] / pairs[column]
    layout = pairs["layout"].map({name: place for place, name in enumerate(LAYOUTS)})
    order = pairs.assign(layout=layout).sort_values(["label", "layout", "time_median_s", "implementation"])
    return pairs.loc[order.index].reset_index(drop=True)
