"""What asv needs of us: one engine run per commit, its samples on disk, and readers of them.

asv walks over commits, keeps and compares results; it does not hold the stopwatch. Its `setup_cache`
calls `record_commit` in a fresh process, its benchmarks hand on what `read_samples` finds. Nothing here
imports a numeric library before a commit is recorded: asv imports its benchmarks very often.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from math import exp
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from ..errors import ResultsError, SuiteError
from ..files.atomic import write_text

if TYPE_CHECKING:
    from ..plugins.declaration import Implementation
    from ..problems.suite import Suite
    from ..runs.run import Run, Tracked
    from ..runs.store import Row

Figure = Literal["time", "relative_time", "error", "plan", "memory"]

MANIFEST = "tracked.json"
"""Beside the benchmarks: which suites and implementations asv knows."""

ORDER_VARIABLE = "CONVHARNESS_ORDER"
"""The environment variable in which `convharness track` hands its wishes to what runs inside asv."""

_CACHE = "convharness-samples.json"


class Manifest(msgspec.Struct, forbid_unknown_fields=True):
    """The suites and implementations that asv tracks.

    asv attaches history to names, so these are only ever appended to: a commit without one of them
    leaves a gap and nothing else. A suite is one that comes with convharness, or a TOML file, by its
    path from here.
    """

    suites: list[str]
    implementations: list[str] = []

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Return that of a folder of benchmarks; raises `SuiteError`."""
        path = folder / MANIFEST
        try:
            found = msgspec.json.decode(path.read_bytes(), type=cls)
        except OSError as error:
            raise SuiteError(
                [f"cannot read {path}: {error.strerror}; make it with: convharness init"]
            ) from None
        except msgspec.MsgspecError as error:
            raise SuiteError([f"{path}: {error}"]) from None
        globs = [name for name in found.implementations if set(name) & set("*?[")]
        if globs:
            raise SuiteError(
                [f"{path}: {globs[0]!r} is no name; write whole names such as 'mine.conv', or none"]
            )
        return found

    def write(self, folder: Path) -> None:
        """Write it, whole or not at all; raises `ResultsError`."""
        write_text(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(self)).decode() + "\n")

    @property
    def modules(self) -> list[str]:
        """Return the names of the benchmark modules, one for each suite."""
        return [module_of(source) for source in self.suites]

    def source_of(self, module: str, folder: Path) -> str:
        """Return the suite that a benchmark module stands for, as `find_suite` takes it."""
        for source in self.suites:
            if module_of(source) == module:
                return found_from(folder, source)
        raise SuiteError([f"{folder / MANIFEST} names no suite {module!r}, which {module}.py stands for"])


def found_from(folder: Path, source: str) -> str:
    """Return a suite of a folder's manifest as `find_suite` takes it: a file by its whole path."""
    return str(folder / source) if source.endswith(".toml") else source


def module_of(source: str) -> str:
    """Return the name of the benchmark module that stands for a suite."""
    stem = Path(source).stem if source.endswith(".toml") else source
    return "".join(letter if letter.isalnum() else "_" for letter in stem)


def attributes_of(implementations: Sequence[str]) -> dict[str, str]:
    """Return implementations by the names that their benchmarks have for asv, which must be Python's.

    >>> attributes_of(["a.b_c", "a_b.c"])
    {'a_b_c': 'a.b_c', 'a_b_c_2': 'a_b.c'}
    """
    found: dict[str, str] = {}
    for implementation in implementations:
        name = plain = "".join(letter if letter.isalnum() else "_" for letter in implementation)
        number = 1
        while name in found:
            number += 1
            name = f"{plain}_{number}"
        found[name] = implementation
    return found


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """What `convharness track` wishes: where results go, what is run and how; `resumes` a run it knows.

    `suites` are names of benchmark modules, `patterns` globs of implementations; none means all.
    `progress` is a file to which a line is added for every record. Without any wish it is as a plain
    `asv run` has it: everything, anew.
    """

    results: str | None = None
    progress: str | None = None
    patterns: list[str] = []
    suites: list[str] = []
    budget_s: float | None = None
    level: str = "standard"
    seed: int = 0
    threads: int = 1
    is_resumable: bool = False

    @classmethod
    def received(cls) -> "Order":
        """Return what this process was told."""
        text = os.environ.get(ORDER_VARIABLE)
        return msgspec.json.decode(text, type=cls) if text else cls()

    def variables(self) -> dict[str, str]:
        """Return the environment that tells it to another process."""
        return {ORDER_VARIABLE: msgspec.json.encode(self).decode()}


def record_commit(folder: str | Path) -> None:
    """Verify and time the commit's implementations, and leave the figures in the working folder.

    `folder` is that of the benchmarks, whose manifest names the suites. The plugins are those of asv's
    checkout; without one (asv's environment type 'existing') they are the installed ones. The records
    also become a run of their own, which an interrupted `convharness track` goes on with.
    """
    from ..engine.session import Session, started
    from ..machine import environment
    from ..measure.stopwatch import Effort
    from ..runs.settings import Settings
    from ..workers import die_with_parent
    from . import repository

    order = Order.received()
    if order.is_resumable:
        die_with_parent()
    threads = int(os.environ.get("OMP_NUM_THREADS") or 1)
    environment.limit_threads(threads)
    suites = suites_of(Path(folder), order.suites)
    budget = order.budget_s or float(os.environ.get("CONVHARNESS_BUDGET") or Effort.budget_s)
    settings = Settings(
        level=order.level,
        seed=order.seed,
        threads=threads,
        timed=True,
        reference=True,
        effort=Effort(budget_s=budget),
    )
    commit = os.environ.get("ASV_COMMIT")
    source = {"commit": commit, "dirty": False} if commit else repository.facts(Path.cwd())
    results = Path(order.results) if order.results else Path(os.environ.get("ASV_CONF_DIR", ".")) / "results"
    implementations, purpose = _offered(commit, suites, order.patterns)
    this = started(
        settings, source, "convharness track" if order.is_resumable else "asv run", purpose=purpose
    )
    resumed = begun(results, this) if order.is_resumable else None
    session = Session(this, suites, implementations, results, resumed=resumed)
    told = _teller(order.progress, session.planned)
    for row in session.rows:
        told(row)
    for _ in session.records():
        told(session.rows[-1])
    figures = {_key(row["suite"], row["implementation"], row["case"]): _figures(row) for row in session.rows}
    Path(_CACHE).write_bytes(msgspec.json.encode(figures))


def suites_of(folder: Path, modules: Sequence[str] = ()) -> "list[Suite]":
    """Return the suites that asv tracks by the benchmarks in a folder, or those of some modules.

    Raises `SuiteError`.
    """
    from ..problems.suite_files import find_suite

    manifest = Manifest.read(folder)
    return [find_suite(manifest.source_of(module, folder)) for module in modules or manifest.modules]


def wishes(suites: "Sequence[Suite]", patterns: Sequence[str]) -> tuple[str, ...]:
    """Return what a run of a commit is asked for: with other wishes it is another run."""
    return (*map(_named, suites), *(f"-k {pattern}" for pattern in sorted(patterns)))


def _named(suite: "Suite") -> str:
    """Return a suite's name, and a hash of its cases: with others it is another suite."""
    cases = "\n".join(f"{case.label} {case}" for case in suite)
    return f"{suite.name} {sha256(cases.encode()).hexdigest()[:8]}"


def _teller(path: str | None, total: int) -> Callable[["Row"], None]:
    """Return what tells of a record: asv ends a process that has been silent for too long."""
    file = Path(path).open("a", encoding="utf-8") if path else None  # noqa: SIM115 open as long as we are

    def tell(row: "Row") -> None:
        words = f"{row['case']} × {row['implementation']}"
        sys.stdout.write(f"{words} {row['status']}\n")
        sys.stdout.flush()
        if file is not None:
            file.write(f"{total}\t{words}\t{row['status']}\n")
            file.flush()

    return tell


def _offered(
    commit: str | None, suites: "Sequence[Suite]", patterns: Sequence[str]
) -> "tuple[list[Implementation], Tracked]":
    """Return what is wanted of what the commit offers, and what a run of it is for.

    A commit without a folder of implementations or a package of them offers nothing.
    """
    from ..plugins.discovery import discover
    from ..plugins.registry import is_wanted
    from ..runs.run import Tracked
    from ..workers import examined
    from .snapshots import content_of, files_of, offered

    place = os.environ.get("ASV_ENV_DIR")
    checkout = Path(place) / "project" if place else None
    if place is None or checkout is None or not checkout.is_dir():
        registry, contents = discover(examine=examined), {}
    else:
        registry = offered(checkout, Path(place) / "sites" / (commit or "unknown"))
        files = files_of(checkout)
        contents = {one.name: content_of(files, one) for one in registry.implementations}
    chosen = [one for one in registry.implementations if is_wanted(one.name, patterns)]
    return chosen, Tracked(wishes(suites, patterns), contents, registry.broken, registry.unavailable)


def begun(results: Path, this: "Run") -> Path | None:
    """Return the folder of the latest run of the same commit, machine and settings, finished or not."""
    from ..runs.store import read_run, run_folders

    for folder in reversed(run_folders(results)):
        if _decisive(read_run(folder)) == _decisive(this):
            return folder
    return None


def _decisive(run: "Run") -> Any:
    """Return what must be equal for one tracked run to stand for another."""
    from ..runs.run import Tracked

    tracked = (run.purpose.wishes, run.purpose.contents) if isinstance(run.purpose, Tracked) else None
    known = [run.environment.get(name) for name in ("commit", "machine", "python", "libraries")]
    return msgspec.to_builtins([known, run.settings, tracked])


def _key(suite: str, implementation: str, case: str) -> str:
    return f"{suite}|{implementation}|{case}"


def _figures(row: "Row") -> dict[str, Any]:
    """Return what asv keeps of a record."""
    from ..oracle.verdict import FAILURES
    from ..runs.store import passes_of

    error = row["error_u"]
    figures: dict[str, Any] = {
        "status": row["status"],
        "reason": row["reason"],
        "failed": row["status"] in FAILURES,
        "error": None if error is None else float(f"{error:.3g}"),
    }
    if row["samples_s"]:
        number = row["number"]
        own = [median(samples) for _, samples in passes_of(row) if samples]
        relative = [exp(value) for _, value in row["relative"] or ()]
        figures |= {
            "time": {"samples": own, "number": number},
            "relative_time": {"samples": relative, "number": number} if relative else None,
            "plan": row["plan_s"],
            "memory": row["peak_memory_bytes"],
        }
    return figures


def read_samples(suite: str, implementation: str, case: str, figure: Figure) -> Any:
    """Return a figure of the commit: samples as asv takes them for times, a number for the error.

    A sample is the median of one process: asv counts samples as if they were independent, which only
    those of different processes are. `relative_time` is that of the ratios to the engine's own
    reference within each round: between two days it moves by a fraction of what seconds do. `plan` is
    the seconds of planning and `memory` the bytes of a call at its peak. Returns None where the commit
    lacks the implementation or the implementation does not support the case.

    Raises `ResultsError` with the verdict where it failed.
    """
    figures = _read_cache(Path(_CACHE)).get(_key(suite, implementation, case))
    if figures is None:
        return None
    if figures["failed"]:
        raise ResultsError(f"{implementation} on {case}: {figures['status']}: {figures['reason']}")
    return figures.get(figure)


def _read_cache(path: Path) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError:
        raise ResultsError(
            "the engine left no samples for this commit; see what setup_cache printed"
        ) from None


class _Tracked:
    """What one implementation does on the cases of one suite, commit by commit; asv reads its methods."""

    folder = ""
    suite = ""
    implementation = ""
    param_names = ("case",)
    # Set by hand: asv's default would drop the history whenever the readers below change.
    version = "1"
    timeout = 60

    def setup_cache(self) -> None:
        """Verify and time everything, once for all classes that inherit this."""
        record_commit(self.folder)

    setup_cache.timeout = 3600  # type: ignore[attr-defined]

    def _read(self, case: str, figure: Figure) -> Any:
        found = read_samples(self.suite, self.implementation, case, figure)
        if found is None:
            from asv_runner.benchmarks.mark import SkipNotImplemented

            raise SkipNotImplemented(f"{self.implementation} has no {figure} for {case}")
        return found

    def track_time(self, case: str) -> Any:
        """Seconds per call."""
        return self._read(case, "time")

    track_time.unit = "seconds"  # type: ignore[attr-defined]
    track_time.type = "time"  # type: ignore[attr-defined]

    def track_relative_time(self, case: str) -> Any:
        """Time per call over that of the engine's own reference in the same rounds."""
        return self._read(case, "relative_time")

    track_relative_time.unit = "× reference"  # type: ignore[attr-defined]

    def track_plan(self, case: str) -> Any:
        """Seconds of planning, for what plans."""
        return self._read(case, "plan")

    track_plan.unit = "seconds"  # type: ignore[attr-defined]

    def track_memory(self, case: str) -> Any:
        """Bytes that a call takes at its peak, beyond its inputs."""
        return self._read(case, "memory")

    track_memory.unit = "bytes"  # type: ignore[attr-defined]

    def track_error(self, case: str) -> Any:
        """Largest error, in rounding units."""
        return self._read(case, "error")

    track_error.unit = "u"  # type: ignore[attr-defined]


def asv_benchmarks(module_file: str) -> dict[str, type]:
    """Return asv's benchmark classes of the suite that a module stands for, by the names that asv shows.

    A module `smoke.py` that is nothing but `globals().update(asv_benchmarks(__file__))` stands for the
    suite `smoke` of the manifest beside it. There is a class for every implementation of the manifest,
    and its parameters are the labels of the suite's cases.

    Raises `SuiteError`.
    """
    from ..problems.suite_files import find_suite

    path = Path(module_file).resolve()
    manifest = Manifest.read(path.parent)
    suite = find_suite(manifest.source_of(path.stem, path.parent))
    labels = [case.label for case in suite]
    facts = {"folder": str(path.parent), "suite": suite.name, "params": (labels,)}
    return {
        name: type(name, (_Tracked,), {**facts, "implementation": implementation})
        for name, implementation in attributes_of(manifest.implementations).items()
    }
