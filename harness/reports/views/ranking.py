"""Which implementation leads: scores, performance profiles, and the time of whole suites.

Layouts are rankings of their own: a baseline, a best time and a score belong to one layout.
"""

from collections.abc import Iterator
from math import exp, log
from typing import Any

import numpy as np
import pandas as pd

from ..statuses import FAILURES, SKIPPED
from .cases import by_layout, implementations, time_matrix
from .comparisons import DECISIONS, Baselines, speedup

WORST_RATIO = 100.0
"""A case that takes this many times as long as the fastest implementation adds nothing to the score."""


def slowdown(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the time of each implementation on each case over the best time of its layout."""
    times = time_matrix(rows)
    parts = [times.loc[_names(mine, times)] for _, mine in by_layout(rows)]
    return pd.concat([part / part.min() for part in parts]).reindex(index=times.index) if parts else times


def _names(rows: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    mine = set(rows["implementation"])
    return [name for name in table.index if name in mine]


def profile(rows: pd.DataFrame, layout: str) -> pd.DataFrame:
    """Return the slow-down matrix of one layout over the cases that were timed; infinite without a time."""
    ratios = slowdown(rows[rows["layout"] == layout])
    return ratios.loc[:, ratios.notna().any()].fillna(np.inf)


def ranked(compared: pd.DataFrame, baselines: Baselines) -> pd.DataFrame:
    """Return one row per implementation of rows with comparisons, best score first within each layout.

    The score is the area under the performance profile: the mean, over all cases that some
    implementation of the layout timed, of 1 for the fastest down to 0 for one a hundred times
    slower; an unsolved case is 0, and an implementation that could not be run at all has no score. A
    geometric mean covers other cases for each implementation, so it comes with the number of its cases
    (`speedup_cases`) and never orders anything. How many cases had which decision is missing for an
    implementation that was compared on none.
    """
    speedups = {str(name): row for name, row in speedup(compared, baselines).iterrows()}
    parts = [_rank_layout(rows, speedups, layout) for layout, rows in by_layout(compared)]
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
                **_decided(mine),
                "error_u": mine["error_u"].max(),
                "gflops": mine["gflops"].max(),
                "peak_fraction": mine["peak_fraction"].max(),
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


def _decided(rows: pd.DataFrame) -> dict[str, float]:
    words = rows["decision"].dropna()
    return {word: sum(word == one for one in words) if len(words) else np.nan for word in DECISIONS}


def _geometric_mean(values: "pd.Series[Any]") -> dict[str, float]:
    common = values.dropna().astype(float)
    mean = exp(float(np.log(common).mean())) if len(common) else np.nan
    return {"speedup": mean, "speedup_cases": len(common)}


def weighted_total(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the seconds of each implementation on each whole suite, a layer counted as often as it occurs.

    Missing where an implementation lacks a time for a case that another one of its layout timed.
    """
    suites = list(rows["suite"].dropna().unique())
    totals = {suite: pd.concat(list(_totals(rows[rows["suite"] == suite]))) for suite in suites}
    return pd.DataFrame(totals, index=pd.Index(implementations(rows)), columns=pd.Index(suites))


def _totals(suite: pd.DataFrame) -> Iterator["pd.Series[Any]"]:
    for _, rows in by_layout(suite):
        times = time_matrix(rows).astype(float)
        times = times.loc[:, times.notna().any()]
        weights = rows.drop_duplicates("label").set_index("label")["weight"].fillna(1.0)
        yield times.mul(weights.reindex(times.columns)).sum(axis="columns", skipna=False, min_count=1)


def network_totals(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the weighted totals of those suites that say how often a layer occurs."""
    weighted = rows.loc[rows["weight"].fillna(1.0) != 1.0, "suite"].dropna().unique()
    return weighted_total(rows)[list(weighted)].dropna(axis="columns", how="all")
