"""The sentences that every report says alike: the verdict, the cautions, what was left out and why."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from ..measure.decisions import LEAST_MARGIN
from ..runs.record import AMORTISED_COLUMNS
from . import measuring, numbers, views
from .frames import COLD, prepare, present, records, runs
from .statuses import FAILURES

NOTHING = "Nothing was run: there are no records to report."
_LAYOUTS = {"contiguous": "NCHW (contiguous)", "channels_last": "NHWC (channels last)"}

_SHOWN_NAMES = 3

UNCOMPARED = "Nothing was timed beside the baseline: there is nothing to compare."
UNDECIDED = "~"
"""Stands before a speed-up that no decision supports."""

MARKED = f"{UNDECIDED} none of the cases decides that there is this difference."

COSTS = ("plan_s", "first_call_s", "time_median_s", *AMORTISED_COLUMNS)
ABOUT_COSTS = (
    "Those with a plan, or whose first call takes more than"
    f" {measuring.FIRST_CALL_RATIO:g} times as long as the later ones. The last columns are the time of"
    " a call where a process plans once and then calls so many times."
)
ABOUT_MEMORY = (
    "What a call takes beyond its inputs, but for what its process had to spare. A direct convolution needs"
    " its output (1×); im2col needs the matrix of all windows besides."
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


def leaders(ranking: pd.DataFrame, frame: pd.DataFrame) -> list[str]:
    """Return, for each layout that was timed, who leads its ranking, and who is as fast for all we know."""
    if ranking.empty:
        return []
    first = ranking[ranking["score"] > 0].drop_duplicates("layout")
    return [_leader(row, views.indistinguishable(frame, row["implementation"])) for row in records(first)]


def _leader(row: dict[str, Any], alike: list[str]) -> str:
    name, layout = row["implementation"], layout_name(row["layout"])
    also = f"; {_names(alike)} cannot be told from it" if alike else ""
    return f"{name} leads {layout} with a score of {row['score']:.3f}{also}."


def layout_name(layout: object) -> str:
    """Return what people call a layout."""
    return _LAYOUTS.get(str(layout), str(layout))


def mean_speedup(row: dict[str, Any]) -> str:
    """Return a geometric mean with the number of cases that it covers, marked if none of them supports it."""
    if not row["speedup_cases"]:
        return numbers.MISSING
    mark = UNDECIDED if is_marked(row) else ""
    return f"{mark}{numbers.ratio(row['speedup'])} ({row['speedup_cases']})"


def is_marked(row: dict[str, Any]) -> bool:
    """Return whether a mean speed-up may be none: no case was decided the way that it points."""
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
    """Yield for each layout with comparisons a title, what they add up to, and the times in order."""
    timed = rows[rows["time_median_s"].notna()]
    for baseline, sentence in against(rows).items():
        (layout,) = timed.loc[timed["baseline"] == baseline, "layout"].unique()
        part = views.beside_baseline(timed[timed["layout"] == layout])
        yield f"{baseline}, {layout_name(layout)}", sentence, part


def against(rows: pd.DataFrame) -> dict[str, str]:
    """Return for each baseline how often the others are faster, slower, the same, or cannot be told."""
    groups = views.outcomes(rows).groupby("baseline", sort=False)
    return {str(name): _against(str(name), group, rows) for name, group in groups}


def _against(baseline: str, counts: pd.DataFrame, rows: pd.DataFrame) -> str:
    totals = {word: int(counts[word].sum()) for word in _DECISIONS}
    listed = ", ".join(f"{totals[word]:,} {text}" for word, text in _DECISIONS.items() if totals[word])
    detectable = rows.loc[rows["baseline"] == baseline, "detectable"].dropna()
    median = f"{numbers.percent(detectable.median())}{' in the median' if len(detectable) > 1 else ''}"
    visible = f"smallest slow-down that would have been seen: {median}"
    untold = int(counts["untold"].sum())
    alone = f"{untold:,} for want of three processes that were timed together"
    noted = [*([visible] if len(detectable) else []), *([alone] if untold else [])]
    return f"Against {baseline}: {listed} ({'; '.join(noted)})."


def measured(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Return for each run that timed anything how well that could be done, and what the machine can do."""
    rows = prepare(frame)
    timed = rows[rows["time_median_s"].notna()]
    environments = {str(run.get("run")): _environment(run) for run in runs(frame)}
    noise = {row["run"]: row for row in records(views.noise(rows))}
    found = {}
    for run in present(timed, "run"):
        known = environments.get(run, {})
        ceilings = _ceilings(known.get("ceilings"), present(timed[timed["run"] == run], "dtype"))
        found[run] = [*_noise(noise.get(run)), _timer(known.get("timer")), *ceilings]
    return found


def _noise(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    floor, least = numbers.percent(found["median"]), numbers.percent(LEAST_MARGIN)
    if found["cases"] > 1:
        floor += f" in the median of {found['cases']:,} cases, {numbers.percent(found['largest'])} at most"
    reason = f"So far apart were identical rivals (it is never less than {least})"
    return [f"Noise floor: {floor}. {reason}; no smaller difference is called one."]


def _timer(timer: dict[str, Any] | None) -> str:
    """Return what the timer's test of itself has found, as far as it has been made."""
    if not timer or not timer.get("false_positives"):
        return (
            "How well the timer sees differences on this machine is not known; "
            "convharness selftest --timing finds out."
        )
    wrong, identical = timer["false_positives"]
    steps = [
        f"{100 * float(step):g} % in {found:,} of {of:,}"
        for step, (found, of) in (timer.get("detected") or {}).items()
    ]
    seen = f", and saw slow-downs of {_enumerated(steps)}" if steps else ""
    smallest = [
        f"{numbers.percent(timer[f'smallest_{within}_s'])} in {within} s"
        for within in (10, 60)
        if timer.get(f"smallest_{within}_s") is not None
    ]
    least = f"; the smallest it can see of one pair is {_enumerated(smallest)}" if smallest else ""
    return (
        f"On this machine the timer called {wrong:,} of {identical:,} identical pairs different"
        f"{seen}{least}{_tested(timer)}."
    )


def _tested(timer: dict[str, Any]) -> str:
    threads, day = timer.get("threads"), str(timer.get("measured_at") or "")[:10]
    facts = [*([numbers.many(threads, "thread")] if threads else []), *([day] if day else [])]
    return f" ({', '.join(facts)})" if facts else ""


def _ceilings(ceilings: dict[str, Any] | None, dtypes: list[str]) -> list[str]:
    if not ceilings:
        return []
    gflops = ceilings.get("gflops") or {}
    rates = [f"{numbers.plain(gflops[dtype])} GFLOP/s in {dtype}" for dtype in dtypes if dtype in gflops]
    bytes_s = [
        f"{numbers.plain(ceilings[name])} GB/s {where}"
        for name, where in (("gbytes_s", "in main memory"), ("cached_gbytes_s", "in cache"))
        if ceilings.get(name)
    ]
    threads = ceilings.get("threads")
    using = f" with {numbers.many(threads, 'thread')}" if threads else ""
    return [f"The most that was seen of this machine{using}: {', '.join([*rates, *bytes_s])}."]


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
    found = _mixtures(rows) + _caches(rows)
    found += [_disturbance(row) for row in records(measuring.disturbances(rows))]
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


def _mixtures(rows: pd.DataFrame) -> list[str]:
    """Return in what the records differ although their cases and implementations do not tell."""
    columns = {"machine": "machines", "threads": "numbers of threads", "commit": "commits"}
    values = {noun: present(rows, column) for column, noun in columns.items()}
    return [
        f"These records come from {len(some)} {noun}: {_names(some)}."
        for noun, some in values.items()
        if len(some) > 1
    ]


def _caches(rows: pd.DataFrame) -> list[str]:
    found = present(rows[rows["time_median_s"].notna()], "cache")
    if COLD not in found:
        return []
    if len(found) > 1:
        return ["Some times were taken with cold caches and some with warm ones; do not compare them."]
    cold = "These times were taken with cold caches: every call found its data in main memory."
    return [f"{cold} Do not compare them with warm ones."]


def _disturbance(row: dict[str, Any]) -> str:
    """Return one kind of what went on while something was timed, with how many records met with it."""
    worst, total = row["worst"], row["total"]
    times = f"{row['records']:,} of {numbers.many(row['timed'], 'time')}"
    while_taken = f"while {times} {'was' if row['timed'] == 1 else 'were'} taken"
    sentences = {
        "foreign": f"Other processes used up to {worst:.1f} processors {while_taken}.",
        "waiting": f"In {times} many samples had to wait for a processor, {total:,.0f} in all: taking them"
        " again did not help.",
        "stolen": f"The virtual machine's host gave up to {worst:.2f} processors to others {while_taken}.",
        "swapped": f"The system swapped up to {numbers.size(worst)} {while_taken}.",
        "throttled": f"The processor was slowed down because it was hot {while_taken}.",
    }
    return sentences[row["kind"]]


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
        "Caches": [cache for cache in present(rows, "cache") if cache == COLD],
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


def _enumerated(items: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(items[:-1]), items[-1])))


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN_NAMES])
    more = len(names) - _SHOWN_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
