"""How implementations compare with the baseline of their layout: ratios, intervals and decisions.

`baselines` maps a layout to the name of its baseline.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

import pandas as pd

from ...errors import SelectionError, did_you_mean
from ...measure.decisions import LEAST_MARGIN, Decision, Word, all_told, decide, noise_floor
from ...measure.stats import paired_estimate, paired_ratio
from ...runs.store import passes_of
from .cases import by_layout, implementations, labels
from .frames import records

DEFAULT_BASELINE = "pytorch.conv"

DECISIONS: tuple[str, ...] = get_args(Word)

COMPARISON_COLUMNS = (
    *("baseline", "time_ratio", "time_ratio_low", "time_ratio_high"),
    *("decision", "noise_floor", "detectable"),
)
"""The columns that `compared` adds to those of a record."""

_NUMBERS = ["time_ratio", "time_ratio_low", "time_ratio_high", "noise_floor", "detectable"]
_IDENTITY = ("run", "suite", "case", "problem", "implementation")
_COMPARED = ("run", "suite", "case", "problem", "label", "layout", "implementation")
_DECIDING = [*_COMPARED, "time_median_s", "samples_s", "passes", "twin", "precision"]
"""The columns that a comparison is made of."""

Baselines = Mapping[str, str]


def baselines(rows: pd.DataFrame, chosen: str | None = None) -> dict[str, str]:
    """Return the baseline of each layout that has one: the chosen one, the usual one, the most timed one.

    Raises `SelectionError` where no record is of the chosen one.
    """
    known = implementations(rows)
    if chosen is not None and chosen not in known:
        raise SelectionError(f"unknown baseline {chosen!r}{did_you_mean(chosen, known)}")
    pairs = ((layout, _baseline(mine, chosen)) for layout, mine in by_layout(rows))
    return {layout: name for layout, name in pairs if name is not None}


def _baseline(rows: pd.DataFrame, chosen: str | None) -> str | None:
    if chosen is not None and chosen in set(rows["implementation"]):
        return chosen
    timed = rows.loc[rows["time_median_s"].notna(), "implementation"].value_counts()
    if DEFAULT_BASELINE in timed.index:
        return DEFAULT_BASELINE
    return min(timed.index, key=lambda name: (-timed[name], name), default=None)


def compared(rows: pd.DataFrame, baselines: Baselines) -> pd.DataFrame:
    """Return, for everything that was timed beside its layout's baseline, how the two compare.

    One row per implementation and case: `time_ratio` is its time over the baseline's, between
    `time_ratio_low` and `time_ratio_high` at 95 %; `decision` is "faster", "slower", "same" or "cannot
    tell"; differences of up to `noise_floor` are noise, and the smallest slow-down that would have been
    seen is `detectable`, both as shares. All decisions of the rows are made together. Times of
    different runs, or of fewer than three processes, have a ratio and nothing else: the state of a
    machine changes from run to run.
    """
    floors = _noise_floors(rows)
    pairs = list(_rivalries(rows, baselines))
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


def comparison_of(comparisons: pd.DataFrame) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return a function from a record to its columns in a table of `compared`, None where it has none."""
    found = {_identity(row): {name: row[name] for name in COMPARISON_COLUMNS} for row in records(comparisons)}
    nothing = dict.fromkeys(COMPARISON_COLUMNS)
    return lambda row: found.get(_identity(row), nothing)


def with_comparisons(frame: pd.DataFrame, comparisons: pd.DataFrame) -> pd.DataFrame:
    """Return records, prepared or as they are stored, with the columns of a table of `compared`.

    These are missing for a record that was not timed beside a baseline.
    """
    columns_of = comparison_of(comparisons)
    rows = [columns_of(row) for row in records(frame[list(_IDENTITY)])]
    told = pd.DataFrame(rows, index=frame.index, columns=list(COMPARISON_COLUMNS))
    told[_NUMBERS] = told[_NUMBERS].astype(float)
    return pd.concat([frame, told], axis="columns")


def _identity(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _IDENTITY)


def _rivalries(rows: pd.DataFrame, baselines: Baselines) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield the records of the baseline and of another that was timed on the same case, layout by layout."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in records(rows.loc[rows["time_median_s"].notna(), _DECIDING]):
        groups.setdefault((row["layout"], row["label"]), []).append(row)
    for (layout, _), rivals in groups.items():
        base = next((row for row in rivals if row["implementation"] == baselines.get(layout)), None)
        yield from ((base, row) for row in rivals if base is not None and row is not base)


def _decision(base: dict[str, Any], other: dict[str, Any], floors: dict[tuple[str, str], float]) -> Decision:
    if base["run"] == other["run"]:
        margin = floors.get((str(other["run"]), other["label"]), LEAST_MARGIN)
        found = decide(passes_of(other), passes_of(base), margin=margin, precision=other["precision"])
        if found.ratio is not None:
            return found
    return Decision("cannot tell", other["time_median_s"] / base["time_median_s"])


def _ratio(base: dict[str, Any], other: dict[str, Any]) -> float:
    """Return the ratio of `_decision`, at less cost."""
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


def speedup(rows: pd.DataFrame, baselines: Baselines) -> pd.DataFrame:
    """Return how many times as fast as its layout's baseline each implementation is on each case.

    In one run the samples of a case were taken in common rounds, so the ratio is taken within each
    round, then the median over the rounds of a process and the mean over processes; between runs it
    is the ratio of the medians.
    """
    found: dict[str, dict[str, float]] = {label: {} for label in labels(rows)}
    for base, row in _rivalries(rows, baselines):
        found[row["label"]][row["implementation"]] = 1 / _ratio(base, row)
    for name in baselines.values():
        timed = rows[(rows["implementation"] == name) & rows["time_median_s"].notna()]
        for label in timed["label"]:
            found[label][name] = 1.0
    return pd.DataFrame(
        found, index=pd.Index(implementations(rows)), columns=pd.Index(labels(rows)), dtype=float
    )


def noise(rows: pd.DataFrame) -> pd.DataFrame:
    """Return for each run the noise floor of its `cases`: the `median` and the `largest`, as shares.

    It is how far an implementation and its A/A control, itself timed as its rival, were apart.
    """
    floors = pd.Series(_noise_floors(rows), dtype=float)
    if floors.empty:
        return pd.DataFrame(columns=["run", "cases", "median", "largest"])
    runs = floors.groupby(level=0, sort=False)
    return runs.agg(cases="count", median="median", largest="max").rename_axis("run").reset_index()


def _noise_floors(rows: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return the noise floor of each run and case; the A/A control of one layout stands for all."""
    timed = records(rows.loc[rows["time_median_s"].notna(), _DECIDING])
    known = {(str(row["run"]), row["label"]): (passes_of(row), row["twin"]) for row in timed if row["twin"]}
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


def indistinguishable(rows: pd.DataFrame, name: str) -> list[str]:
    """Return what was timed on all cases of an implementation, and is neither faster nor slower on any."""
    mine = rows[(rows["implementation"] == name) & rows["time_median_s"].notna()]
    rivals = rows[rows["layout"].isin(mine["layout"])]
    found = outcomes(compared(rivals, baselines(rivals, name)))
    alike = (found["faster"] + found["slower"] + found["untold"] == 0) & (
        found["same"] + found["cannot tell"] == len(mine)
    )
    return list(found.loc[alike & (found["baseline"] == name), "implementation"])


def beside_baseline(compared: pd.DataFrame) -> pd.DataFrame:
    """Return rows with comparisons case by case: the baseline, then the others, the fastest first.

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
