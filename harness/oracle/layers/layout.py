"""The layout layer: inputs that lie in memory as slices, transposes and views of larger arrays do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from ...execution.kernel_call import KernelError
from ...numerics.arrays import Array, Subclass, adapter, aligned_copy, from_stored_order, in_stored_order
from ...numerics.operands import Operands, wide_x
from ...problems.problem import Problem
from ..output import BreachError
from ..probe_data import Probe
from ..trial import Trial
from ..verdict import Verdict
from .layer import Layer


@dataclass(frozen=True)
class Placement:
    """A way for an array to lie in memory: the words for it in messages, and the function that does it."""

    words: str
    place: Callable[[Array], Array]


def check(trial: Trial) -> Iterator[Verdict]:
    """Call with the same numbers in one layout after the other."""
    trial = trial.reduced
    operands, true = trial.data_of(trial.sharp)
    bias_places: tuple[Placement, ...] = (_stepped, _reversed, _misaligned, _window, _plain)
    for count, (x_place, weight_place) in enumerate(_placements(trial)):
        given = Operands(
            _placed(trial, operands.x, x_place, of_x=True),
            _placed(trial, operands.weight, weight_place),
            None
            if operands.bias is None
            else _placed(trial, operands.bias, bias_places[count % len(bias_places)]),
        )
        try:
            y = trial.output(operands, given)
        except KernelError as error:
            if error.status == "error" and _read_only in (x_place, weight_place):
                continue  # it may ask for arrays that allow writing, as its callers usually have them
            raise
        yield trial.compared(y, true, exact=True, given=_named(x_place, weight_place))
    if trial.is_thorough:
        yield from _broadcast(trial)
        yield from _subclass(trial)
    yield _empty_batch(trial)


LAYER = Layer("layout", level="standard", measures=False, may_be_imprecise=False, check=check)


def _placements(trial: Trial) -> Iterator[tuple[Placement, Placement]]:
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


def _placed(trial: Trial, array: Array, placement: Placement, *, of_x: bool = False) -> Array:
    """Return a copy in a layout, or a contiguous one where the library cannot represent it."""
    layout = trial.implementation.layout if of_x else "contiguous"
    if layout != "contiguous":
        return aligned_copy(array, layout)
    placed = placement.place(array)
    return placed if adapter(trial.implementation.arrays).takes(placed) else aligned_copy(array)


def _named(x_place: Placement, weight_place: Placement) -> str:
    names = [
        f"{operand} {placement.words}"
        for operand, placement in (("x", x_place), ("weight", weight_place))
        if placement is not _plain
    ]
    return " and ".join(names)


@partial(Placement, "contiguous")
def _plain(array: Array) -> Array:
    return aligned_copy(array)


@partial(Placement, "in fortran's order")
def _fortran(array: Array) -> Array:
    return np.array(array, order="F")


@partial(Placement, "with its channels last in memory")
def _channels_last(array: Array) -> Array:
    layout = "channels_last" if array.ndim > 1 else "contiguous"
    return from_stored_order(in_stored_order(array, layout).copy(), layout)


@partial(Placement, "with its last two axes swapped in memory")
def _transposed(array: Array) -> Array:
    return array.swapaxes(-1, -2).copy().swapaxes(-1, -2) if array.ndim > 1 else array.copy()


@partial(Placement, "reversed in memory")
def _reversed(array: Array) -> Array:
    backwards = (slice(None, None, -1),) * array.ndim
    return array[backwards].copy()[backwards]


@partial(Placement, "with gaps between its elements")
def _stepped(array: Array) -> Array:
    spread = np.full([2 * size for size in array.shape], np.nan, array.dtype)
    steps = (slice(None, None, 2),) * array.ndim
    spread[steps] = array
    return spread[steps]


def _reversed_on(axis: int) -> Placement:
    @partial(Placement, f"reversed on axis {axis}")
    def place(array: Array) -> Array:
        return np.flip(np.flip(array, axis).copy(), axis)

    return place


def _stepped_on(axis: int) -> Placement:
    @partial(Placement, f"with gaps on axis {axis}")
    def place(array: Array) -> Array:
        sizes = list(array.shape)
        sizes[axis] *= 2
        spread = np.full(sizes, np.nan, array.dtype)
        steps = (*(slice(None),) * axis, slice(None, None, 2))
        spread[steps] = array
        return spread[steps]

    return place


def _windowed_on(axis: int) -> Placement:
    @partial(Placement, f"a slice of a longer axis {axis}")
    def place(array: Array) -> Array:
        sizes = list(array.shape)
        sizes[axis] += 1
        longer = np.full(sizes, np.nan, array.dtype)
        inner = (*(slice(None),) * axis, slice(array.shape[axis]))
        longer[inner] = array
        return longer[inner]

    return place


@partial(Placement, "with its samples inside its channels in memory")
def _batch_inside(array: Array) -> Array:
    return array.swapaxes(0, 1).copy().swapaxes(0, 1) if array.ndim > 1 else array.copy()


@partial(Placement, "one element behind a cache line")
def _apart(array: Array) -> Array:
    block = aligned_copy(np.zeros(array.size + 1, array.dtype))
    shifted = block[1:].reshape(array.shape)
    shifted[...] = array
    return shifted


@partial(Placement, "inside a larger array")
def _window(array: Array) -> Array:
    block = np.full([size + 3 for size in array.shape], np.nan, array.dtype)
    inner = tuple(slice(1, 1 + size) for size in array.shape)
    block[inner] = array
    return block[inner]


@partial(Placement, "off its alignment by one byte")
def _misaligned(array: Array) -> Array:
    raw = np.zeros(array.nbytes + 1, np.uint8)
    shifted = raw[1:].view(array.dtype).reshape(array.shape)
    shifted[...] = array
    return shifted


@partial(Placement, "read-only")
def _read_only(array: Array) -> Array:
    copy = aligned_copy(array)
    copy.flags.writeable = False
    return copy


def _broadcast(trial: Trial) -> Iterator[Verdict]:
    """Call with broadcast arrays, whose elements share memory, on one axis after the other."""
    if not trial.accuracy.exact or trial.problem.batch_size == 0:
        return
    for axis in range(trial.problem.ndim + 2):
        operands, true = trial.data_of(repeated_on(axis))
        given = Operands(
            _placed(trial, operands.x, _broadcast_on(axis), of_x=True),
            _placed(trial, operands.weight, _broadcast_on(axis)),
            None if operands.bias is None else _placed(trial, operands.bias, _broadcast_on(0)),
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


def _broadcast_on(axis: int) -> Placement:
    @partial(Placement, f"broadcast on axis {axis}")
    def place(array: Array) -> Array:
        view = np.broadcast_to(array.take([0], axis), array.shape)
        view.flags.writeable = True  # for libraries without read-only arrays
        return view

    return place


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
