"""asv's benchmarks: a class per suite and implementation, whose parameters are the case labels.

Nothing here times anything or imports a numeric library: the engine runs once per commit, in
`setup_cache`, and the benchmarks read what it left. The names are static and only ever appended to,
so that a commit without an implementation, or without a case, leaves a gap and nothing else.
"""

from pathlib import Path

from asv_runner.benchmarks.mark import SkipNotImplemented

from convharness import load_suite, read_samples, record_commit

HERE = Path(__file__).parent

TRACKED_SUITES = ("smoke",)

TRACKED_IMPLEMENTATIONS = (
    "numpy_arrays.einsum",
    "numpy_arrays.fft",
    "numpy_arrays.im2col",
    "numpy_arrays.im2col_planned",
    "numpy_arrays.shift_add",
    "numpy_arrays.shift_add_flat",
    "numpy_arrays.tensordot",
    "pointwise.numpy_matmul",
    "pointwise.torch_matmul",
    "python_loops.nested",
    "python_loops.rows",
    "pytorch.conv",
    "pytorch.conv_channels_last",
    "pytorch.conv_padded",
    "pytorch.fft",
    "pytorch.module",
    "pytorch.native",
    "pytorch.shift_add",
    "pytorch.unfold",
    "scipy_ndimage.correlate",
    "scipy_signal.correlate2d",
    "scipy_signal.correlate_direct",
    "scipy_signal.correlate_fft",
    "scipy_signal.fftconvolve",
    "scipy_signal.oaconvolve",
    "tutorial.corr2d",
    "tutorial.corr2d_multi_in",
    "tutorial.corr2d_multi_in_out",
    "tutorial.corr2d_multi_in_out_1x1",
    "tutorial.manual_convolution",
)


class _Tracked:
    """What one implementation does on the cases of one suite, commit by commit."""

    suite = ""
    implementation = ""
    param_names = ("case",)
    # Set by hand: asv's default would drop the history whenever the readers below change.
    version = "1"
    timeout = 60

    def setup_cache(self):
        """Verify and time everything, once for all classes that inherit this."""
        record_commit([_suite(name) for name in TRACKED_SUITES])

    setup_cache.timeout = 3600

    def _read(self, case, figure):
        found = read_samples(self.suite, self.implementation, case, figure)
        if found is None:
            raise SkipNotImplemented(f"{self.implementation} has no {figure} for {case}")
        return found

    def track_time(self, case):
        """Seconds per call."""
        return self._read(case, "time")

    track_time.unit = "seconds"
    track_time.type = "time"

    def track_relative_time(self, case):
        """Time per call over that of the engine's own reference in the same rounds."""
        return self._read(case, "relative_time")

    track_relative_time.unit = "× reference"

    def track_plan(self, case):
        """Seconds of planning, for what plans."""
        return self._read(case, "plan")

    track_plan.unit = "seconds"

    def track_memory(self, case):
        """Bytes that a call takes at its peak, beyond its inputs."""
        return self._read(case, "memory")

    track_memory.unit = "bytes"

    def track_error(self, case):
        """Largest error, in rounding units."""
        return self._read(case, "error")

    track_error.unit = "u"


def _suite(name):
    """Return the suite of the working tree, which asv pairs with the implementations of each commit."""
    return load_suite(HERE / f"{name}.toml")


def benchmarks_of(suite):
    """Return the benchmark classes of a suite, by the names that asv shows."""
    labels = [case.label for case in _suite(suite)]
    names = {name.replace(".", "_"): name for name in TRACKED_IMPLEMENTATIONS}
    return {
        class_name: type(
            class_name, (_Tracked,), {"suite": suite, "implementation": name, "params": (labels,)}
        )
        for class_name, name in names.items()
    }
