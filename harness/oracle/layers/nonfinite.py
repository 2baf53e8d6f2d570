"""The non-finite layer: a NaN or an infinity reaches the outputs that it must, and no others."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...numerics.accuracy import LOCALITIES, Truth
from ...numerics.arrays import Array
from ...numerics.operands import Operands, reals
from ...numerics.reference import convolve
from ...problems.problem import Problem
from ..probe_data import Probe
from ..trial import Trial
from ..verdict import Verdict
from .layer import Layer

Mask = NDArray[np.bool_]

_TILE = 8
"""Outputs of a tile along an axis, where the accuracy class does not state it."""

_REALS = Probe(reals)


_NEGATIVE_NAN, _LOADED_NAN = np.array([0xFFF8000000000000, 0x7FFA200000000000], np.uint64).view(np.float64)
"""Processors return the first for Inf − Inf, and keep the payload of the second; some checks miss both."""


@dataclass(frozen=True)
class _Spot:
    """One element of an operand that is replaced by one that is not finite."""

    operand: str
    index: tuple[int, ...]
    value: float

    def __str__(self) -> str:
        return f"{self.operand}[{', '.join(map(str, self.index))}] = {self.value:+}".replace("+nan", "nan")


def check(trial: Trial) -> Iterator[Verdict]:
    """Call with one non-finite element at a time, then with sums that overflow."""
    trial = trial.reduced
    for spot in _spots(trial):
        yield _judged(trial, spot)
    if trial.problem.batch_size:
        yield _overflows(trial)
    if trial.is_thorough and trial.problem.batch_size:
        yield _nothing_but_nan(trial)
        yield from _opposite_infinities(trial)


LAYER = Layer("non-finite", level="standard", measures=False, may_be_imprecise=False, check=check)


def traits(trial: Trial) -> dict[str, Any]:
    """Return how far a NaN in x spreads, and whether an infinity stays one."""
    trial = trial.reduced
    place = _places(trial.problem)
    if place is None:
        return {}
    middle = _at(trial.problem, place, 1)
    spread = ~np.isfinite(_output(trial, _Spot("x", middle, np.nan)))
    names = [name for name in LOCALITIES if name != "tile" or trial.locality == "tile"]
    found = next(
        (name for name in names if not (spread & ~_may_reach(trial, "x", middle, name)).any()), "batch"
    )
    infinite = _output(trial, _Spot("x", middle, np.inf))
    return {"locality": found, "infinity": "nan" if np.isnan(infinite).any() else "kept"}


def _spots(trial: Trial) -> Iterator[_Spot]:
    problem = trial.problem
    places = _places(problem)
    if places is None or problem.batch_size == 0:
        return
    taps = (problem.out_channels - 1, *(size // 2 for size in problem.weight_shape[1:]))
    yield _Spot("x", _at(problem, places, 1), np.nan)
    yield _Spot("x", _at(problem, places, 0), np.inf)
    yield _Spot("x", _at(problem, places, 2), -np.inf)
    yield _Spot("weight", taps, np.nan)
    if problem.bias:
        yield _Spot("bias", (problem.out_channels // 2,), np.nan)
    if trial.is_thorough:
        yield _Spot("x", _at(problem, places, 2), _NEGATIVE_NAN)
        yield _Spot("x", _at(problem, places, 0), _LOADED_NAN)
        yield _Spot("weight", (0,) * len(taps), _LOADED_NAN)
        yield _Spot("weight", tuple(size - 1 for size in problem.weight_shape), np.inf)
        yield _Spot("weight", taps, -np.inf)
        if problem.bias:
            yield _Spot("bias", (0,), -np.inf)


def _places(problem: Problem) -> list[list[int]] | None:
    """Return per axis the first, the middle and the last position that an output reads, if any."""
    found = []
    for axis, size in enumerate(problem.input_size):
        taps = np.arange(problem.kernel_size[axis]) * problem.dilation[axis] - problem.pads[axis][0]
        outputs = np.arange(problem.output_size[axis]) * problem.stride[axis]
        read = np.unique(outputs[:, None] + taps)
        read = read[(read >= 0) & (read < size)]
        if not read.size:
            return None
        found.append([int(read[0]), int(read[read.size // 2]), int(read[-1])])
    return found


def _at(problem: Problem, places: list[list[int]], which: int) -> tuple[int, ...]:
    """Return an index into x: the first, a middle or the last element of those that are read."""
    sample = (0, problem.batch_size // 2, problem.batch_size - 1)[which]
    channel = (0, problem.in_channels // 2, problem.in_channels - 1)[which]
    return (sample, channel, *(axis[which] for axis in places))


def _planted(operands: Operands, spot: _Spot) -> Operands:
    named = {name: array.copy() for name, array in operands.items().items()}
    named[spot.operand][spot.index] = spot.value
    return Operands(named["x"], named["weight"], named.get("bias"))


def _output(trial: Trial, spot: _Spot) -> Array:
    operands, _ = trial.data_of(_REALS)
    return trial.output(_planted(operands, spot)).astype(np.float64)


def _judged(trial: Trial, spot: _Spot) -> Verdict:
    _, true = trial.data_of(_REALS)
    y = _output(trial, spot)
    problem = trial.problem
    must, positive, negative = trial.data.once(("reach", str(spot)), lambda: _reach(problem, true, spot))
    may = trial.data.once(
        ("may", spot.operand, spot.index, trial.locality, trial.accuracy.tile),
        lambda: _may_reach(trial, spot.operand, spot.index, trial.locality) | must,
    )
    swallowed = must & (~np.isnan(y) if np.isnan(spot.value) else np.isfinite(y))
    if swallowed.any():
        return _failure(trial, spot, swallowed, y, "want it not finite")
    # An infinity may become NaN on the way (compensated sums, transforms), never its opposite.
    opposite = (positive & (y == -np.inf)) | (negative & (y == np.inf))
    if opposite.any():
        return _failure(trial, spot, opposite, y, "want the opposite sign")
    spread = ~may & ~np.isfinite(y)
    if spread.any():
        return _failure(trial, spot, spread, y, f"which is beyond its {trial.locality}")
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs((y - true.y) - true.tail)
        moved = ~may & ~(error <= trial.accuracy.bound(true))
    if moved.any():
        return _failure(trial, spot, moved, y, "which it must not move")
    return Verdict("passed", seed=trial.data.seed)


def _failure(trial: Trial, spot: object, bad: Mask, y: Array, complaint: str) -> Verdict:
    where = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape))
    text = f"y[{', '.join(map(str, where))}] is {y[where]:.9g}, {complaint}"
    verdict = trial.failure("wrong", text, str(spot))
    return Verdict(**{**vars(verdict), "where": str(list(where))})


def _reach(problem: Problem, true: Truth, spot: _Spot) -> tuple[Mask, Mask, Mask]:
    """Return the outputs that an element must reach, and those where its products are all + or all −."""
    x = np.ones(problem.input_shape)
    weight = np.ones(problem.weight_shape)
    if spot.operand == "bias":
        must = np.zeros(problem.output_shape, bool)
        must[:, spot.index[0]] = True
        return must, must & (spot.value > 0), must & (spot.value < 0)
    # Where the other operand is zero the product may be skipped, or be NaN.
    if spot.operand == "x":
        x = _only(problem.input_shape, spot.index)
        weight = true.weight.astype(np.float64)
    else:
        weight = _only(problem.weight_shape, spot.index)
        x = true.x.astype(np.float64)
    sign = np.sign(spot.value) if np.isfinite(1 / spot.value) else 1.0
    up = convolve(problem, np.maximum(x * sign, 0), np.maximum(weight, 0), None) + convolve(
        problem, np.maximum(-x * sign, 0), np.maximum(-weight, 0), None
    )
    down = convolve(problem, np.maximum(-x * sign, 0), np.maximum(weight, 0), None) + convolve(
        problem, np.maximum(x * sign, 0), np.maximum(-weight, 0), None
    )
    return (up > 0) | (down > 0), (up > 0) & (down == 0), (down > 0) & (up == 0)


def _only(shape: tuple[int, ...], index: tuple[int, ...]) -> Array:
    array = np.zeros(shape)
    array[index] = 1
    return array


def _may_reach(trial: Trial, operand: str, index: tuple[int, ...], locality: str) -> Mask:
    """Return the outputs to which an element may spread under a locality."""
    problem = trial.problem
    may = np.zeros(problem.output_shape, bool)
    wide = LOCALITIES.index(locality) >= LOCALITIES.index("group")
    per_group = problem.out_channels // problem.groups
    if locality == "batch" or (operand != "x" and locality == "sample"):
        may[...] = True
    elif operand != "x":
        first = index[0] // per_group * per_group
        may[:, first if wide else index[0] : first + per_group if wide else index[0] + 1] = True
    elif locality == "sample":
        may[index[0]] = True
    elif locality == "group":
        group = index[1] // (problem.in_channels // problem.groups)
        may[index[0], group * per_group : (group + 1) * per_group] = True
    else:
        may = _windows_of(problem, index, filled=locality != "window")
        if locality == "tile":
            may = _grown(may, trial.accuracy.tile if trial.accuracy.tile > 1 else _TILE)
    return may


def _windows_of(problem: Problem, index: tuple[int, ...], *, filled: bool) -> Mask:
    """Return the outputs whose window holds an element of x; `filled`, those whose taps enclose it."""
    if filled:
        problem = problem.replace(kernel_size=problem.kernel_span, dilation=1)
    return convolve(problem, _only(problem.input_shape, index), np.ones(problem.weight_shape), None) > 0


def _grown(mask: Mask, reach: int) -> Mask:
    """Return a mask that is `reach` wider on both sides of every spatial axis."""
    for axis in range(2, mask.ndim):
        widened = np.moveaxis(mask.copy(), axis, 0)
        lines = np.moveaxis(mask, axis, 0)
        for step in range(1, min(reach, len(lines) - 1) + 1):
            widened[step:] |= lines[:-step]
            widened[:-step] |= lines[step:]
        mask = np.moveaxis(widened, 0, axis)
    return mask


def _nothing_but_nan(trial: Trial) -> Verdict:
    """Call with an x that is all NaN: every output that reads x must be NaN."""
    operands, _ = trial.data_of(_REALS)
    y = trial.output(replace(operands, x=np.full_like(operands.x, np.nan))).astype(np.float64)
    swallowed = (_products(trial) > 0) & ~np.isnan(y)
    if swallowed.any():
        return _failure(trial, "x all nan", swallowed, y, "want nan")
    return Verdict("passed", seed=trial.data.seed)


def _opposite_infinities(trial: Trial) -> Iterator[Verdict]:
    """Call with sums of +Inf and −Inf, which are NaN."""
    problem = trial.problem
    if problem.in_channels // problem.groups < 2:
        return
    operands, _ = trial.data_of(_REALS)
    x = operands.x.reshape(problem.batch_size, problem.groups, -1, *problem.input_size).copy()
    x[:, :, 0], x[:, :, 1] = np.inf, -np.inf
    y = trial.output(Operands(x.reshape(problem.input_shape), np.abs(operands.weight), operands.bias))
    y = y.astype(np.float64)
    kept = (_products(trial) > 0) & ~np.isnan(y)
    if kept.any():
        yield _failure(trial, "+inf and -inf in one window", kept, y, "want nan")


def _products(trial: Trial) -> Array:
    """Return how many elements of x each output reads."""
    problem = trial.problem
    return trial.data.once(
        "products",
        lambda: convolve(problem, np.ones(problem.input_shape), np.ones(problem.weight_shape), None),
    )


def _overflows(trial: Trial) -> Verdict:
    """Call with sums that overflow the type."""
    problem = trial.problem
    largest = 2.0 ** {"float16": 15, "float64": 1023}.get(problem.dtype, 127)
    operands, _ = trial.data_of(_REALS)
    huge = Operands(
        np.full_like(operands.x, largest),
        np.full_like(operands.weight, -4),
        None if operands.bias is None else np.zeros_like(operands.bias),
    )
    y = trial.output(huge).astype(np.float64)
    # Transforms may overflow on the way, to either side; direct sums cannot.
    kept = (_products(trial) > 0) & (np.isfinite(y) | ((y == np.inf) & trial.accuracy.exact))
    if kept.any():
        return _failure(trial, "sums beyond the largest number", kept, y, "want -inf")
    return Verdict("passed", seed=trial.data.seed)
