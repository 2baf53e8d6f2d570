"""Cases × implementations → a stream of records; it never prints and never writes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from .arrays import adapter
from .accuracy import Accuracy
from .environment import limit_threads
from .kernel import Bound, KernelError, bind, chained, output_array
from .oracle import Oracle
from .oracle.judge import reproduction
from .oracle.timed import timed_truth, wrong_when_timed
from .plugin import Implementation
from .problem import Problem
from .records import Measurement, Record
from .reference import convolve
from .registry import is_installed, library_version, missing
from .sampling import Effort, Rival, Samples, measure
from .suite import Case, Suite
from .tensors import KINDS, Operands
from .verdict import Verdict


_YARDSTICK = "the reference"


@dataclass(frozen=True)
class Settings:
    """How to judge, and whether and how to time.

    With `yardstick` the engine's own reference is timed in the same rounds as everything else: a
    measure of the machine that no implementation can change.
    """

    level: str = "standard"
    seed: int = 0
    threads: int = 1
    timed: bool = False
    yardstick: bool = False
    effort: Effort = field(default_factory=Effort)


def run(
    suites: Sequence[Suite],
    implementations: Sequence[Implementation],
    settings: Settings | None = None,
) -> Iterator[Record]:
    """Yield a record for every case and implementation, case by case, in the given order.

    With `settings.timed` those that passed a case are timed side by side before its records come.
    """
    settings = settings or Settings()
    oracle = Oracle(level=settings.level, seed=settings.seed)
    random = Random(settings.seed)  # noqa: S311 orders of turns need no secrecy
    limit_threads(settings.threads)
    for library in {one.arrays for one in implementations if is_installed(one.arrays)}:
        adapter(library).limit_threads(settings.threads)
    for suite in suites:
        for case in suite:
            verdicts = {one.name: _verdict(oracle, one, case) for one in implementations}
            measured: dict[str, Measurement | Verdict] = {}
            if settings.timed:
                passed = [one for one in implementations if verdicts[one.name].ok]
                measured = time_case(case, passed, settings, random)
            for one in implementations:
                outcome = measured.get(one.name)
                yield Record(
                    suite.name,
                    case,
                    one,
                    verdicts[one.name].and_(outcome) if isinstance(outcome, Verdict) else verdicts[one.name],
                    outcome if isinstance(outcome, Measurement) else None,
                    library_version(one.library),
                    settings.threads,
                )


def _verdict(oracle: Oracle, implementation: Implementation, case: Case) -> Verdict:
    for library in (implementation.library, implementation.arrays):
        if not is_installed(library):
            return Verdict("unavailable", missing(library))
    return oracle.judge(implementation, case)


def time_case(
    case: Case, implementations: Sequence[Implementation], settings: Settings, random: Random
) -> dict[str, Measurement | Verdict]:
    """Time implementations side by side on one case, on data that the oracle has not used.

    Returns a measurement for each, or the verdict on one that raised or whose last timed output
    was wrong.
    """
    layers = [(problem, KINDS["timed"](problem, settings.seed)) for problem in case.problems]
    chains: dict[str, list[Bound]] = {}
    outcomes: dict[str, Measurement | Verdict] = {}
    for one in implementations:
        try:
            chains[one.name] = [bind(one, problem, operands) for problem, operands in layers]
        except KernelError as error:
            outcomes[one.name] = _failure(one, case, settings, "error", str(error))
    rivals = [
        Rival(name, chained(chain), adapter(chain[0].implementation.arrays).running)
        for name, chain in chains.items()
    ]
    if settings.yardstick:
        rivals.append(Rival(_YARDSTICK, partial(_reference_call, layers)))
    taken = measure(rivals, settings.effort, random=random)
    expected = _Expected(layers)
    for name, chain in chains.items():
        verdict = _check(chain, taken[name], expected, case, settings)
        outcomes[name] = verdict or _measurement(chain, taken[name], taken.get(_YARDSTICK))
    return outcomes


class _Expected(dict[Accuracy, tuple[Any, Any]]):
    """The true output of the timed data and its bound, made once per accuracy class."""

    def __init__(self, layers: Sequence[tuple[Problem, Operands]]) -> None:
        super().__init__()
        self._layers = layers

    def __missing__(self, accuracy: Accuracy) -> tuple[Any, Any]:
        self[accuracy] = timed_truth(self._layers, accuracy)
        return self[accuracy]


def _reference_call(layers: Sequence[tuple[Problem, Operands]]) -> None:
    for problem, operands in layers:
        convolve(problem, operands.x, operands.weight, operands.bias)


def _measurement(chain: Sequence[Bound], taken: Samples, yardstick: Samples | None) -> Measurement:
    plans = [bound.plan_s for bound in chain if bound.plan_s is not None]
    return Measurement(
        tuple(taken.seconds),
        taken.number,
        plan_s=sum(plans) if plans else None,
        first_call_s=taken.first_call_s,
        yardstick_s=tuple(yardstick.seconds) if yardstick else (),
    )


def _check(
    chain: Sequence[Bound], taken: Samples, expected: _Expected, case: Case, settings: Settings
) -> Verdict | None:
    """Return the verdict on one that failed while it was timed, or None."""
    implementation = chain[0].implementation
    if taken.error is not None:
        error = KernelError(taken.error)
        status = "memory" if error.is_memory else "error"
        return _failure(implementation, case, settings, status, f"when timed: {error}")
    y = output_array(chain[-1], taken.last)
    if y is None or y.shape != case.problems[-1].output_shape:
        what = "returned another type or shape when timed than when verified"
        return _failure(implementation, case, settings, "contract", what)
    reason = wrong_when_timed(y, expected[implementation.accuracy])
    return _failure(implementation, case, settings, "wrong", reason) if reason else None


def _failure(implementation: Implementation, case: Case, settings: Settings, status: str, reason: str) -> Verdict:
    reproduce = reproduction("time", implementation, case.problems[-1], settings.level, settings.seed)
    return Verdict(status, reason, "at size", seed=settings.seed, reproduce=reproduce)
