"""The full-size layer: what the layers before ask often on a reduced problem, once on the problem itself.

A kernel may take another path from some size on, which no reduced problem shows. The data is exact, so
that one wrong element of the output shows wherever it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ...execution.host import Held
from ...numerics.accuracy import Truth
from ...numerics.arrays import Array
from ...numerics.blocks import same_bits
from ...numerics.large_outputs.reach import drawn_place, may_reach, reached
from ...numerics.operands import Operands, generator, normal
from ...problems.problem import Problem
from ..inputs.placements import (
    Placement,
    contiguous,
    in_fortrans_order,
    placed,
    reversed_in_memory,
    with_gaps_on,
    words_of,
)
from ..output import BreachError
from ..probe_data import Probe
from ..trial import Trial
from ..verdict import Verdict
from .layer import Layer

_CALLS_AT_ONCE = 8
"""Two threads need not meet in their first calls."""


def check(trial: Trial) -> Iterator[Verdict]:
    """Call where the other layers have asked on a reduced problem, each question that memory allows."""
    if trial.reduced.problem == trial.problem:
        return
    content = _Content(*trial.data_of(trial.sharp))
    last_gapped = with_gaps_on(trial.problem.ndim + 1)
    if not trial.has_memory_for(2):
        return
    yield from _laid_out(trial, content, in_fortrans_order, last_gapped)
    if not trial.has_memory_for(3):
        return
    bound = trial.bound(content.operands)
    y = trial.checked(bound, bound.output(), content.operands)
    yield from _in_the_same_memory(trial, content, bound, y)
    yield from _one_nan(trial, content, y)
    if trial.is_thorough:
        yield from _laid_out(trial, content, last_gapped, reversed_in_memory)
        yield from _at_once(trial, content)
        yield from _at_the_edge(trial, content)
        if trial.accuracy.exact:
            yield trial.judged(_ONE_TAP_ABOVE)


LAYER = Layer("full size", level="standard", measures=False, may_be_imprecise=True, check=check)


@dataclass(frozen=True)
class _Content:
    """Exact operands, and their true output."""

    operands: Operands
    true: Truth


def _with(trial: Trial, content: _Content, **arrays: Array) -> _Content:
    """Return a content with other arrays of the same kind."""
    operands = replace(content.operands, **arrays)
    return _Content(operands, trial.data.true_output(operands, exact=True))


def _judged(trial: Trial, y: Array, content: _Content, given: str) -> Verdict:
    return trial.compared(y, content.true, exact=True, given=f"{given}, at full size")


def _laid_out(
    trial: Trial, content: _Content, x_place: Placement, weight_place: Placement
) -> Iterator[Verdict]:
    """Call with inputs that are not contiguous."""
    operands = content.operands
    given = Operands(
        placed(trial, operands.x, x_place, of_x=True),
        placed(trial, operands.weight, weight_place),
        None if operands.bias is None else placed(trial, operands.bias, contiguous),
    )
    yield _judged(trial, trial.output(operands, given), content, words_of(x_place, weight_place))


def _one_nan(trial: Trial, content: _Content, clean: Array) -> Iterator[Verdict]:
    """Call with a NaN in x: the outputs that read it are NaN, those that it may not reach are right.

    `clean` is the output without it, which takes the place of those that it may reach.
    """
    operands, problem = content.operands, trial.problem
    place = drawn_place(problem, trial.data.seed)
    if place is None:
        return
    x = operands.x.copy()
    x[place] = np.nan
    y = trial.output(replace(operands, x=x))
    given = f"x[{', '.join(map(str, place))}] = nan"
    reach = reached(problem, operands.weight, place)
    swallowed = reach.reads & ~np.isnan(y[reach.index].astype(np.float64))
    if swallowed.any():
        where = reach.first(swallowed)
        reason = f"y[{', '.join(map(str, where))}] is {float(y[where]):.9g}, want nan"
        yield replace(trial.failure("wrong", reason, f"{given}, at full size"), where=str(list(where)))
        return
    spread = may_reach(problem, place, trial.locality, trial.accuracy.tile)
    if spread is not None:
        y[spread] = clean[spread]
        yield _judged(trial, y, content, f"{given}, beyond the {trial.locality} of it")


def _in_the_same_memory(trial: Trial, first: _Content, bound: Held, y: Array) -> Iterator[Verdict]:
    """Call with other numbers in the same memory and the first again, while the first output, y, is alive."""
    other = trial.data.of(trial.sharp, trial.accuracy, 1)[0]
    bound.refill("x", other.x)
    second = _with(trial, first, x=other.x)
    again = trial.checked(bound, bound.output(), second.operands)
    yield _judged(trial, again, second, "other numbers in the same x")
    earlier = bound.kept()[0].y
    if earlier is None or not same_bits(earlier, y):
        raise BreachError("changed an output that it had returned before, at full size, want a new one")
    for words, content in (
        ("other numbers in the same weight", _with(trial, second, weight=other.weight)),
        ("its first numbers in the same memory again", first),
    ):
        bound.refill("x", content.operands.x)
        bound.refill("weight", content.operands.weight)
        if trial.implementation.is_plan:
            bound = trial.bound(content.operands, bound.given)
        again = trial.checked(bound, bound.output(), content.operands)
        yield _judged(trial, again, content, words)


def _at_once(trial: Trial, first: _Content) -> Iterator[Verdict]:
    """Call from two threads at once, each with numbers of its own."""
    other = _Content(*trial.data.of(trial.sharp, trial.accuracy, 2))
    contents = [first, other]
    held = [trial.bound(content.operands) for content in contents]
    seen = trial.host.at_once(held, _CALLS_AT_ONCE)
    for bound, content, outputs in zip(held, contents, seen.at_once, strict=True):
        for output in outputs:
            y = trial.checked(bound, output, content.operands)
            yield _judged(trial, y, content, f"{len(held)} threads at once")


def _at_the_edge(trial: Trial, content: _Content) -> Iterator[Verdict]:
    """Let the inputs end at a page that may not be touched."""
    if signal := trial.host.at_the_edge(trial.problem, content.operands, "end"):
        reason = f"was ended by {signal} when it read beyond the end of an input, at full size"
        yield trial.failure("crashed", reason)


def one_tap_above_the_rest(problem: Problem, seed: int) -> Operands:
    """Return reals of which one weight of each output channel is 2²⁰ times as large as the rest.

    A sum is then hardly more than one product, and its bound, which grows with n, is that of products
    this long: a rounding of the inputs to p bits, which costs some 2⁻ᵖ of the product, shows
    for n below 2²⁴⁻ᵖ. No number is zero, whole, or a power of two.
    """
    random = generator(problem, "one tap above the rest", seed)
    operands = normal(problem, random)
    weight = operands.weight.astype(np.float64).reshape(problem.out_channels, -1)
    taps = random.integers(problem.products, size=problem.out_channels)
    weight *= _REST if problem.dtype != "float16" else _REST_OF_HALF
    weight[np.arange(problem.out_channels), taps] = random.uniform(1, 2, problem.out_channels)
    return replace(operands, weight=weight.reshape(problem.weight_shape).astype(operands.weight.dtype))


_REST = 2.0**-20
_REST_OF_HALF = 2.0**-8
"""float16 has no normal numbers below 2⁻¹⁴."""

_ONE_TAP_ABOVE = Probe(one_tap_above_the_rest)
