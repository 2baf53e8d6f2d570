"""The layout layer: inputs that lie in memory as slices, transposes and views of larger arrays do."""

from collections.abc import Iterator
from functools import cache

import numpy as np

from ...execution.kernel_call import KernelError
from ...numerics.arrays import Subclass, aligned_copy
from ...numerics.operands import Operands, wide_x
from ...problems.problem import Problem
from ..inputs.placements import (
    Placement,
    apart,
    batch_inside,
    broadcast_on,
    channels_last,
    contiguous,
    in_fortrans_order,
    inside_a_larger,
    misaligned,
    placed,
    read_only,
    reversed_in_memory,
    reversed_on,
    slice_on,
    transposed,
    with_gaps,
    with_gaps_on,
    words_of,
)
from ..output import BreachError
from ..probe_data import Probe
from ..trial import Trial
from ..verdict import Verdict
from .layer import Layer


def check(trial: Trial) -> Iterator[Verdict]:
    """Call with the same numbers in one layout after the other."""
    trial = trial.reduced
    operands, true = trial.data_of(trial.sharp)
    bias_places: tuple[Placement, ...] = (
        with_gaps,
        reversed_in_memory,
        misaligned,
        inside_a_larger,
        contiguous,
    )
    for count, (x_place, weight_place) in enumerate(_placements(trial)):
        given = Operands(
            placed(trial, operands.x, x_place, of_x=True),
            placed(trial, operands.weight, weight_place),
            None
            if operands.bias is None
            else placed(trial, operands.bias, bias_places[count % len(bias_places)]),
        )
        try:
            y = trial.output(operands, given)
        except KernelError as error:
            if error.status == "error" and read_only in (x_place, weight_place):
                continue  # it may ask for arrays that allow writing, as its callers usually have them
            raise
        yield trial.compared(y, true, exact=True, given=words_of(x_place, weight_place))
    if trial.is_thorough:
        yield from _broadcast(trial)
        yield from _subclass(trial)
    yield _empty_batch(trial)


LAYER = Layer("layout", level="standard", measures=False, may_be_imprecise=False, check=check)


def _placements(trial: Trial) -> Iterator[tuple[Placement, Placement]]:
    yield in_fortrans_order, with_gaps
    yield reversed_in_memory, channels_last
    yield inside_a_larger, transposed
    yield misaligned, reversed_in_memory
    if not trial.is_thorough:
        return
    for place in (with_gaps, channels_last, transposed, read_only, batch_inside, apart):
        yield place, contiguous
    for place in (in_fortrans_order, inside_a_larger, misaligned, read_only, apart):
        yield contiguous, place
    for axis in range(trial.problem.ndim + 2):
        for on_axis in (reversed_on(axis), with_gaps_on(axis), slice_on(axis)):
            yield on_axis, contiguous
            yield contiguous, on_axis


def _broadcast(trial: Trial) -> Iterator[Verdict]:
    """Call with broadcast arrays, whose elements share memory, on one axis after the other."""
    if not trial.accuracy.exact or trial.problem.batch_size == 0:
        return
    for axis in range(trial.problem.ndim + 2):
        operands, true = trial.data_of(repeated_on(axis))
        given = Operands(
            placed(trial, operands.x, broadcast_on(axis), of_x=True),
            placed(trial, operands.weight, broadcast_on(axis)),
            None if operands.bias is None else placed(trial, operands.bias, broadcast_on(0)),
        )
        words = f"x and weight broadcast on axis {axis}"
        yield trial.compared(trial.output(operands, given), true, exact=True, given=words)


@cache
def repeated_on(axis: int) -> Probe:
    """Return exact data whose x, weight and bias are constant along an axis."""

    def repeated(problem: Problem, seed: int, bits: int | None = None) -> Operands:
        operands = wide_x(problem, seed, bits)
        x, weight = (np.repeat(a.take([0], axis), a.shape[axis], axis) for a in (operands.x, operands.weight))
        bias = None if operands.bias is None else np.full_like(operands.bias, operands.bias[0])
        return Operands(x, weight, bias)

    return Probe(repeated, exact=True)


def _subclass(trial: Trial) -> Iterator[Verdict]:
    """Call with a subclass of NumPy's array; the output may be one, too."""
    if trial.implementation.arrays != "numpy" or trial.implementation.layout != "contiguous":
        return
    operands, true = trial.data_of(trial.sharp)
    given = Operands(
        aligned_copy(operands.x).view(Subclass),
        aligned_copy(operands.weight).view(Subclass),
        None if operands.bias is None else operands.bias.copy().view(Subclass),
    )
    y = trial.output(operands, given)
    yield trial.compared(y, true, exact=True, given="its inputs subclasses of numpy.ndarray")


def _empty_batch(trial: Trial) -> Verdict:
    """Call with an empty batch: an implementation that accepts it must return the right shape."""
    problem = trial.problem.replace(batch_size=0)
    passed = Verdict("passed", seed=trial.data.seed)
    if trial.refuses(problem):
        return passed
    empty = trial.on(problem)
    operands, _ = empty.data_of(empty.sharp)
    try:
        empty.output(operands)
    except KernelError as error:
        if error.status != "error":
            raise KernelError(error.status, f"with an empty batch: {error}", signal=error.signal) from None
        return passed
    except BreachError as breach:
        raise BreachError(f"with an empty batch: {breach}") from None
    return passed
