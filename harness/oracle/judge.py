"""Judges: runs an implementation on one kind of data after the other and compares."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod

import numpy as np

from ..accuracy import PRECISION, Accuracy, Truth
from ..arrays import Array, dtype_of
from ..errors import PluginError, ProblemError, SuiteError
from ..kernel import KernelError, bind
from ..plugin import Implementation
from ..problem import Problem
from ..reference import truth
from ..suite import Case, Example
from ..tensors import KINDS, Operands
from ..verdict import Verdict
from .comparison import Comparison, compare, significant_bits
from .contract import BreachError, checked_output
from .room import too_large

LEVELS = ("quick", "standard", "thorough")


@dataclass(frozen=True)
class Probe:
    """One kind of data, and the layer that it belongs to."""

    layer: str
    kind: str
    exact_data: bool = False


# Whoever sums products in any order is exact on all of them but the last, and bounded there.
_DIRECT = (
    Probe("exact", "wide_x", exact_data=True),
    Probe("exact", "wide_weight", exact_data=True),
    Probe("precision", "full_x", exact_data=True),
    Probe("precision", "full_weight", exact_data=True),
    Probe("bound", "reals"),
)
# Transforms round on any data: small integers tell geometry, impulses precision.
_TRANSFORMED = (
    Probe("exact", "small_integers", exact_data=True),
    Probe("precision", "impulses"),
    Probe("bound", "reals"),
)
_SLOWER = ("wide_weight", "impulses")


def probes(accuracy: Accuracy, level: str) -> tuple[Probe, ...]:
    """Return the data that an accuracy class is judged on at a level, cheapest first."""
    every = _DIRECT if accuracy.exact else _TRANSFORMED
    return tuple(probe for probe in every if level != "quick" or probe.kind not in _SLOWER)


class Oracle:
    """Judges implementations with data drawn from one seed.

    Data and true results are made once per problem and serve every implementation; those of the
    last few problems are kept.
    """

    def __init__(self, *, level: str = "standard", seed: int = 0) -> None:
        self.level = level
        self.seed = seed
        self._operands_and_truth = lru_cache(maxsize=24)(_operands_and_truth)

    def judge(self, implementation: Implementation, case: Case) -> Verdict:
        """Return the verdict on a case: the worst of its layers, each judged on its own.

        Raises `SuiteError` if the case's worked example contradicts itself.
        """
        try:
            reason = refusal(implementation, case)
        except PluginError as error:
            return Verdict("error", str(error), "contract", seed=self.seed)
        if reason:
            return Verdict("unsupported", reason)
        verdict = Verdict("passed", seed=self.seed)
        for index, problem in enumerate(case.problems):
            one = self._judge_problem(_Trial(implementation, problem, self.level, self.seed), case.example)
            if one.reason:
                one = replace(one, reason=_in_layer(case, index, one.reason))
            verdict = verdict.and_(one)
            if verdict.failed:
                break
        return verdict

    def _judge_problem(self, trial: "_Trial", example: Example | None) -> Verdict:
        if reason := too_large(trial.problem):
            return Verdict("mistrusted", reason, seed=self.seed)
        try:
            verdict = Verdict("passed", seed=self.seed)
            if example is not None:
                verdict = trial.on_example(example)
            for probe, seed in self._draws(trial.implementation.accuracy):
                # What is imprecise so far may turn out to be wrong; nothing is worse than the rest.
                if verdict.status not in ("passed", "imprecise"):
                    break
                operands, true = self._operands_and_truth(trial.problem, probe, seed)
                verdict = verdict.and_(trial.on_data(probe, operands, true))
        except ProblemError as error:  # there is no reference for it
            return Verdict("mistrusted", str(error), seed=self.seed)
        except MemoryError:
            return Verdict("mistrusted", "there is no memory for judging it", seed=self.seed)
        if verdict.ok and prod(trial.problem.output_shape) == 0:
            return replace(verdict, status="mistrusted", reason="the output has no elements to compare")
        return verdict

    def _draws(self, accuracy: Accuracy) -> Iterator[tuple[Probe, int]]:
        for draw in range(3 if self.level == "thorough" else 1):
            for probe in probes(accuracy, self.level):
                yield probe, self.seed + draw


@dataclass(frozen=True)
class _Trial:
    """One implementation on one problem, with what it takes to try it again."""

    implementation: Implementation
    problem: Problem
    level: str
    seed: int

    def on_example(self, example: Example) -> Verdict:
        operands = example_operands(self.problem, example)
        true = truth(self.problem, operands, exact=True)
        expected = np.reshape(np.asarray(example.y, np.float64), self.problem.output_shape)
        mistake = f"the worked example of {self.problem}"
        if true.magnitude.max(initial=0) > 2.0 ** PRECISION[self.problem.dtype]:
            raise SuiteError(
                [f"{mistake} has sums that {self.problem.dtype} cannot hold; use smaller numbers"]
            )
        if not np.array_equal(true.y, expected):
            raise SuiteError(
                [f"{mistake} says y = {expected.tolist()}, but its convolution is {true.y.tolist()}"]
            )
        return self.on_data(Probe("example", "example", exact_data=True), operands, true)

    def on_data(self, probe: Probe, operands: Operands, true: Truth) -> Verdict:
        """Run once and judge the output."""
        try:
            bound = bind(self.implementation, self.problem, operands)
            y = checked_output(bound, bound.output(), operands)
        except KernelError as error:
            return self.failure("memory" if error.is_memory else "error", str(error), probe.layer)
        except BreachError as breach:
            return self.failure("contract", str(breach), "contract")
        verdict = self._compared(probe, y, true)
        return replace(verdict, values=y.tolist()) if probe.kind == "example" else verdict

    def _compared(self, probe: Probe, y: Array, true: Truth) -> Verdict:
        found = compare(y, true, self.implementation.accuracy, exact_data=probe.exact_data)
        if found.where is None:
            return _with_errors(Verdict("passed", seed=self.seed), found)
        status, reason = "wrong", found.reason
        if found.imprecise:
            bits = significant_bits(y, true)
            status, reason = "imprecise", f"{reason}; as exact as some {bits} significant bits"
        verdict = self.failure(status, reason, probe.layer)
        return _with_errors(replace(verdict, where=str(list(found.where))), found)

    def failure(self, status: str, reason: str | None, layer: str | None) -> Verdict:
        what = ("--problem", str(self.problem))
        again = reproduction("verify", self.implementation, what, self.level, self.seed)
        return Verdict(status, reason, layer, seed=self.seed, reproduce=again)


def refusal(implementation: Implementation, case: Case) -> str | None:
    """Return why an implementation does not support a case, or None if it supports every layer.

    Raises `PluginError` if its own `when=` fails.
    """
    for index, problem in enumerate(case.problems):
        if reason := implementation.refuses(problem):
            return _in_layer(case, index, reason)
    return None


def _in_layer(case: Case, index: int, reason: str) -> str:
    if len(case.problems) == 1:
        return reason
    return f"layer {index + 1} ({case.problems[index]}): {reason}"


def _with_errors(verdict: Verdict, found: Comparison) -> Verdict:
    return replace(
        verdict,
        error_u=found.error_u,
        error_bound_u=found.error_bound_u,
        error_max_abs=found.error_max_abs,
        error_rel_l2=found.error_rel_l2,
    )


def reproduction(
    command: str, implementation: Implementation, what: Sequence[str], level: str, seed: int
) -> str:
    """Return the command line that runs an implementation again, on the same data.

    `what` are the words that select it: `--problem` with a canonical string, or a suite's case.
    """
    words = ["convharness", command, "--implementation", implementation.name, *what]
    if implementation.origin == "file":
        words += ["--plugin", str(implementation.source)]
    if level != "standard":
        words += ["--level", level]
    return shlex.join([*words, "--seed", str(seed)])


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


def _operands_and_truth(problem: Problem, probe: Probe, seed: int) -> tuple[Operands, Truth]:
    operands = KINDS[probe.kind](problem, seed)
    return operands, truth(problem, operands, exact=probe.exact_data)
