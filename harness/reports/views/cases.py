"""The implementations, cases and layouts that occur, tables of one by another, and pairs of cases."""

from collections.abc import Iterator

import pandas as pd

from ...numerics.arrays import LAYOUTS

_SAME_CASE = ["suite", "dtype", "direction", "threads", "machine", "implementation"]


def implementations(rows: pd.DataFrame) -> list[str]:
    """Return the names of the implementations, those of one library side by side."""
    order = ["library", "family", "implementation"]
    named = rows.drop_duplicates("implementation").sort_values(order, na_position="last")
    return list(named["implementation"])


def labels(rows: pd.DataFrame) -> list[str]:
    """Return the labels of the cases, in the order of the suite."""
    return list(rows["label"].unique())


def layouts(rows: pd.DataFrame) -> list[str]:
    """Return the layouts that occur, NCHW first."""
    found = set(rows["layout"])
    return [name for name in LAYOUTS if name in found] + sorted(found.difference(LAYOUTS))


def by_layout(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each layout with its records, NCHW first."""
    for layout in layouts(rows):
        yield layout, rows[rows["layout"] == layout]


def is_timed(rows: pd.DataFrame) -> bool:
    """Return whether anything has a speed."""
    return bool(rows["time_median_s"].notna().any())


def verdict_matrix(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the status of each implementation on each case."""
    return _matrix(rows, "status")


def time_matrix(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the median seconds per call of each implementation on each case."""
    return _matrix(rows, "time_median_s")


def error_matrix(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the largest error, in rounding units, of each implementation on each case."""
    return _matrix(rows, "error_u")


def _matrix(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    matrix = rows.pivot(index="implementation", columns="label", values=column)  # noqa: PD010 (one cell, one record)
    return matrix.reindex(index=implementations(rows), columns=labels(rows))


def alternatives(rows: pd.DataFrame) -> pd.DataFrame:
    """Return, per implementation, each case that is an alternative to another one beside that other.

    `*_plain` is the other case; a ratio says how many times less the alternative needs.
    """
    mine = rows[rows["versus"].notna()]
    columns = [*_SAME_CASE, "case", "label", "status", "parameters", "dense_macs", "time_median_s"]
    pairs = mine[[*columns, "layout", "library", "versus"]].merge(
        rows[columns],
        left_on=[*_SAME_CASE, "versus"],
        right_on=[*_SAME_CASE, "case"],
        suffixes=("", "_plain"),
    )
    for column in ("parameters", "dense_macs", "time_median_s"):
        pairs[column.removesuffix("_median_s") + "_ratio"] = pairs[f"{column}_plain"] / pairs[column]
    layout = pairs["layout"].map({name: place for place, name in enumerate(LAYOUTS)})
    order = pairs.assign(layout=layout).sort_values(["label", "layout", "time_median_s", "implementation"])
    return pairs.loc[order.index].reset_index(drop=True)
