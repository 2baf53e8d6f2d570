"""What the records say, as small tables; pure functions from frame to frame that format nothing.

Layouts are rankings of their own: a baseline, a best time and a score belong to one layout.
"""

from collections.abc import Callable, Iterator, Mapping
from math import exp, log
from typing import Any, get_args

import numpy as np
import pandas as pd

from ..errors import SelectionError, did_you_mean
from ..measure.decisions import LEAST_MARGIN, Decision, Word, all_told, decide, noise_floor
from ..measure.stats import paired_estimate, paired_ratio
from ..numerics.arrays import LAYOUTS
from ..runs.store import passes_of
from .frames import prepare, records
from .statuses import FAILURES, SKIPPED, STATUSES

WORST_RATIO = 100.0  # a case solved this many times slower than by the fastest adds nothing to the score
DEFAULT_BASELINE = "pytorch.conv"

DECISIONS: tuple[str, ...] = get_args(Word)

COMPARISON_COLUMNS = (
    *("baseline", "time_ratio", "time_ratio_low", "time_ratio_high"),
    *("decision", "noise_floor", "detectable"),
)
"""What `comparisons` says of a record."""

_IDENTITY = ("run", "suite", "case", "problem", "implementation")
_COMPARED = ("run", "suite", "case", "problem", "label", "layout", "implementation")
_COMPARED_NUMBERS = ("time_ratio", "time_ratio_low", "time_ratio_high", "noise_floor", "detectable")

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


def comparisons(frame: pd.DataFrame, baseline: str | None = None) -> pd.DataFrame:
    """Return, for everything that was timed beside its layout's baseline, how the two compare.

    One row per implementation and case: `time_ratio` is its time over the baseline's, between
    `time_ratio_low` and `time_ratio_high` at 95 %; `decision` is "faster", "slower", "same" or "cannot
    tell"; differences of up to `noise_floor` are noise, and the smallest slow-down that would have been
    seen is `detectable`, both as shares. All decisions of the frame are made together. Times of
    different runs, or of fewer than three processes, have a ratio and nothing else: the machine is never
    the same twice.
    """
    frame = prepare(frame)
    floors = _noise_floors(frame)
    pairs = list(_rivalries(frame, baseline))
    decided = all_told(
        {place: _decision(base, row, floors) for place, (base, row) in enumerate(pairs)},
    )
    return pd.DataFrame(
        [
            {**{name: row[name] for name in _COMPARED}, **_outcome(base, decided[place])}
            for place, (base, row) in enumerate(pairs)
        ],
        columns=[*_COMPARED, *COMPARISON_COLUMNS],
    )


def comparison_of(
    frame: pd.DataFrame, baseline: str | None = None
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return a function that gives the columns of `comparisons` for a record; None for who has no other."""
    found = {
        _identity(row): {name: row[name] for name in COMPARISON_COLUMNS}
        for row in records(comparisons(frame, baseline))
    }
    nothing = dict.fromkeys(COMPARISON_COLUMNS)
    return lambda row: found.get(_identity(row), nothing)


def with_comparisons(frame: pd.DataFrame, baseline: str | None = None) -> pd.DataFrame:
    """Return the records with the columns of `comparisons`; missing for what has nothing to compare with."""
    compared = comparison_of(frame, baseline)
    rows = [compared(row) for row in records(frame.reindex(columns=list(_IDENTITY)))]
    told = pd.DataFrame(rows, index=frame.index, columns=list(COMPARISON_COLUMNS))
    told[list(_COMPARED_NUMBERS)] = told[list(_COMPARED_NUMBERS)].astype(float)
    known = frame.drop(columns=list(COMPARISON_COLUMNS), errors="ignore")
    joined = pd.concat([known, told], axis="columns")
    joined.attrs = frame.attrs
    return joined


def outcomes(compared: pd.DataFrame) -> pd.DataFrame:
    """Return, for each implementation beside its baseline, in how many cases each decision was made.

    `untold` cases have a ratio and no interval; `detectable` is the median of the cases that have one.
    """
    rows = compared[compared["decision"].notna()]
    groups = rows.groupby(["layout", "baseline", "implementation"], sort=False)
    table = pd.DataFrame(
        [
            {**dict(zip(("layout", "baseline", "implementation"), map(str, key), strict=True)), **_told(mine)}
            for key, mine in groups
        ],
        columns=["layout", "baseline", "implementation", *DECISIONS, "untold", "detectable"],
    )
    return table.astype(dict.fromkeys((*DECISIONS, "untold"), int))


def _told(rows: pd.DataFrame) -> dict[str, Any]:
    return {
        **{word: int((rows["decision"] == word).sum()) for word in DECISIONS},
        "untold": int(rows["detectable"].isna().sum()),
        "detectable": rows["detectable"].median(),
    }


def indistinguishable(frame: pd.DataFrame, name: str) -> list[str]:
    """Return who was timed beside an implementation on all of its cases, and on none told from it."""
    frame = prepare(frame)
    mine = frame[(frame["implementation"] == name) & frame["time_median_s"].notna()]
    rivals = frame[frame["layout"].isin(mine["layout"])]
    found = outcomes(comparisons(rivals, name))
    alike = (found["faster"] + found["slower"] + found["untold"] == 0) & (
        found["same"] + found["cannot tell"] == len(mine)
    )
    return list(found.loc[alike & (found["baseline"] == name), "implementation"])


def beside_baseline(compared: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `with_comparisons` case by case: the baseline, then the others, the fastest first.

    They are those of one layout; the decision on the baseline is "baseline".
    """
    places = {label: place for place, label in enumerate(cases(compared))}
    is_base = compared["implementation"].isin(compared["baseline"].dropna())
    order = compared.assign(_case=compared["label"].map(places), _other=~is_base)
    order = order.sort_values(
        ["_case", "_other", "time_ratio", "time_median_s", "implementation"], na_position="last"
    )
    told = compared["decision"].mask(is_base & compared["time_median_s"].notna(), "baseline")
    return compared.assign(decision=told).loc[order.index]


def noise(frame: pd.DataFrame) -> pd.DataFrame:
    """Return for each run how far apart identical rivals were, in the median of its `cases` and at most."""
    floors = pd.Series(_noise_floors(prepare(frame)), dtype=float)
    if floors.empty:
        return pd.DataFrame(columns=["run", "cases", "median", "largest"])
    runs = floors.groupby(level=0, sort=False)
    return runs.agg(cases="count", median="median", largest="max").rename_axis("run").reset_index()


def _noise_floors(frame: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return the noise floor of each run and case; the identical pair of one layout stands for all."""
    rows = records(frame[frame["time_median_s"].notna()])
    known = {(str(row["run"]), row["label"]): (passes_of(row), row["twin"]) for row in rows if row["twin"]}
    return {key: noise_floor(*pair) for key, pair in known.items() if paired_estimate(*pair) is not None}


def _rivalries(frame: pd.DataFrame, baseline: str | None) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield the records of the baseline and of another that was timed on the same case, layout by layout."""
    chosen = baselines(frame, baseline)
    timed = frame[frame["time_median_s"].notna()]
    for key, group in timed.groupby(["layout", "label"], sort=False):
        layout, _ = map(str, key)
        rivals = records(group)
        base = next((row for row in rivals if row["implementation"] == chosen.get(layout)), None)
        yield from ((base, row) for row in rivals if base is not None and row is not base)


def _decision(base: dict[str, Any], other: dict[str, Any], floors: dict[tuple[str, str], float]) -> Decision:
    if base["run"] == other["run"]:
        margin = floors.get((str(other["run"]), other["label"]), LEAST_MARGIN)
        found = decide(passes_of(other), passes_of(base), margin=margin, precision=other["precision"])
        if found.ratio is not None:
            return found
    return Decision("cannot tell", other["time_median_s"] / base["time_median_s"])


def _ratio(base: dict[str, Any], other: dict[str, Any]) -> float:
    """Return what `_decision` has for a ratio, at less cost."""
    common = paired_ratio(passes_of(other), passes_of(base)) if base["run"] == other["run"] else None
    return float(other["time_median_s"] / base["time_median_s"]) if common is None else common


def _outcome(base: dict[str, Any], decision: Decision) -> dict[str, Any]:
    is_known = decision.p is not None
    return {
        "baseline": base["implementation"],
        "time_ratio": decision.ratio,
        "time_ratio_low": decision.low,
        "time_ratio_high": decision.high,
        "decision": decision.word,
        "noise_floor": decision.margin if is_known else None,
        "detectable": decision.detectable,
    }


def _identity(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _IDENTITY)


def speedup(frame: pd.DataFrame, baseline: str | None = None) -> pd.DataFrame:
    """Return how many times as fast as its layout's baseline each implementation is on each case.

    In one run the samples of a case were taken in common rounds, so the ratio is taken within each
    round, then the median over the rounds of a process and the mean over processes; between runs it
    is the ratio of the medians.
    """
    frame = prepare(frame)
    found: dict[str, dict[str, float]] = {label: {} for label in cases(frame)}
    for base, row in _rivalries(frame, baseline):
        found[row["label"]][row["implementation"]] = 1 / _ratio(base, row)
    for name in baselines(frame, baseline).values():
        timed = frame[(frame["implementation"] == name) & frame["time_median_s"].notna()]
        for label in timed["label"]:
            found[label][name] = 1.0
    return pd.DataFrame(
        found, index=pd.Index(implementations(frame)), columns=pd.Index(cases(frame)), dtype=float
    )


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
    (`speedup_cases`) and never orders anything. With the records of `with_comparisons` it also says in
    how many cases each decision was made; these are missing for who was compared with nobody.
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
    words = rows["decision"].dropna() if "decision" in rows.columns else ()
    return {word: sum(word == one for one in words) if len(words) else np.nan for word in DECISIONS}


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

    Reasons that differ only in the value they got, or in the layer of a chain, have one cause.
    """
    frame = prepare(frame)
    rows = frame[frame["status"].isin(SKIPPED)]
    groups = rows.fillna({"cause": "no reason given"}).groupby(["status", "cause"], sort=False)
    table = pd.DataFrame(
        [
            {
                "status": status,
                "reason": cause,
                "records": len(group),
                "implementations": implementations(group),
            }
            for (status, cause), group in groups
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
