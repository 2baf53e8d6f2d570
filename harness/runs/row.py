"""A record as it is stored, whose fields are the one table of columns.

The decoder, the data types of frames, the Parquet schema, the HTML table, the JSON Schema and the tables of
docs/reference.md follow from it. A new column is one field of `Row`, and its value in `Record.columns`.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from ..measure.stats import Pass
from ..oracle.verdict import Status
from ..problems.fields import ABOUT
from .columns import Group, columns_of

_run = Group("run")
_case = Group("case")
_problem = Group("problem")
_implementation = Group("implementation")
_verdict = Group("verdict")
_error = Group("error")
_plan = Group("plan")
_time = Group("time")
_sampling = Group("sampling")
_work = Group("work")
_rate = Group("rate")
_memory = Group("memory")
_reproduction = Group("reproduction")
_raw = Group("raw")


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One record as it is stored: what one implementation did with one case of one run.

    Values per axis are written as in the problem string, such as `3x5`; of a chain a field of the problem is
    known where all layers agree. What is not known is None.
    """

    run: Annotated[str | None, _run("id of the run")] = None
    started_at: Annotated[str | None, _run("when the run started, in UTC")] = None
    machine: Annotated[str | None, _run("stable name of the machine")] = None
    commit: Annotated[str | None, _run("git commit of the working folder")] = None

    suite: Annotated[str, _case("suite that the case comes from")]
    case: Annotated[str, _case("label of the case")]
    weight: Annotated[float | None, _case("how often the layer occurs in its network")] = None
    problem: Annotated[str | None, _case("problem string; the layers of a chain are joined by ` -> `")] = None

    batch_size: Annotated[int | None, _problem(ABOUT["batch_size"])] = None
    in_channels: Annotated[int | None, _problem(ABOUT["in_channels"])] = None
    input_size: Annotated[str | None, _problem(ABOUT["input_size"])] = None
    out_channels: Annotated[int | None, _problem(ABOUT["out_channels"])] = None
    kernel_size: Annotated[str | None, _problem(ABOUT["kernel_size"])] = None
    stride: Annotated[str | None, _problem(ABOUT["stride"])] = None
    padding: Annotated[str | None, _problem(ABOUT["padding"])] = None
    dilation: Annotated[str | None, _problem(ABOUT["dilation"])] = None
    groups: Annotated[int | None, _problem(ABOUT["groups"])] = None
    bias: Annotated[bool | None, _problem(ABOUT["bias"])] = None
    padding_mode: Annotated[str | None, _problem(ABOUT["padding_mode"])] = None
    dtype: Annotated[str | None, _problem(ABOUT["dtype"])] = None
    direction: Annotated[str | None, _problem(ABOUT["direction"])] = None

    implementation: Annotated[str, _implementation("name of the implementation")]
    family: Annotated[str | None, _implementation("family that it belongs to")] = None
    library: Annotated[str | None, _implementation("library that does the work")] = None
    library_version: Annotated[str | None, _implementation("version of the library")] = None
    layout: Annotated[str | None, _implementation("order of its arrays in memory")] = None
    accuracy: Annotated[str | None, _implementation("declared class of rounding errors")] = None
    threads: Annotated[int | None, _implementation("threads that it may use", heading="threads")] = None

    status: Annotated[Status, _verdict("the verdict: one of the statuses")]
    reason: Annotated[str | None, _verdict("why it is not `passed`")] = None
    cause: Annotated[
        str | None,
        _verdict(
            "of what was not judged: the part of the reason that other cases share, by which reports count"
        ),
    ] = None
    layer: Annotated[str | None, _verdict("layer of the oracle that saw it")] = None

    error_u: Annotated[
        float | None,
        _error(
            "largest error, in units of u·max(|x|⋆|w| + |b|), u being the unit roundoff of the data type",
            "u",
            heading="error",
        ),
    ] = None
    error_bound_u: Annotated[
        float | None, _error("largest error that is allowed, in the same unit", "u", heading="bound")
    ] = None
    error_max_abs: Annotated[float | None, _error("largest absolute error", heading="max. abs. error")] = None
    error_rel_l2: Annotated[float | None, _error("relative error in the 2-norm", heading="rel. L2 error")] = (
        None
    )
    where: Annotated[str | None, _error("index of the first bad element of the output")] = None

    plan_s: Annotated[float | None, _plan("time of planning", "s", heading="plan")] = None
    first_call_s: Annotated[
        float | None, _plan("time of the first call after it", "s", heading="first call")
    ] = None
    time_median_s: Annotated[
        float | None, _time("one call: the median of all samples", "s", heading="median")
    ] = None
    time_low_s: Annotated[
        float | None,
        _time(
            "lower end of its 95 % interval over processes (within one, where there were fewer than three)",
            "s",
            heading="low",
        ),
    ] = None
    time_high_s: Annotated[float | None, _time("upper end of the interval", "s", heading="high")] = None
    samples: Annotated[int | None, _sampling("samples that were taken", heading="samples")] = None
    number: Annotated[int | None, _sampling("calls in a sample, at most", heading="calls per sample")] = None
    amortised_1_s: Annotated[
        float | None, _time("one call where a new process plans once and calls once", "s")
    ] = None
    amortised_10_s: Annotated[
        float | None, _time("one call where a new process plans once and calls 10 times", "s")
    ] = None
    amortised_1000_s: Annotated[
        float | None, _time("one call where a new process plans once and calls 1,000 times", "s")
    ] = None
    cache: Annotated[
        str | None,
        _sampling("whether calls found their data in the processor's caches: `warm` or `cold`"),
    ] = None

    parameters: Annotated[int | None, _work("weights and biases", heading="weights")] = None
    macs: Annotated[int | None, _work("multiply-adds inside the input", heading="multiply-adds")] = None
    dense_macs: Annotated[int | None, _work("multiply-adds with those of the padding")] = None
    flops: Annotated[int | None, _work("floating-point operations: 2·macs")] = None
    min_bytes: Annotated[int | None, _work("memory that is touched, each byte once", "bytes")] = None
    gflops: Annotated[float | None, _rate("flops over the median time", "GFLOP/s", heading="rate")] = None
    gbytes_s: Annotated[float | None, _rate("min_bytes over the median time", "GB/s", heading="traffic")] = (
        None
    )
    peak_fraction: Annotated[
        float | None,
        _rate(
            "gflops over the best rate seen on this machine for the data type (`convharness doctor`)",
            "share",
            heading="of peak",
        ),
    ] = None

    peak_memory_bytes: Annotated[
        int | None,
        _memory(
            "what a call takes at its peak beyond its inputs, its output included; null for chains",
            "bytes",
            heading="memory",
        ),
    ] = None
    output_bytes: Annotated[int | None, _memory("what a direct convolution needs at the least", "bytes")] = (
        None
    )
    im2col_bytes: Annotated[
        int | None, _memory("what im2col needs: output and matrix of all windows", "bytes")
    ] = None

    seed: Annotated[int | None, _reproduction("seed of the data")] = None
    reproduce: Annotated[str | None, _reproduction("of a failure: the command that shows it again")] = None
    versus: Annotated[str | None, _case("case of the suite that this one is an alternative to")] = None
    printed: Annotated[
        str | None, _verdict("of a failure: the end of what the implementation printed, and where it crashed")
    ] = None

    samples_s: Annotated[
        list[float] | None, _raw("the samples, pass by pass in the order of the rounds", "s")
    ] = None
    passes: Annotated[
        list[tuple[int, int, int]] | None,
        _raw("for each pass the generation of its process, its number of samples, the calls in each"),
    ] = None
    twin: Annotated[
        list[tuple[int, list[float]]] | None,
        _raw("samples of the A/A control, if this implementation had one, by generation", "s"),
    ] = None
    relative: Annotated[
        list[tuple[int, float]] | None,
        _raw(
            "under asv: for each pass the generation of its process, and the logarithm of its time over that"
            " of the engine's own reference in the same rounds"
        ),
    ] = None
    conditions: Annotated[dict[str, Any] | None, _raw("what could not be controlled")] = None
    values: Annotated[Any, _raw("the implementation's own output on a worked example")] = None
    traits: Annotated[
        dict[str, Any] | None, _raw("what the implementation was seen to do where it is free to choose")
    ] = None

    @property
    def timed_passes(self) -> list[Pass]:
        """Return the samples pass by pass, each with the generation of its process."""
        return split(self.samples_s, self.passes)


def split(samples: Sequence[float] | None, passes: Sequence[Sequence[int]] | None) -> list[Pass]:
    """Return samples in seconds pass by pass; those of earlier versions, without passes, are a single one."""
    if samples is None:
        return []
    found: list[Pass] = []
    start = 0
    for generation, count, _ in passes or ([(0, len(samples), 1)] if len(samples) else []):
        found.append((generation, samples[start : start + count]))
        start += count
    return found


TABLE = columns_of(Row)
"""All columns of a record, in order."""

COLUMNS = tuple(column.name for column in TABLE if column.kind != "nested")
"""The names of the columns that hold one value, in order."""

NESTED_COLUMNS = tuple(column.name for column in TABLE if column.kind == "nested")
"""The names of those that hold lists and dictionaries."""
