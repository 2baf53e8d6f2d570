"""The oracle: judges an implementation layer by layer, the cheapest first, and combines the verdicts."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import takewhile
from math import prod
from typing import Any, TypeVar

import numpy as np

from ..errors import PluginError, ProblemError
from ..execution.host import Host
from ..execution.kernel_call import KernelError
from ..execution.local_host import LocalHost
from ..numerics.large_outputs.large_truth import FullReference
from ..plugins.declaration import Implementation
from ..problems.problem import Problem
from ..problems.suite import Case, Example
from .layers import ORDER, bound, contract, exact, nonfinite, precision, state, values
from .layers.example import layer_on
from .layers.layer import Layer
from .memory_estimate import too_large
from .output import BreachError
from .probe_data import ProbeData
from .trial import LEVELS, Trial, reproduction
from .verdict import Verdict

T = TypeVar("T")

LAYERS = tuple(layer.name for layer in ORDER)


def layers_of(level: str, example: Example | None = None) -> Iterator[Layer]:
    """Yield the layers of a level, the cheapest first; a worked example comes before them."""
    if example is not None:
        yield layer_on(example)
    yield from (layer for layer in ORDER if layer.is_part_of(level))


class Oracle:
    """Judges implementations with data drawn from one seed.

    `host` returns where an implementation runs. Data and true results are made once per problem and
    serve every implementation; those of the last few problems are kept. `full` is the size up to which
    all of an output is compared, and not only some elements and weighted sums of all.
    """

    def __init__(
        self,
        *,
        level: str = "standard",
        seed: int = 0,
        full: FullReference | None = None,
        host: Callable[[Implementation], Host] = LocalHost,
    ) -> None:
        if level not in LEVELS:
            raise ValueError(f"level={level!r} is not known; levels are {', '.join(LEVELS)}")
        self.level = level
        self.seed = seed
        self._full = full or FullReference()
        self._host = host
        self._data_on = lru_cache(maxsize=12)(self._drawn)

    def _drawn(self, problem: Problem) -> ProbeData:
        return ProbeData(problem, self.seed, self._full)

    def judge(self, implementation: Implementation, case: Case) -> Verdict:
        """Return the verdict on a case: the worst of its problems, each judged on its own.

        Raises `SuiteError` if the case's worked example contradicts itself.
        """
        try:
            host = self._host(implementation)
            refused = _refusal(host, case)
        except (PluginError, KernelError) as error:
            status = error.status if isinstance(error, KernelError) else "error"
            return Verdict(status, str(error), contract.LAYER.name, seed=self.seed)
        if refused is not None:
            return refused
        verdict = self._judge_problems(host, case)
        if not verdict.failed:
            return verdict
        verdict = replace(verdict, printed=host.printed())
        return self._seen_elsewhere(host, verdict) or self._seen_alone(host, case, verdict)

    def _judge_problems(self, host: Host, case: Case) -> Verdict:
        """Return the worst verdict on the problems of a case, up to the first failure."""
        verdict = Verdict("passed", seed=self.seed)
        for index, problem in enumerate(case.problems):
            one = self._judge_problem(host, problem, layers_of(self.level, case.example))
            if one.reason:
                one = replace(one, reason=_in_layer(case, index, one.reason), cause=one.reason)
            verdict = verdict.and_(one)
            if verdict.failed:
                break
        # A forged answer is believed until the real one arrives, which may be after the last request.
        try:
            host.synchronize()
        except KernelError as error:
            if error.status == "contract" or not verdict.failed:  # a worker that failed may be broken, too
                verdict = verdict.and_(Verdict(error.status, str(error), contract.LAYER.name, seed=self.seed))
        return verdict

    def _seen_elsewhere(self, host: Host, verdict: Verdict) -> Verdict | None:
        """Return a failure on another problem, called in between, as that problem's own, if it is.

        It is if the implementation fails on it in a new process, before all that concerns earlier calls.
        """
        if verdict.problem is None or not host.starts_afresh(always=True):
            return None
        problem = Problem.parse(verdict.problem)
        before = takewhile(lambda layer: layer is not state.LAYER, layers_of(self.level))
        alone = self._judge_problem(host, problem, before)
        if not alone.failed:
            return None
        reason = f"on {problem}: {alone.reason}"
        return replace(alone, reason=reason, cause=alone.reason, problem=verdict.problem)

    def _seen_alone(self, host: Host, case: Case, verdict: Verdict) -> Verdict:
        """Return the failure in a new process that judges this case alone, or that there is none."""
        if not host.starts_afresh():
            return verdict
        again = self.judge(host.implementation, case)
        if again.failed:
            return again
        reason = f"{verdict.reason}; passes in a new process: its result depends on earlier calls"
        return replace(verdict, reason=reason)

    def trial(self, host: Host, problem: Problem) -> Trial:
        """Return the trial of an implementation on a problem, which the layers work with."""
        return Trial(host, self._data_on(problem), self.level, self._data_on)

    def seen_by(self, implementation: Implementation, problem: Problem) -> dict[str, Verdict]:
        """Return the verdict of each layer on its own, by its name."""
        trial = self.trial(self._host(implementation), problem)
        return {layer.name: self._ask(layer, trial) for layer in layers_of(self.level)}

    def _judge_problem(self, host: Host, problem: Problem, layers: Iterable[Layer]) -> Verdict:
        if reason := too_large(problem, self._full):
            return Verdict("mistrusted", reason, seed=self.seed)
        trial = self.trial(host, problem)
        try:
            return self._asked(trial, layers)
        finally:
            if trial.data.is_large:
                trial.data.forget()

    def _asked(self, trial: Trial, layers: Iterable[Layer]) -> Verdict:
        """Return the worst verdict of the layers, up to the first failure."""
        verdict = Verdict("passed", seed=self.seed)
        try:
            for layer in layers:
                # A kernel that is imprecise on some ordinary numbers may be wrong on others.
                if verdict.failed and not (verdict.status == "imprecise" and layer.measures):
                    break
                verdict = verdict.and_(self._ask(layer, trial))
            if verdict.ok:
                verdict = replace(verdict, traits=_traits(trial))
        except ProblemError as error:  # the problem has no reference
            return Verdict("mistrusted", str(error), seed=self.seed)
        except MemoryError:
            return Verdict("mistrusted", "there is no memory for judging it", seed=self.seed)
        if verdict.ok and (reason := _proves_nothing(trial)):
            return replace(verdict, status="mistrusted", reason=reason)
        return verdict

    def _ask(self, layer: Layer, trial: Trial) -> Verdict:
        """Return the worst verdict of a layer; an error that the kernel raises counts as one."""
        trial = layer.asking(trial)
        verdict = Verdict("passed", seed=self.seed)
        try:
            for one in _quietly(layer.check(trial)):
                verdict = verdict.and_(one if layer.measures or one.failed else _without_errors(one))
                if verdict.failed and verdict.status != "imprecise":
                    break
        except KernelError as error:
            if trial.problem.batch_size == 0 and error.status == "error":
                return Verdict("unsupported", f"raises on an empty batch: {error}")
            verdict = verdict.and_(trial.failure(error.status, str(error)))
        except PluginError as error:
            verdict = verdict.and_(trial.failure("error", str(error)))
        except BreachError as breach:
            # A breach on ordinary numbers counts as the contract layer's, whichever layer finds it.
            name = contract.LAYER.name if layer.measures else layer.name
            verdict = verdict.and_(replace(trial.failure("contract", str(breach)), layer=name))
        if not verdict.failed:
            return verdict
        what = ("--problem", str(trial.problem))
        again = reproduction("verify", trial.implementation, what, self.level, self.seed)
        return replace(verdict, reproduce=again)


def _quietly(verdicts: Iterator[T]) -> Iterator[T]:
    """Yield from an iterator with warnings off: some layers use numbers that overflow."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield from verdicts


def _without_errors(verdict: Verdict) -> Verdict:
    """Return a verdict without its errors in figures, which are those of unusual numbers."""
    return replace(verdict, error_u=None, error_bound_u=None, error_max_abs=None, error_rel_l2=None)


def _proves_nothing(trial: Trial) -> str | None:
    """Return why a pass proves nothing, or None."""
    if prod(trial.problem.output_shape) == 0:
        return "the output has no elements to compare"
    _, true = trial.data_of(trial.sharp)
    if trial.problem.macs == 0 or not (trial.data.is_large or true.magnitude.any()):
        return "every output reads nothing but padding"
    return None


def _traits(trial: Trial) -> dict[str, Any]:
    """Return the properties that are the implementation's choice, as they were observed."""
    implementation = trial.implementation
    found: dict[str, Any] = {"deterministic": implementation.deterministic}
    if trial.level == "quick" or prod(trial.problem.output_shape) == 0:
        return found
    try:
        return found | dict(_quietly(_tried_traits(trial)))
    except (KernelError, BreachError):  # it passed every layer, and now fails
        return found | {"deterministic": False}


def _tried_traits(trial: Trial) -> Iterator[tuple[str, Any]]:
    yield "significand_bits", precision.bits_of(trial)
    yield "subnormals", "kept" if values.keeps_subnormals(trial.reduced) else "flushed"
    yield from nonfinite.traits(trial).items()
    several = trial.bound(trial.data_of(trial.sharp)[0]).uses_threads()
    yield "threads", "several" if several else "one"
    if pools := trial.host.pools():
        yield "pools", dict(pools)
    yield from trial.found.items()
    if (invariant := bound.is_batch_invariant(trial.reduced)) is not None:
        yield "batch_invariant", invariant
    if trial.is_thorough and (invariant := bound.is_thread_invariant(trial)) is not None:
        yield "thread_invariant", invariant
    if trial.accuracy.name != "direct":
        yield "exact_on_integers", exact.is_exact(trial)


def _refusal(host: Host, case: Case) -> Verdict | None:
    """Return that an implementation does not support a case, or None if it supports every problem of it.

    Raises `PluginError` if its own `when=` fails, and `KernelError` if it ends its process.
    """
    for index, problem in enumerate(case.problems):
        if refusal := host.refuses(problem):
            return Verdict("unsupported", _in_layer(case, index, str(refusal)), cause=refusal.needs)
    return None


def _in_layer(case: Case, index: int, reason: str) -> str:
    if len(case.problems) == 1:
        return reason
    return f"layer {index + 1} ({case.problems[index]}): {reason}"
