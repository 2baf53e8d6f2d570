"""What the records say, as small tables; pure functions from frame to frame that format nothing.

Layouts are rankings of their own: a baseline, a best time and a score belong to one layout.
"""

from collections.abc import Iterator
from math import exp, log
from typing import Any

import numpy as np
import pandas as pd

from ..errors import SelectionError, did_you_mean
from ..stats import paired_ratio
from .frames import LAYOUTS, prepare, records
from .statuses import FAILURES, SKIPPED, STATUSES

WORST_RATIO = 100.0  # a case solved this many times slower than by the fastest adds nothing to the score
DEFAULT_BASELINE = "pytorch.conv"

_LAYER = r"^layer \d+ \([^)]*\): "
_SAME_CASE = ["suite", "dtype", "direction", "threads", "machine", "implementation"]


def implementations(frame: pd.DataFrame) -> list[str]:
    """Return the names of the implementations, those of one library side by side."""
    rows = prepare(frame).drop_duplicates("implementation")
    return list(
        rows.sort_values(["library", "family", "implementation"], na_position="last")["implementation"]
    )


def cases(frame: pd.DataFrame) -> list[str]:
    """Return the labels of the cases, in the order of the suite."""
    return list(prepare(frame)["label"].unique())


def layouts(frame: pd.DataFrame) -> list[str]:
    """Return the layouts that occur, NCHW first."""
    found = set(prepare(frame)["layout"])
    return [name for name in LAYOUTS if name in found] + sorted(found.difference(LAYOUTS))


def is_timed(frame: pd.DataFrame) -> bool:
    """Return whether anything has a speed."""
    return bool(prepare(frame)["time_median_s"].notna().any())


def counts(frame: pd.DataFrame) -> dict[str, int]:
    """Return how many records have each status, in the order of `STATUSES`, without the zeros."""
    found = prepare(frame)["status"].value_counts()
    return {status: int(found[status]) for status in STATUSES if status in found}


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
    return matrix.reindex(index=implementations(frame), columns=cases(frame))


def baselines(frame: pd.DataFrame, chosen: str | None = None) -> dict[str, str]:
    """Return the baseline of each layout that has one: the chosen one, the usual one, the most timed one."""
    frame = prepare(frame)
    known = implementations(frame)
    if chosen is not None and chosen not in known:
        raise SelectionError(f"unknown baseline {chosen!r}{did_you_mean(chosen, known)}")
    pairs = ((layout, _baseline(rows, chosen)) for layout, rows in _by_layout(frame))
    return {layout: name for layout, name in pairs if name is not None}


def _baseline(rows: pd.DataFrame, chosen: str | None) -> str | None:
    if chosen is not None and chosen in set(rows["implementation"]):
        return chosen
    timed = rows.loc[rows["time_median_s"].notna(), "implementation"].value_counts()
    if DEFAULT_BASELINE in timed.index:
        return DEFAULT_BASELINE
    return min(timed.index, key=lambda name: (-timed[name], name), default=None)


def speedup(frame: pd.DataFrame, baseline: str | None = None) -> pd.DataFrame:
    """Return how many times as fast as its layout's baseline each implementation is on each case.

    In one run the samples of a case were taken in common rounds, so the ratio is taken within each
    round and then the median over the rounds; between runs it is the ratio of the medians.
    """
    frame = prepare(frame)
    chosen = baselines(frame, baseline)
    found: dict[str, dict[str, float]] = {label: {} for label in cases(frame)}
    for key, group in frame[frame["time_median_s"].notna()].groupby(["layout", "label"], sort=False):
        layout, label = map(str, key)
        rivals = {row["implementation"]: row for row in records(group)}
        base = rivals.get(chosen.get(layout))
        found[label] |= {name: _ratio(base, row) for name, row in rivals.items()} if base else {}
    return pd.DataFrame(
        found, index=pd.Index(implementations(frame)), columns=pd.Index(cases(frame)), dtype=float
    )


def _ratio(base: dict[str, Any], other: dict[str, Any]) -> float:
    paired = paired_ratio(base["samples_s"], other["samples_s"]) if base["run"] == other["run"] else None
    return float(base["time_median_s"] / other["time_median_s"]) if paired is None else paired


def slowdown(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the time of each implementation on each case over the best time of its layout."""
    frame = prepare(frame)
    times = time_matrix(frame)
    parts = [times.loc[_names(rows, times)] for _, rows in _by_layout(frame)]
    return pd.concat([part / part.min() for part in parts]).reindex(index=times.index) if parts else times


def profile(frame: pd.DataFrame, layout: str) -> pd.DataFrame:
    """Return the slow-down matrix of one layout over the cases that somebody timed; unsolved is infinite."""
    frame = prepare(frame)
    ratios = slowdown(frame[frame["layout"] == layout])
    return ratios.loc[:, ratios.notna().any()].fillna(np.inf)


def ranking(frame: pd.DataFrame, baseline: str | None = None) -> pd.DataFrame:
    """Return one row per implementation, best score first within each layout.

    The score is the area under the performance profile: the mean, over all cases that some
    implementation of the layout timed, of 1 for the fastest down to 0 for one a hundred times
    slower; an unsolved case is 0, and whoever could not be run at all has none. A geometric mean
    covers other cases for each implementation, so it comes with the number of its cases
    (`speedup_cases`) and never orders anything.
    """
    frame = prepare(frame)
    speedups = {str(name): row for name, row in speedup(frame, baseline).iterrows()}
    parts = [_rank_layout(rows, speedups, layout) for layout, rows in _by_layout(frame)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _rank_layout(rows: pd.DataFrame, speedups: "dict[str, pd.Series[Any]]", layout: str) -> pd.DataFrame:
    scores = _scores(profile(rows, layout))
    table = pd.DataFrame(
        [
            {
                "layout": layout,
                "implementation": name,
                "library": mine["library"].iloc[0],
                **_tally(mine),
                "score": scores.get(name, np.nan) if (mine["status"] != "unavailable").any() else np.nan,
                **_geometric_mean(speedups[str(name)]),
                "error_u": mine["error_u"].max(),
                "gflops": mine["gflops"].max(),
            }
            for name, mine in rows.groupby("implementation")
        ]
    )
    order = ["score", "passed", "implementation"]
    return table.sort_values(order, ascending=[False, False, True], na_position="last")


def _scores(ratios: pd.DataFrame) -> "pd.Series[Any]":
    return ratios.map(lambda ratio: max(0.0, 1 - log(ratio) / log(WORST_RATIO))).mean(axis="columns")


def _tally(rows: pd.DataFrame) -> dict[str, int]:
    statuses = rows["status"]
    return {
        "cases": len(rows),
        "passed": int((statuses == "passed").sum()),
        "failed": int(statuses.isin(FAILURES).sum()),
        **{status: int((statuses == status).sum()) for status in SKIPPED},
        "timed": int(rows["time_median_s"].notna().sum()),
    }


def _geometric_mean(values: "pd.Series[Any]") -> dict[str, float]:
    common = values.dropna().astype(float)
    mean = exp(float(np.log(common).mean())) if len(common) else np.nan
    return {"speedup": mean, "speedup_cases": len(common)}


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


def failures(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the records that failed, with what went wrong, where, and the command that repeats it.

    The first failure of every implementation comes before anybody's second.
    """
    frame = prepare(frame)
    columns = [
        "suite",
        "label",
        "implementation",
        "status",
        "reason",
        "layer",
        "where",
        "error_u",
        "reproduce",
    ]
    failed = frame.loc[frame["status"].isin(FAILURES), [*columns, "run"]]
    turn = failed.groupby("implementation").cumcount()
    return failed.loc[turn.sort_values(kind="stable").index]


def skipped(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what was not judged, one row per status and reason, most frequent first.

    Reasons that differ only in the value they got, or in the layer of a chain, are one reason.
    """
    frame = prepare(frame)
    rows = frame[frame["status"].isin(SKIPPED)]
    reason = rows["reason"].fillna("no reason given").astype(str)
    reason = reason.str.replace(_LAYER, "", regex=True).str.split(", got ", n=1).str[0]
    groups = rows.assign(reason=reason).groupby(["status", "reason"], sort=False)
    table = pd.DataFrame(
        [
            {
                "status": status,
                "reason": reason,
                "records": len(group),
                "implementations": implementations(group),
            }
            for (status, reason), group in groups
        ],
        columns=["status", "reason", "records", "implementations"],
    )
    return table.sort_values(
        ["status", "records"], ascending=[False, False], kind="stable", ignore_index=True
    )


def weighted_total(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the seconds of each implementation on each whole suite, a layer counted as often as it occurs.

    Missing where an implementation lacks a time for a case that another one of its layout timed.
    """
    frame = prepare(frame)
    suites = list(frame["suite"].dropna().unique())
    totals = {suite: pd.concat(list(_totals(frame[frame["suite"] == suite]))) for suite in suites}
    return pd.DataFrame(totals, index=pd.Index(implementations(frame)), columns=pd.Index(suites))


def _totals(suite: pd.DataFrame) -> "Iterator[pd.Series[Any]]":
    for _, rows in _by_layout(suite):
        times = time_matrix(rows).astype(float)
        times = times.loc[:, times.notna().any()]
        weights = rows.drop_duplicates("label").set_index("label")["weight"].fillna(1.0)
        yield times.mul(weights.reindex(times.columns)).sum(axis="columns", skipna=False, min_count=1)


def network_totals(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the weighted totals of those suites that say how often a layer occurs."""
    rows = prepare(frame)
    weighted = rows.loc[rows["weight"].fillna(1.0) != 1.0, "suite"].dropna().unique()
    return weighted_total(rows)[list(weighted)].dropna(axis="columns", how="all")


def _by_layout(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for layout in layouts(frame):
        yield layout, frame[frame["layout"] == layout]


def _names(rows: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    mine = set(rows["implementation"])
    return [name for name in table.index if name in mine]
