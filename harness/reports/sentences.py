"""The sentences of every report: the verdict, how implementations compare, what was not judged and why."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from ..runs.record import AMORTISED_COLUMNS
from . import numbers
from .statuses import FAILURES
from .views import cases, comparisons, measuring, verdicts
from .views.frames import records

NOTHING = "Nothing was run: there are no records to report."

_LAYOUTS = {"contiguous": "NCHW (contiguous)", "channels_last": "NHWC (channels last)"}

_SHOWN_NAMES = 3

UNCOMPARED = "Nothing was timed beside the baseline: there is nothing to compare."

UNDECIDED = "~"
"""The mark of a speed-up that no decision supports."""

MARKED = f"{UNDECIDED} no case on its own decides that there is this difference."

COSTS = ("plan_s", "first_call_s", "time_median_s", *AMORTISED_COLUMNS)

ABOUT_COSTS = (
    "Those with a plan, or whose first call takes more than"
    f" {measuring.FIRST_CALL_RATIO:g} times as long as the later ones. The last columns are the time per"
    " call of a process that plans once and then makes this number of calls."
)

ABOUT_MEMORY = (
    "What a call takes besides its inputs, without the free memory that its process already held. A direct"
    " convolution needs its output (1×); im2col needs the matrix of all windows besides."
)

_DECISIONS = {
    "faster": "faster",
    "slower": "slower",
    "same": "the same",
    "cannot tell": "cannot be told",
}

_WORK = {"parameters": "weights", "dense_macs": "multiply-adds"}


def headline(frame: pd.DataFrame) -> str:
    """Return the verdict over all records in one sentence."""
    counts = verdicts.counts(frame)
    failed = {status: counts[status] for status in FAILURES if status in counts}
    judged = counts.get("passed", 0) + sum(failed.values())
    if not counts:
        return NOTHING
    if not judged:
        return f"Nothing could be judged: {_listed(counts)}."
    if failed:
        return f"{sum(failed.values()):,} of {numbers.many(judged, 'result')} failed: {_listed(failed)}."
    return "The one result is right." if judged == 1 else f"All {judged:,} results are right."


def tally(frame: pd.DataFrame) -> str:
    """Return the number of records of each status.

    The order is that of the statuses: `12 passed · 1 wrong · 3 unsupported`.
    """
    return " · ".join(f"{number:,} {status}" for status, number in verdicts.counts(frame).items())


def leaders(ranking: pd.DataFrame, frame: pd.DataFrame) -> list[str]:
    """Return which implementation leads each layout that was timed, and which may be as fast."""
    if ranking.empty:
        return []
    first = ranking[ranking["score"] > 0].drop_duplicates("layout")
    return [
        _leader(row, comparisons.indistinguishable(frame, row["implementation"])) for row in records(first)
    ]


def _leader(row: dict[str, Any], alike: list[str]) -> str:
    name, layout = row["implementation"], layout_name(row["layout"])
    also = f"; {some_of(alike)} cannot be told from it" if alike else ""
    return f"{name} leads {layout} with a score of {row['score']:.3f}{also}."


def layout_name(layout: object) -> str:
    """Return the name of a layout for readers."""
    return _LAYOUTS.get(str(layout), str(layout))


def mean_speedup(row: dict[str, Any]) -> str:
    """Return a geometric mean and the number of its cases, marked if none of them supports it."""
    if not row["speedup_cases"]:
        return numbers.MISSING
    mark = UNDECIDED if is_marked(row) else ""
    return f"{mark}{numbers.ratio(row['speedup'])} ({row['speedup_cases']})"


def is_marked(row: dict[str, Any]) -> bool:
    """Return whether no case was decided in the direction of a mean speed-up, which may be noise then."""
    return bool(row["speedup_cases"]) and row["faster" if row["speedup"] > 1 else "slower"] == 0


def balance(row: dict[str, Any]) -> str:
    """Return in how many cases an implementation was faster than its baseline, and in how many slower."""
    return numbers.MISSING if row["faster"] is None else f"{row['faster']:.0f}:{row['slower']:.0f}"


def speedup(value: float, decision: str | None) -> str:
    """Return the speed-up on one case, marked if it is not decided that there is one."""
    mark = "" if decision in (None, "faster", "slower") else UNDECIDED
    return f"{mark}{numbers.ratio(value)}"


def comparison(row: dict[str, Any]) -> str:
    """Return how a record compares with the baseline, such as `1.051 (1.046 to 1.056) slower`."""
    low, high = row["time_ratio_low"], row["time_ratio_high"]
    between = "" if low is None else f"({numbers.interval(low, high)}) "
    return f"{numbers.multiple(row['time_ratio'])} {between}{row['decision']}"


def compared(rows: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield for each layout with comparisons a title, a sentence that counts them, and the times in order."""
    timed = rows[rows["time_median_s"].notna()]
    for baseline, sentence in against(rows).items():
        (layout,) = timed.loc[timed["baseline"] == baseline, "layout"].unique()
        part = comparisons.beside_baseline(timed[timed["layout"] == layout])
        yield f"{baseline}, {layout_name(layout)}", sentence, part


def against(rows: pd.DataFrame) -> dict[str, str]:
    """Return for each baseline how many comparisons with it had which decision."""
    groups = comparisons.outcomes(rows).groupby("baseline", sort=False)
    return {str(name): _against(str(name), group, rows) for name, group in groups}


def _against(baseline: str, counts: pd.DataFrame, rows: pd.DataFrame) -> str:
    totals = {word: int(counts[word].sum()) for word in _DECISIONS}
    listed = ", ".join(f"{totals[word]:,} {text}" for word, text in _DECISIONS.items() if totals[word])
    detectable = rows.loc[rows["baseline"] == baseline, "detectable"].dropna()
    median = f"{numbers.percent(detectable.median())}{' in the median' if len(detectable) > 1 else ''}"
    visible = f"smallest slow-down that would have been seen: {median}"
    untold = int(counts["untold"].sum())
    alone = f"{untold:,} because fewer than three processes were timed together"
    noted = [*([visible] if len(detectable) else []), *([alone] if untold else [])]
    return f"Against {baseline}: {listed} ({'; '.join(noted)})."


def pairs(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each case that is an alternative to another, with a title, a layout at a time.

    Where some implementation was timed, those that have neither of the two times are left out.
    """
    found = cases.alternatives(frame)
    several = len(set(found["layout"])) > 1
    for (label, plain, layout), group in found.groupby(["label", "label_plain", "layout"], sort=False):
        timed = group[group["time_median_s"].notna() | group["time_median_s_plain"].notna()]
        title = f"{label} against {plain}" + (f", {layout_name(layout)}" if several else "")
        yield title, group if timed.empty else timed


def work(pair: dict[str, Any]) -> str:
    """Return what the two cases of a pair need in every implementation."""
    return ", ".join(_less(pair, column, noun) for column, noun in _WORK.items())


def _less(pair: dict[str, Any], column: str, noun: str) -> str:
    mine, plain = numbers.count(pair[column]), numbers.count(pair[f"{column}_plain"])
    return f"{mine} {noun} against {plain} ({numbers.ratio(pair[f'{column}_ratio'])} fewer)"


def skipped(frame: pd.DataFrame) -> list[str]:
    """Return one line for each reason why something was not judged."""
    return [
        f"{row['status']}: {row['records']:,} × {row['reason']} ({some_of(row['implementations'])})"
        for row in verdicts.skipped(frame).to_dict("records")
    ]


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {status}" for status, number in counts.items())


def some_of(names: list[str]) -> str:
    """Return the first of some names, and how many more there are."""
    shown = ", ".join(names[:_SHOWN_NAMES])
    more = len(names) - _SHOWN_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
