"""asv's benchmark classes: one for each implementation of the manifest, which read a commit's figures."""

from pathlib import Path
from typing import Any

from ...problems.suite_files import find_suite
from .benchmark_values import Figure, read_samples
from .manifest import Manifest, attributes_of


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
        from .recording import record_commit  # loads the engine, and asv imports its benchmarks very often

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
    path = Path(module_file).resolve()
    manifest = Manifest.read(path.parent)
    suite = find_suite(manifest.source_of(path.stem, path.parent))
    labels = [case.label for case in suite]
    facts = {"folder": str(path.parent), "suite": suite.name, "params": (labels,)}
    return {
        name: type(name, (_Tracked,), {**facts, "implementation": implementation})
        for name, implementation in attributes_of(manifest.implementations).items()
    }
