"""Judges: leads an implementation through the layers, cheapest first, and sums up what they say."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from math import prod
from typing import Any, TypeVar

import numpy as np

from ..errors import PluginError, ProblemError, SuiteError
from ..execution.host import Host, LocalHost
from ..execution.kernel_call import KernelError
from ..numerics.accuracy import PRECISION
from ..numerics.arrays import dtype_of
from ..numerics.operands import Operands
from ..numerics.reference import truth
from ..plugins.declaration import Implementation
from ..problems.problem import Problem
from ..problems.suite import Case, Example
from . import bounds, contract, exact, layouts, memory, nonfinite, precision, state, values
from .bank import Bank
from .output import BreachError
from .room import too_large
from .trial import LEVELS, Trial, reproduction
from .verdict import Verdict

T = TypeVar("T")
Check = Callable[[Trial], Iterator[Verdict]]


@dataclass(frozen=True)
class Layer:
    """One kind of question, by the name under which a verdict gives it, and how it is asked.

    `measures` says that its errors are those of ordinary numbers, which a report compares.
    """

    name: str
    check: Check
    measures: bool = False


_FIRST = (
    Layer("contract", contract.check),
    Layer("exact", exact.check, measures=True),
    Layer("precision", precision.check, measures=True),
    Layer("bound", bounds.check, measures=True),
)
_FURTHER = (
    Layer("values", values.check),
    Layer("non-finite", nonfinite.check),
    Layer("layout", layouts.check),
    Layer("state", state.check),
    Layer("memory", memory.check),
)
LAYERS = tuple(layer.name for layer in (*_FIRST, *_FURTHER))


def layers_of(level: str) -> tuple[Layer, ...]:
    """Return the layers of a level, cheapest first."""
    return _FIRST if level == "quick" else (*_FIRST, *_FURTHER)


class Oracle:
    """Judges implementations with data drawn from one seed.

    `host` says where an implementation runs. Data and true results are made once per problem and
    serve every implementation; those of the last few problems are kept.
    """

    def __init__(
        self,
        *,
        level: str = "standard",
        seed: int = 0,
        host: Callable[[Implementation], Host] = LocalHost,
    ) -> None:
        if level not in LEVELS:
            raise ValueError(f"level={level!r} is not known; levels are {', '.join(LEVELS)}")
        self.level = level
        self.seed = seed
        self._host = host
        self._banks = lru_cache(maxsize=12)(self._bank)

    def _bank(self, problem: Problem) -> Bank:
        return Bank(problem, self.seed)

    def judge(self, implementation: Implementation, case: Case) -> Verdict:
        """Return the verdict on a case: the worst of its problems, each judged on its own.

        Raises `SuiteError` if the case's worked example contradicts itself.
        """
        try:
            host = self._host(implementation)
            refused = _refusal(host, case)
        except (PluginError, KernelError) as error:
            status = error.status if isinstance(error, KernelError) else "error"
            return Verdict(status, str(error), "contract", seed=self.seed)
        if refused is not None:
            return refused
        verdict = Verdict("passed", seed=self.seed)
        for index, problem in enumerate(case.problems):
            one = self._judge_problem(host, problem, case.example)
            if one.reason:
                one = replace(one, reason=_in_layer(case, index, one.reason), cause=one.reason)
            verdict = verdict.and_(one)
            if verdict.failed:
                return self._seen_alone(host, case, replace(verdict, printed=host.printed()))
        return verdict

    def _seen_alone(self, host: Host, case: Case, verdict: Verdict) -> Verdict:
        """Return the failure as it shows to whoever asks about this case alone, if it does."""
        if not host.starts_afresh():
            return verdict
        again = self.judge(host.implementation, case)
        if again.failed:
            return again
        reason = f"{verdict.reason}; passes in a new process: what it did on other problems matters"
        return replace(verdict, reason=reason)

    def trial(self, host: Host, problem: Problem) -> Trial:
        """Return what the layers are asked with."""
        return Trial(host, self._banks(problem), self.level, self._banks)

    def seen_by(self, implementation: Implementation, problem: Problem) -> dict[str, Verdict]:
        """Return the verdict of every layer by itself: which of them would have been enough."""
        trial = self.trial(self._host(implementation), problem)
        return {layer.name: self._ask(layer, trial) for layer in layers_of(self.level)}

    def _judge_problem(self, host: Host, problem: Problem, example: Example | None) -> Verdict:
        if reason := too_large(problem):
            return Verdict("mistrusted", reason, seed=self.seed)
        trial = self.trial(host, problem)
        verdict = Verdict("passed", seed=self.seed)
        try:
            if example is not None:
                verdict = self._ask(
                    Layer("example", partial(_on_example, example=example), measures=True), trial
                )
            for layer in layers_of(self.level):
                # What is imprecise on ordinary numbers may turn out to be wrong on others of them.
                if verdict.failed and not (verdict.status == "imprecise" and layer.measures):
                    break
                verdict = verdict.and_(self._ask(layer, trial))
            if verdict.ok:
                verdict = replace(verdict, traits=_traits(trial))
        except ProblemError as error:  # there is no reference for it
            return Verdict("mistrusted", str(error), seed=self.seed)
        except MemoryError:
            return Verdict("mistrusted", "there is no memory for judging it", seed=self.seed)
        if verdict.ok and (reason := _proves_nothing(trial)):
            return replace(verdict, status="mistrusted", reason=reason)
        return verdict

    def _ask(self, layer: Layer, trial: Trial) -> Verdict:
        """Return the worst that a layer has to say; what the kernel raises is among it."""
        verdict = Verdict("passed", seed=self.seed)
        try:
            for one in _quietly(layer.check(trial)):
                verdict = verdict.and_(one if layer.measures or one.failed else _without_errors(one))
                if verdict.failed and verdict.status != "imprecise":
                    break
        except KernelError as error:
            if trial.problem.batch_size == 0 and error.status == "error":
                return Verdict("unsupported", f"raises on an empty batch: {error}")
            verdict = verdict.and_(trial.failure(error.status, str(error), layer.name))
        except PluginError as error:
            verdict = verdict.and_(trial.failure("error", str(error), layer.name))
        except BreachError as breach:
            name = layer.name if layer in _FURTHER else "contract"
            verdict = verdict.and_(trial.failure("contract", str(breach), name))
        if not verdict.failed:
            return verdict
        what = ("--problem", str(trial.problem))
        again = reproduction("verify", trial.implementation, what, self.level, self.seed)
        return replace(verdict, reproduce=again)


def _quietly(verdicts: Iterator[T]) -> Iterator[T]:
    """Pass answers on, and not the warnings of kernels that were given what overflows."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield from verdicts


def _without_errors(verdict: Verdict) -> Verdict:
    """Return a verdict without figures that only belong to unusual numbers."""
    return replace(verdict, error_u=None, error_bound_u=None, error_max_abs=None, error_rel_l2=None)


def _proves_nothing(trial: Trial) -> str | None:
    """Return why passing says nothing, or None."""
    if prod(trial.problem.output_shape) == 0:
        return "the output has no elements to compare"
    _, true = trial.deal(trial.sharp)
    if not true.magnitude.any():
        return "every output reads nothing but padding"
    return None


def _traits(trial: Trial) -> dict[str, Any]:
    """Return what an implementation was found to do where it is free to do as it likes."""
    implementation = trial.implementation
    found: dict[str, Any] = {"deterministic": implementation.deterministic}
    if trial.level == "quick" or prod(trial.problem.output_shape) == 0:
        return found
    try:
        return found | dict(_quietly(_tried_traits(trial)))
    except (KernelError, BreachError):  # it passed every layer, and fails now
        return found | {"deterministic": False}


def _tried_traits(trial: Trial) -> Iterator[tuple[str, Any]]:
    yield "significand_bits", precision.bits_of(trial)
    yield "subnormals", "kept" if values.keeps_subnormals(trial.small or trial) else "flushed"
    yield from nonfinite.traits(trial).items()
    several = trial.bound(trial.deal(trial.sharp)[0]).uses_threads()
    yield "threads", "several" if several else "one"
    if pools := trial.host.pools():
        yield "pools", dict(pools)
    if trial.accuracy.name != "direct":
        yield "exact_on_integers", exact.is_exact(trial)


def _refusal(host: Host, case: Case) -> Verdict | None:
    """Return that an implementation does not support a case, or None if it supports every layer.

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


def _on_example(trial: Trial, example: Example) -> Iterator[Verdict]:
    """Run on a worked example's numbers, and keep what came out."""
    problem = trial.problem
    operands = example_operands(problem, example)
    true = truth(problem, operands, exact=True)
    expected = np.reshape(np.asarray(example.y, np.float64), problem.output_shape)
    mistake = f"the worked example of {problem}"
    if true.magnitude.max(initial=0) > 2.0 ** PRECISION[problem.dtype]:
        raise SuiteError([f"{mistake} has sums that {problem.dtype} cannot hold; use smaller numbers"])
    if not np.array_equal(true.y, expected):
        raise SuiteError(
            [f"{mistake} says y = {expected.tolist()}, but its convolution is {true.y.tolist()}"]
        )
    y = trial.output(operands)
    yield replace(trial.compared("example", y, true, exact=True), values=y.tolist())


def example_operands(problem: Problem, example: Example) -> Operands:
    """Return a worked example's numbers as operands of the problem's shapes and dtype."""
    dtype = dtype_of(problem.dtype)
    return Operands(
        np.reshape(np.asarray(example.x, dtype), problem.input_shape),
        np.reshape(np.asarray(example.weight, dtype), problem.weight_shape),
        None
        if example.bias is None
        else np.reshape(np.asarray(example.bias, dtype), (problem.out_channels,)),
    )
