"""The layout layer: inputs that lie in memory as slices, transposes and views of others do."""

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np

from ..execution.kernel_call import KernelError
from ..numerics.arrays import Array, Subclass, adapter, aligned_copy, from_stored_order, in_stored_order
from ..numerics.operands import Operands, wide_x
from ..problems.problem import Problem
from .bank import Probe
from .output import BreachError
from .trial import Trial
from .verdict import Verdict

Place = Callable[[Array], Array]


def check(trial: Trial) -> Iterator[Verdict]:
    """Hand out the same numbers in one layout after the other."""
    trial = trial.small or trial
    operands, true = trial.deal(trial.sharp)
    bias_places: tuple[Place, ...] = (_stepped, _reversed, _misaligned, _window, _plain)
    for count, (x_place, weight_place) in enumerate(_placements(trial)):
        given = Operands(
            _placed(trial, operands.x, x_place, of_x=True),
            _placed(trial, operands.weight, weight_place),
            None
            if operands.bias is None
            else _placed(trial, operands.bias, bias_places[count % len(bias_places)]),
        )
        y = trial.output(operands, given)
        yield trial.compared("layout", y, true, exact=True, given=_named(x_place, weight_place))
    if trial.is_thorough:
        yield from _broadcast(trial)
        yield from _subclass(trial)
        yield _empty_batch(trial)


def _placements(trial: Trial) -> Iterator[tuple[Place, Place]]:
    yield _fortran, _stepped
    yield _reversed, _channels_last
    yield _window, _transposed
    yield _misaligned, _reversed
    if not trial.is_thorough:
        return
    for place in (_stepped, _channels_last, _transposed, _read_only, _batch_inside, _apart):
        yield place, _plain
    for place in (_fortran, _window, _misaligned, _read_only, _apart):
        yield _plain, place
    for axis in range(trial.problem.ndim + 2):
        for on_axis in (_reversed_on(axis), _stepped_on(axis), _windowed_on(axis)):
            yield on_axis, _plain
            yield _plain, on_axis


def _placed(trial: Trial, array: Array, place: Place, *, of_x: bool = False) -> Array:
    """Return a copy in a layout, or a plain one where the implementation's library has no such array."""
    layout = trial.implementation.layout if of_x else "contiguous"
    if layout != "contiguous":
        return aligned_copy(array, layout)
    placed = place(array)
    return placed if adapter(trial.implementation.arrays).takes(placed) else aligned_copy(array)


def _named(x_place: Place, weight_place: Place) -> str:
    names = [
        f"{operand} {(place.__doc__ or '').rstrip('.').lower()}"
        for operand, place in (("x", x_place), ("weight", weight_place))
        if place is not _plain
    ]
    return " and ".join(names)


def _plain(array: Array) -> Array:
    """Contiguous."""
    return aligned_copy(array)


def _fortran(array: Array) -> Array:
    """In Fortran's order."""
    return np.array(array, order="F")


def _channels_last(array: Array) -> Array:
    """With its channels last in memory."""
    layout = "channels_last" if array.ndim > 1 else "contiguous"
    return from_stored_order(in_stored_order(array, layout).copy(), layout)


def _transposed(array: Array) -> Array:
    """With its last two axes swapped in memory."""
    return array.swapaxes(-1, -2).copy().swapaxes(-1, -2) if array.ndim > 1 else array.copy()


def _reversed(array: Array) -> Array:
    """Reversed in memory."""
    backwards = (slice(None, None, -1),) * array.ndim
    return array[backwards].copy()[backwards]


def _stepped(array: Array) -> Array:
    """With gaps between its elements."""
    spread = np.full([2 * size for size in array.shape], np.nan, array.dtype)
    steps = (slice(None, None, 2),) * array.ndim
    spread[steps] = array
    return spread[steps]


def _reversed_on(axis: int) -> Place:
    def place(array: Array) -> Array:
        return np.flip(np.flip(array, axis).copy(), axis)

    place.__doc__ = f"Reversed on axis {axis}."
    return place


def _stepped_on(axis: int) -> Place:
    def place(array: Array) -> Array:
        sizes = list(array.shape)
        sizes[axis] *= 2
        spread = np.full(sizes, np.nan, array.dtype)
        steps = (*(slice(None),) * axis, slice(None, None, 2))
        spread[steps] = array
        return spread[steps]

    place.__doc__ = f"With gaps on axis {axis}."
    return place


def _windowed_on(axis: int) -> Place:
    def place(array: Array) -> Array:
        sizes = list(array.shape)
        sizes[axis] += 1
        longer = np.full(sizes, np.nan, array.dtype)
        inner = (*(slice(None),) * axis, slice(array.shape[axis]))
        longer[inner] = array
        return longer[inner]

    place.__doc__ = f"A slice of a longer axis {axis}."
    return place


def _batch_inside(array: Array) -> Array:
    """With its samples inside its channels in memory."""
    return array.swapaxes(0, 1).copy().swapaxes(0, 1) if array.ndim > 1 else array.copy()


def _apart(array: Array) -> Array:
    """One element behind a cache line."""
    block = aligned_copy(np.zeros(array.size + 1, array.dtype))
    shifted = block[1:].reshape(array.shape)
    shifted[...] = array
    return shifted


def _window(array: Array) -> Array:
    """Inside a larger array."""
    block = np.full([size + 3 for size in array.shape], np.nan, array.dtype)
    inner = tuple(slice(1, 1 + size) for size in array.shape)
    block[inner] = array
    return block[inner]


def _misaligned(array: Array) -> Array:
    """Off its alignment by one byte."""
    raw = np.zeros(array.nbytes + 1, np.uint8)
    shifted = raw[1:].view(array.dtype).reshape(array.shape)
    shifted[...] = array
    return shifted


def _read_only(array: Array) -> Array:
    """Read-only."""
    copy = aligned_copy(array)
    copy.flags.writeable = False
    return copy


def _broadcast(trial: Trial) -> Iterator[Verdict]:
    """Hand out arrays some of whose elements are the same ones in memory, on one axis after the other."""
    if not trial.accuracy.exact or trial.problem.batch_size == 0:
        return
    for axis in range(trial.problem.ndim + 2):
        operands, true = trial.deal(repeated_on(axis))
        given = Operands(
            _placed(trial, operands.x, _broadcast_on(axis), of_x=True),
            _placed(trial, operands.weight, _broadcast_on(axis)),
            None if operands.bias is None else _placed(trial, operands.bias, _broadcast_on(0)),
        )
        words = f"x and weight broadcast on axis {axis}"
        yield trial.compared("layout", trial.output(operands, given), true, exact=True, given=words)


@cache
def repeated_on(axis: int) -> Probe:
    """Return exact data of which x, weight and bias are the same all along an axis."""

    def repeated(problem: Problem, seed: int, bits: int | None = None) -> Operands:
        operands = wide_x(problem, seed, bits)
        x, weight = (np.repeat(a.take([0], axis), a.shape[axis], axis) for a in (operands.x, operands.weight))
        bias = None if operands.bias is None else np.full_like(operands.bias, operands.bias[0])
        return Operands(x, weight, bias)

    return Probe(repeated, exact=True)


def _broadcast_on(axis: int) -> Place:
    def place(array: Array) -> Array:
        view = np.broadcast_to(array.take([0], axis), array.shape)
        view.flags.writeable = True  # for libraries that know no read-only arrays
        return view

    return place


def _subclass(trial: Trial) -> Iterator[Verdict]:
    """Hand out a subclass of NumPy's array, and accept one back."""
    if trial.implementation.arrays != "numpy" or trial.implementation.layout != "contiguous":
        return
    operands, true = trial.deal(trial.sharp)
    given = Operands(
        aligned_copy(operands.x).view(Subclass),
        aligned_copy(operands.weight).view(Subclass),
        None if operands.bias is None else operands.bias.copy().view(Subclass),
    )
    y = trial.output(operands, given)
    yield trial.compared("layout", y, true, exact=True, given="its inputs subclasses of numpy.ndarray")


def _empty_batch(trial: Trial) -> Verdict:
    """Hand out no samples at all: the shape is all there is to be right, for who can do that."""
    problem = trial.problem.replace(batch_size=0)
    passed = Verdict("passed", seed=trial.bank.seed)
    if trial.refuses(problem):
        return passed
    empty = trial.on(problem)
    operands, _ = empty.deal(empty.sharp)
    try:
        empty.output(operands)
    except KernelError as error:
        if error.status != "error":
            raise
        return passed
    except BreachError as breach:
        raise BreachError(f"with an empty batch: {breach}") from None
    return passed
