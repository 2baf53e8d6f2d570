"""Where records come from, how well they were measured, and what to know before comparing them."""

from collections import Counter
from typing import Any

import msgspec
import pandas as pd

from ..measure.decisions import LEAST_MARGIN
from ..runs.run import Run
from . import numbers
from .report import Report
from .sentences import some_of
from .views import comparisons, measuring, verdicts
from .views.frames import COLD, plain_facts, present, records


def measured(report: Report) -> dict[str, list[str]]:
    """Return for each run that timed anything how well it was measured, and what its machine can do."""
    rows = report.frame
    timed = rows[rows["time_median_s"].notna()]
    environments = {run.id: plain_facts(run.environment) for run in report.runs}
    noise = {row["run"]: row for row in records(comparisons.noise(rows))}
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
    reason = (
        f"It is the difference to the A/A control, the same implementation timed twice, and at least {least}"
    )
    return [f"Noise floor: {floor}. {reason}; a smaller difference is not reported as one."]


def _timer(timer: dict[str, Any] | None) -> str:
    """Return what the self-test of the timer found, or that it was not made."""
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
    return [f"The highest rates measured on this machine{using}: {', '.join([*rates, *bytes_s])}."]


def cautions(report: Report) -> list[str]:
    """Return what a reader must know before comparing these numbers."""
    rows, older = report.frame, len(report.stored) - len(report.frame)
    found = _mixtures(rows) + _caches(rows)
    found += [_disturbance(row) for row in records(measuring.disturbances(rows))]
    found += _incomplete(report) + _untried(report) + _variances(rows)
    if _is_dirty(report):
        found.append("The working tree had changes that are in no commit.")
    if older:
        found.append(f"{numbers.many(older, 'older record')} of the same case and implementation left out.")
    return found


def _untried(report: Report) -> list[str]:
    """Return which features implementations declare and no case tries, with how many declare each."""
    found = Counter(feature for run in report.runs for names in run.untried.values() for feature in names)
    if not found:
        return []
    features = ", ".join(f"{name} ({count:,})" for name, count in found.items())
    return [
        f"Declared, not tried here (number of implementations): {features}; --suite conformance tries it."
    ]


_DEPENDENCES = {
    "batch_invariant": "the batch that a sample is in",
    "thread_invariant": "the number of threads",
}


def _variances(rows: pd.DataFrame) -> list[str]:
    """Return which implementations give other bits, all right, in another batch or with other threads."""
    found = []
    for trait in verdicts.INVARIANCES:
        if counts := verdicts.variant(rows, trait):
            names = some_of([f"{name} ({numbers.many(count, 'case')})" for name, count in counts.items()])
            found.append(f"The last bits of results depend on {_DEPENDENCES[trait]}: {names}.")
    return found


def _incomplete(report: Report) -> list[str]:
    """Return which runs lack records that they planned."""
    found = report.stored["run"].value_counts()
    return [
        f"Run {run.id} is not complete: {found.get(run.id, 0)} of {run.planned} records."
        for run in report.runs
        if run.planned and found.get(run.id, 0) < run.planned
    ]


def _is_dirty(report: Report) -> bool:
    return any(run.environment.get("dirty") for run in report.runs)


def _mixtures(rows: pd.DataFrame) -> list[str]:
    """Return the differences between records that the names of case and implementation do not show."""
    columns = {"machine": "machines", "threads": "numbers of threads", "commit": "commits"}
    values = {noun: present(rows, column) for column, noun in columns.items()}
    return [
        f"These records come from {len(some)} {noun}: {some_of(some)}."
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
    """Return one kind of disturbance, and how many records it met."""
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


def facts(report: Report) -> dict[str, str]:
    """Return where, when and on what the records were taken; what is not known is left out."""
    rows = report.frame
    dirty = " (dirty)" if _is_dirty(report) else ""
    known = {
        "Suite": present(rows, "suite"),
        "Commit": [commit[:12] + dirty for commit in present(rows, "commit")],
        "Date": [date.replace("T", " ")[:16] for date in present(rows, "started_at")],
        "Machine": present(rows, "machine"),
        "CPU": [str(cpu) for run in report.runs if (cpu := run.environment.get("cpu")) is not None],
        "Threads": present(rows, "threads"),
        "Data type": present(rows, "dtype"),
        "Caches": [cache for cache in present(rows, "cache") if cache == COLD],
    }
    return {name: some_of(list(dict.fromkeys(values))) for name, values in known.items() if values}


def environment(run: Run) -> dict[str, str]:
    """Return the environment, settings and command of a run as flat text."""
    known = {"run": run.id, "started_at": run.started_at, "command": run.command}
    return _flat({**known, **plain_facts(run.environment), "settings": msgspec.to_builtins(run.settings)})


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


def _enumerated(items: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(items[:-1]), items[-1])))
