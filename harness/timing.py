"""One case on the stopwatch: implementations bound to fresh data, timed as rivals, checked again.

What was right when it was verified may be wrong when it is timed, so the output of one of the timed
calls, nobody knows which, is compared with the true one before its time counts; and so are those of
a few more calls, on input that was never there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import inf
from random import Random
from statistics import median
from typing import Any

from .accuracy import Accuracy
from .arrays import Array
from .host import Held, Host, LocalHost, Timed
from .kernel import KernelError, Output
from .oracle.at_size import AtSize, is_decided_exactly
from .oracle.contract import BreachError, checked_output
from .oracle.timed import WRONG_WHEN_TIMED, timed_truth, wrong_when_timed
from .plugin import Implementation
from .problem import Problem
from .records import Measurement
from .reference import convolve
from .sampling import Effort, Rival, Samples, Stopwatch, measure
from .suite import Case
from .tensors import KINDS, Operands

_FRESH_CALLS = 3
_FRESH_RATIO = 3.0
_FRESH_SLACK_S = 20e-6
"""A call on new input may take so much longer: data has just been written, and code gone cold."""

YARDSTICK = "the reference"

Layers = Sequence[tuple[Problem, Operands]]


@dataclass(frozen=True)
class TimingFailure:
    """Why something that had passed could not be timed: a status of `Verdict`, and the reason."""

    status: str
    reason: str


def time_case(
    case: Case,
    implementations: Sequence[Implementation],
    effort: Effort,
    *,
    seed: int,
    random: Random,
    yardstick: bool = False,
    host: Callable[[Implementation], Host] = LocalHost,
) -> dict[str, Measurement | TimingFailure]:
    """Time implementations side by side on one case, on data that the oracle has not used.

    With `yardstick` the engine's own reference is one more rival, whose samples every measurement
    then holds: a measure of the machine that no implementation can change.
    """
    kind = "timed_integers" if len(case.problems) == 1 else "timed"  # sums of a chain are not exact
    layers = [(problem, KINDS[kind](problem, seed)) for problem in case.problems]
    outcomes: dict[str, Measurement | TimingFailure] = {}
    chains: dict[str, list[Held]] = {}
    timed: dict[str, Timed] = {}
    for one in implementations:
        try:
            chain = [host(one).bind(problem, operands) for problem, operands in layers]
            timed[one.name] = host(one).rival(one.name, chain)
            chains[one.name] = chain
        except (KernelError, MemoryError) as error:
            outcomes[one.name] = _raised(KernelError.of(error))
    rivals: list[Rival] = list(timed.values())
    if yardstick:
        rivals.append(Stopwatch(YARDSTICK, partial(_reference_call, layers)))
    taken = measure(rivals, effort, random=random)
    expected = _Expected(layers, seed)
    others = [_other_input(layers, kind, seed + 1 + count) for count in range(_FRESH_CALLS)]
    for name, chain in chains.items():
        failure = _failure(chain, taken[name], expected) or _memory(chain, timed[name], taken[name], others)
        outcomes[name] = failure or _measurement(chain, taken[name], taken.get(YARDSTICK))
    return outcomes


def _other_input(layers: Layers, kind: str, seed: int) -> "_Expected":
    """Return what a chain gives on another x."""
    (problem, operands), *further = layers
    return _Expected([(problem, replace(operands, x=KINDS[kind](problem, seed).x)), *further], seed)


class _Expected:
    """What outputs on the timed data must be: made when first asked for, for all comers."""

    def __init__(self, layers: Layers, seed: int) -> None:
        self._layers = layers
        self._seed = seed
        self._bounds: dict[Accuracy, tuple[Any, Any]] = {}

    @property
    def x(self) -> Array:
        """Return the input."""
        return self._layers[0][1].x

    def failure(self, chain: Sequence[Held], output: Output) -> TimingFailure | None:
        """Return what is wrong with an output of a chain, or None."""
        last = chain[-1]
        one = last.implementation
        try:
            y = checked_output(one, last.problem, output, last.given, self._layers[-1][1])
        except BreachError as breach:
            return TimingFailure("contract", f"when timed: {breach}")
        reason = self.complaint(y, one.accuracy)
        return TimingFailure("wrong", reason) if reason else None

    @cached_property
    def _at_size(self) -> AtSize:
        return AtSize(*self._layers[0], self._seed)

    def complaint(self, y: Array, accuracy: Accuracy) -> str | None:
        """Return what is wrong with an output of a class, or None."""
        if len(self._layers) == 1 and is_decided_exactly(self._layers[0][0], accuracy):
            found = self._at_size.complaint(y)
            return f"{WRONG_WHEN_TIMED}: {found}" if found else None
        if accuracy not in self._bounds:
            self._bounds[accuracy] = timed_truth(self._layers, accuracy)
        return wrong_when_timed(y, self._bounds[accuracy])


def _reference_call(layers: Layers) -> None:
    for problem, operands in layers:
        convolve(problem, operands.x, operands.weight, operands.bias)


def _measurement(chain: Sequence[Held], taken: Samples, yardstick: Samples | None) -> Measurement:
    plans = [bound.plan_s for bound in chain if bound.plan_s is not None]
    return Measurement(
        tuple(taken.seconds),
        taken.number,
        plan_s=sum(plans) if plans else None,
        first_call_s=taken.first_call_s,
        yardstick_s=tuple(yardstick.seconds) if yardstick else (),
    )


def _failure(chain: Sequence[Held], taken: Samples, expected: "_Expected") -> TimingFailure | None:
    """Return what went wrong while it was timed, or None."""
    if taken.error is not None:
        return _raised(KernelError.of(taken.error))
    return expected.failure(chain, taken.seen)


def _memory(
    chain: Sequence[Held], rival: Timed, taken: Samples, others: Sequence["_Expected"]
) -> TimingFailure | None:
    """Return that a rival remembers results by their input, if new input takes it much longer, or None.

    One call that takes no longer than usual will do, so that a disturbance of another is no matter.
    """
    usual = median(taken.seconds)
    fastest = inf
    for other in others:
        try:
            seconds, output = rival.once(other.x)
        except Exception as error:  # noqa: BLE001 in this process a call may raise anything
            return _raised(KernelError.of(error))
        if failure := other.failure(chain, output):
            return failure
        fastest = min(fastest, seconds)
        if fastest <= _FRESH_RATIO * usual + _FRESH_SLACK_S:
            return None
    reason = f"takes {fastest:.2g} s on input that it has not seen and {usual:.2g} s on input that it has"
    return TimingFailure("contract", f"when timed: {reason}; results may not be remembered")


def _raised(error: KernelError) -> TimingFailure:
    return TimingFailure(error.status, f"when timed: {error}")
