"""How the implementations of a layout compare with its baseline: ratios, decisions, and what they rest on."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

import pandas as pd

from ...errors import SelectionError, did_you_mean
from ...measure.decisions import LEAST_MARGIN, Decision, Word, all_told, decide, noise_floor
from ...measure.stats import paired_estimate, paired_ratio
from ...runs.store import passes_of
from .cases import by_layout, implementations, labels
from .frames import prepare, records

DEFAULT_BASELINE = "pytorch.conv"

DECISIONS: tuple[str, ...] = get_args(Word)

COMPARISON_COLUMNS = (
    *("baseline", "time_ratio", "time_ratio_low", "time_ratio_high"),
    *("decision", "noise_floor", "detectable"),
)
"""What `compared` says of a record."""

_IDENTITY = ("run", "suite", "case", "problem", "implementation")

_COMPARED = ("run", "suite", "case", "problem", "label", "layout", "implementation")

_COMPARED_NUMBERS = ("time_ratio", "time_ratio_low", "time_ratio_high", "noise_floor", "detectable")


def baselines(frame: pd.DataFrame, chosen: str | None = None) -> dict[str, str]:
    """Return the baseline of each layout that has one: the chosen one, the usual one, the most timed one."""
    frame = prepare(frame)
    known = implementations(frame)
    if chosen is not None and chosen not in known:
        raise SelectionError(f"unknown baseline {chosen!r}{did_you_mean(chosen, known)}")
    pairs = ((layout, _baseline(rows, chosen)) for layout, rows in by_layout(frame))
    return {layout: name for layout, name in pairs if name is not None}


def _baseline(rows: pd.DataFrame, chosen: str | None) -> str | None:
    if chosen is not None and chosen in set(rows["implementation"]):
        return chosen
    timed = rows.loc[rows["time_median_s"].notna(), "implementation"].value_counts()
    if DEFAULT_BASELINE in timed.index:
        return DEFAULT_BASELINE
    return min(timed.index, key=lambda name: (-timed[name], name), default=None)


def compared(frame: pd.DataFrame, baseline: str | None = None) -> pd.DataFrame:
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
    """Return a function that gives the columns of `compared` for a record; None for who has no other."""
    found = {
        _identity(row): {name: row[name] for name in COMPARISON_COLUMNS}
        for row in records(compared(frame, baseline))
    }
    nothing = dict.fromkeys(COMPARISON_COLUMNS)
    return lambda row: found.get(_identity(row), nothing)


def with_comparisons(frame: pd.DataFrame, baseline: str | None = None) -> pd.DataFrame:
    """Return the records with the columns of `compared`; missing for what has nothing to compare with."""
    compared = comparison_of(frame, baseline)
    rows = [compared(row) for row in records(frame.reindex(columns=list(_IDENTITY)))]
    told = pd.DataFrame(rows, index=frame.index, columns=list(COMPARISON_COLUMNS))
    told[list(_COMPARED_NUMBERS)] = told[list(_COMPARED_NUMBERS)].astype(float)
    known = frame.drop(columns=list(COMPARISON_COLUMNS), errors="ignore")
    joined = pd.concat([known, told], axis="columns")
    joined.attrs = frame.attrs
    return joined


def _identity(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _IDENTITY)


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
    found = outcomes(compared(rivals, name))
    alike = (found["faster"] + found["slower"] + found["untold"] == 0) & (
        found["same"] + found["cannot tell"] == len(mine)
    )
    return list(found.loc[alike & (found["baseline"] == name), "implementation"])


def beside_baseline(compared: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `with_comparisons` case by case: the baseline, then the others, the fastest first.

    They are those of one layout; the decision on the baseline is "baseline".
    """
    places = {label: place for place, label in enumerate(labels(compared))}
    is_base = compared["implementation"].isin(compared["baseline"].dropna())
    order = compared.assign(_case=compared["label"].map(places), _other=~is_base)
    order = order.sort_values(
        ["_case", "_other", "time_ratio", "time_median_s", "implementation"], na_position="last"
    )
    told = compared["decision"].mask(is_base & compared["time_median_s"].notna(), "baseline")
    return compared.assign(decision=told).loc[order.index]


def speedup(frame: pd.DataFrame, baseline: str | None = None) -> pd.DataFrame:
    """Return how many times as fast as its layout's baseline each implementation is on each case.

    In one run the samples of a case were taken in common rounds, so the ratio is taken within each
    round, then the median over the rounds of a process and the mean over processes; between runs it
    is the ratio of the medians.
    """
    frame = prepare(frame)
    found: dict[str, dict[str, float]] = {label: {} for label in labels(frame)}
    for base, row in _rivalries(frame, baseline):
        found[row["label"]][row["implementation"]] = 1 / _ratio(base, row)
    for name in baselines(frame, baseline).values():
        timed = frame[(frame["implementation"] == name) & frame["time_median_s"].notna()]
        for label in timed["label"]:
            found[label][name] = 1.0
    return pd.DataFrame(
        found, index=pd.Index(implementations(frame)), columns=pd.Index(labels(frame)), dtype=float
    )
