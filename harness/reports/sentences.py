"""The sentences that every report says alike: the verdict, the cautions, what was left out and why."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from . import numbers, views
from .frames import prepare, present, runs
from .statuses import FAILURES

NOTHING = "Nothing was run: there are no records to report."
_LAYOUTS = {"contiguous": "NCHW (contiguous)", "channels_last": "NHWC (channels last)"}

_SHOWN_NAMES = 3
_WORK = {"parameters": "weights", "dense_macs": "multiply-adds"}


def headline(frame: pd.DataFrame) -> str:
    """Return the verdict over all records in one sentence."""
    counts = views.counts(frame)
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
    return " · ".join(f"{number:,} {status}" for status, number in views.counts(frame).items())


def leaders(ranking: pd.DataFrame) -> list[str]:
    """Return, for each layout that was timed, who leads its ranking."""
    if ranking.empty:
        return []
    first = ranking[ranking["score"] > 0].drop_duplicates("layout")
    return [
        f"{row.implementation} leads {layout_name(row.layout)} with a score of {row.score:.3f}."
        for row in first.itertuples()
    ]


def layout_name(layout: object) -> str:
    """Return what people call a layout."""
    return _LAYOUTS.get(str(layout), str(layout))


def mean_speedup(row: dict[str, Any]) -> str:
    """Return a geometric mean with the number of cases that it covers."""
    return (
        f"{numbers.ratio(row['speedup'])} ({row['speedup_cases']})"
        if row["speedup_cases"]
        else numbers.MISSING
    )


def pairs(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each case that is an alternative to another, with a title, a layout at a time.

    Where some implementation was timed, those that have neither of the two times are left out.
    """
    found = views.alternatives(frame)
    several = len(set(found["layout"])) > 1
    for (label, plain, layout), group in found.groupby(["label", "label_plain", "layout"], sort=False):
        timed = group[group["time_median_s"].notna() | group["time_median_s_plain"].notna()]
        title = f"{label} against {plain}" + (f", {layout_name(layout)}" if several else "")
        yield title, group if timed.empty else timed


def work(pair: dict[str, Any]) -> str:
    """Return what the two cases of a pair need, whoever computes them."""
    return ", ".join(_less(pair, column, noun) for column, noun in _WORK.items())


def _less(pair: dict[str, Any], column: str, noun: str) -> str:
    mine, plain = numbers.count(pair[column]), numbers.count(pair[f"{column}_plain"])
    return f"{mine} {noun} against {plain} ({numbers.ratio(pair[f'{column}_ratio'])} fewer)"


def cautions(frame: pd.DataFrame) -> list[str]:
    """Return what a reader must know before comparing these numbers."""
    rows = prepare(frame)
    found = []
    for column, noun in (("machine", "machines"), ("threads", "numbers of threads"), ("commit", "commits")):
        values = present(rows, column)
        if len(values) > 1:
            found.append(f"These records come from {len(values)} {noun}: {_names(values)}.")
    found += [
        f"Run {run['run']} is not complete: {run['records']} of {run['planned']} records."
        for run in runs(frame)
        if run.get("planned") and run.get("records", 0) < run["planned"]
    ]
    if any(_environment(run).get("dirty") for run in runs(frame)):
        found.append("The working tree had changes that are in no commit.")
    if len(frame) > len(rows):
        left_out = numbers.many(len(frame) - len(rows), "older record")
        found.append(f"{left_out} of the same case and implementation left out.")
    return found


def skipped(frame: pd.DataFrame) -> list[str]:
    """Return one line for each reason why something was not judged."""
    return [
        f"{row['status']}: {row['records']:,} × {row['reason']} ({_names(row['implementations'])})"
        for row in views.skipped(frame).to_dict("records")
    ]


def facts(frame: pd.DataFrame) -> dict[str, str]:
    """Return where, when and on what the records were taken, as far as they say."""
    rows = prepare(frame)
    environments = [_environment(run) for run in runs(frame)]
    dirty = " (dirty)" if any(environment.get("dirty") for environment in environments) else ""
    commits = [commit[:12] + dirty for commit in present(rows, "commit")]
    known = {
        "Suite": present(rows, "suite"),
        "Commit": commits,
        "Date": [date.replace("T", " ")[:16] for date in present(rows, "started_at")],
        "Machine": present(rows, "machine"),
        "CPU": _unique(environment.get("cpu") for environment in environments),
        "Threads": present(rows, "threads"),
        "Data type": present(rows, "dtype"),
    }
    return {name: _names(list(dict.fromkeys(values))) for name, values in known.items() if values}


def environment(run: dict[str, Any]) -> dict[str, str]:
    """Return the environment, settings and command of a run as flat text."""
    parts = {key: run.get(key) for key in ("run", "started_at", "command")}
    return _flat({**parts, **_environment(run), "settings": run.get("settings") or {}})


def _environment(run: dict[str, Any]) -> dict[str, Any]:
    return dict(run.get("environment") or {})


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            flat |= _flat(item, f"{prefix}{key}.")
        elif item is not None:
            flat[f"{prefix}{key}"] = (
                ", ".join(map(str, item)) if isinstance(item, list | tuple) else str(item)
            )
    return flat


def _unique(values: Any) -> list[str]:
    return [str(value) for value in dict.fromkeys(values) if value is not None]


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {status}" for status, number in counts.items())


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN_NAMES])
    more = len(names) - _SHOWN_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
