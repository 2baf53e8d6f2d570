"""Results of several machines or shards become one folder: nothing is lost, nothing is counted twice.

Runs have ids of their own and are taken over whole. Of a run that both have, as where it went on in two
places, each record counts once. asv's files are one per machine, commit and environment: those that both
have are merged benchmark by benchmark and case by case, where the later figure counts.
"""

import contextlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from ..errors import ResultsError
from ..files.atomic import making_folder, write_text
from .row import Row
from .store import (
    RECORDS_FILE,
    cannot,
    compact,
    is_finished,
    read_lines,
    read_rows,
    read_run,
    run_folders,
)

ASV = "asv"
_BENCHMARKS, _MACHINE = "benchmarks.json", "machine.json"
_EACH = ("result", "stats_ci_99_a", "stats_ci_99_b", "stats_q_25", "stats_q_75", "stats_number")
_PER_CASE = (*_EACH, "stats_repeat", "samples", "profile")
"""The columns of asv's results that have a value for each combination of parameters."""

Json = dict[str, Any]


@dataclass
class Merged:
    """What came of a merge: how many runs, records and files of asv are new, and how many were there."""

    runs: int = 0
    records: int = 0
    known_runs: int = 0
    asv_files: int = 0
    known_asv_files: int = 0

    def __str__(self) -> str:
        return (
            f"{self.runs:,} runs and {self.records:,} records are new, {self.known_runs:,} runs were there;"
            f" {self.asv_files:,} files of asv are new or have more in them,"
            f" {self.known_asv_files:,} were there"
        )


def merge(sources: Sequence[Path], target: Path) -> Merged:
    """Merge folders of results into another, which is made if it is not there.

    Raises `ResultsError` for a folder without results, and where something is damaged or cannot be
    written; what was merged before stays.
    """
    for source in sources:
        if not (source / "runs").is_dir() and not (source / ASV).is_dir():
            raise ResultsError(f"{source} holds no results; a folder of results has runs or asv in it")
    done = Merged()
    for source in sources:
        if source.resolve() == target.resolve():
            raise ResultsError(f"{source} cannot be merged into itself")
        try:
            for folder in run_folders(source):
                _run(folder, target / "runs" / folder.name, done)
            if (source / ASV).is_dir():
                _asv(source / ASV, target / ASV, done)
        except OSError as error:
            raise ResultsError(cannot("write", target, error)) from None
    return done


def _run(source: Path, target: Path, done: Merged) -> None:
    """Take a run over, or what of it is not there yet."""
    read_run(source)
    if not _is_run(target):
        rows = list(read_rows(source))
        with making_folder(target) as part:
            shutil.copytree(source, part)
            if target.exists():
                shutil.rmtree(target)
        done.runs += 1
        done.records += len(rows)
        return
    done.known_runs += 1
    known = {_identity(row) for row in read_rows(target)}
    new = [line for line, row in read_lines(source) if _identity(row) not in known]
    if new:
        _append(target / RECORDS_FILE, b"".join(line + b"\n" for line in new).decode())
        done.records += len(new)
    if (new and is_finished(target)) or (is_finished(source) and not is_finished(target)):
        compact(target)


def _is_run(folder: Path) -> bool:
    """Say whether a run is there, and its facts can be read."""
    try:
        read_run(folder)
    except ResultsError:
        return False
    return True


def _identity(row: Row) -> tuple[str, str, str]:
    return row.suite, row.case, row.implementation


def _append(path: Path, text: str) -> None:
    """Add lines to a file, whole or not at all; a last line that was cut off is left out."""
    before = path.read_text("utf-8")
    _written(path, before[: before.rfind("\n") + 1] + text)


def _written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)


def _asv(source: Path, target: Path, done: Merged) -> None:
    """Merge asv's folder of results."""
    for path in sorted(source.glob("*/*.json")):
        there = target / path.parent.name / path.name
        if path.name == _MACHINE:
            if not there.exists():
                _written(there, path.read_text("utf-8"))
            continue
        mine = _read(path)
        theirs = _read(there) if there.exists() else None
        with _damage(path):
            both = mine if theirs is None else _merged_file(theirs, mine)
        if theirs is not None and _text(both) == _text(theirs):  # not-a-number is unlike itself
            done.known_asv_files += 1
            continue
        done.asv_files += 1
        _written(there, _text(both))
    if (source / _BENCHMARKS).exists():
        with _damage(source / _BENCHMARKS):
            _benchmarks(source / _BENCHMARKS, target / _BENCHMARKS)


@contextlib.contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Say of which file it is that something in it is not as asv writes it."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ResultsError(f"{path}, or what it is merged with, is damaged: {error!r}") from None


def _benchmarks(source: Path, target: Path) -> None:
    """Merge what asv knows of benchmarks: of one that both have, the one with more cases."""
    mine: Json = json.loads(source.read_text("utf-8"))
    theirs: Json = json.loads(target.read_text("utf-8")) if target.exists() else {}
    both = dict(theirs)
    for name, benchmark in mine.items():
        known = both.get(name)
        if isinstance(known, dict) and isinstance(benchmark, dict):
            both[name] = known if _cases(known) >= _cases(benchmark) else benchmark
        else:
            both.setdefault(name, benchmark)
    if both != theirs:
        _written(target, _text(both))


def _cases(benchmark: Json) -> int:
    return prod(len(one) for one in benchmark.get("params", []))


def _read(path: Path) -> Json:
    """Return one of asv's files; they may hold NaN, which Python reads and strict JSON does not."""
    try:
        found: Json = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ResultsError(f"{path} is damaged: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("results"), dict):
        raise ResultsError(f"{path} holds no results of asv")
    return found


def _text(value: Json) -> str:
    return json.dumps(value)


def _merged_file(theirs: Json, mine: Json) -> Json:
    """Return what two files have of one commit and environment."""
    both = {**theirs, **{name: mine[name] for name in mine if name not in theirs}}
    both["results"] = dict(theirs["results"])
    if durations := {**mine.get("durations", {}), **theirs.get("durations", {})}:
        both["durations"] = durations
    columns: list[str] = list(theirs["result_columns"])
    for name, cells in mine["results"].items():
        other = dict(zip(mine["result_columns"], cells, strict=False))
        known = theirs["results"].get(name)
        if known is not None:
            other = _merged_row(dict(zip(columns, known, strict=False)), other)
        both["results"][name] = _trimmed([other.get(column) for column in columns])
    return both


def _merged_row(theirs: Json, mine: Json) -> Json:
    """Return what two results of a benchmark have together: of a case that both have, the later one.

    What failed or was never run is null in asv's files, and gives way to any figure.
    """
    if theirs.get("version") != mine.get("version"):
        return max(theirs, mine, key=_started)
    first, second = (theirs, mine) if _started(theirs) >= _started(mine) else (mine, theirs)
    sides = [_by_case(one) for one in (first, second)]
    params = [_united(axes) for axes in zip(first["params"], second["params"], strict=True)]
    cells = []
    for key in product(*params):
        found = [side[key] for side in sides if key in side]
        cells.append(next((one for one in found if one.get("result") is not None), (found or [{}])[0]))
    merged = {**second, **first, "params": params}
    for column in _PER_CASE:
        values = [cell.get(column) for cell in cells]
        merged[column] = None if all(value is None for value in values) else values
    return merged


def _started(row: Json) -> float:
    return float(row.get("started_at") or 0.0)


def _united(axes: Iterable[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(value for axis in axes for value in axis))


def _by_case(row: Json) -> dict[tuple[str, ...], Json]:
    """Return the values of a result by combination of parameters."""
    keys = list(product(*row["params"]))
    columns = {name: row.get(name) or [None] * len(keys) for name in _PER_CASE}
    return {key: {name: values[place] for name, values in columns.items()} for place, key in enumerate(keys)}


def _trimmed(cells: list[Any]) -> list[Any]:
    """Return cells without the nulls at the end, as asv writes them."""
    while cells and cells[-1] is None:
        cells.pop()
    return cells
