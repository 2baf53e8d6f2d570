"""The example layer: a worked example, whose output must be reproduced exactly."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from ...errors import SuiteError
from ...numerics.accuracy import PRECISION, Truth
from ...numerics.arrays import dtype_of
from ...numerics.operands import Operands
from ...numerics.reference import truth
from ...problems.problem import Problem
from ...problems.suite import Example
from ..trial import Trial
from ..verdict import Verdict
from .layer import Layer


def layer_on(example: Example) -> Layer:
    """Return the layer of a worked example; its `check` raises `SuiteError` where the example is wrong."""
    check = partial(_check, example=example)
    return Layer("example", level="quick", measures=True, may_be_imprecise=True, check=check)


def _check(trial: Trial, example: Example) -> Iterator[Verdict]:
    """Compare on the example's numbers, and keep the output in the verdict."""
    operands = _operands(trial.problem, example)
    true = _true_output(trial.problem, operands, example)
    y = trial.output(operands)
    yield replace(trial.compared(y, true, exact=True), values=y.tolist())


def _operands(problem: Problem, example: Example) -> Operands:
    """Return the example's numbers in the shapes and the dtype of the problem."""
    dtype = dtype_of(problem.dtype)
    bias = example.bias
    return Operands(
        np.reshape(np.asarray(example.x, dtype), problem.input_shape),
        np.reshape(np.asarray(example.weight, dtype), problem.weight_shape),
        None if bias is None else np.reshape(np.asarray(bias, dtype), (problem.out_channels,)),
    )


def _true_output(problem: Problem, operands: Operands, example: Example) -> Truth:
    """Return the true output; raises `SuiteError` where it differs from the example's, or is too large."""
    true = truth(problem, operands, exact=True)
    expected = np.reshape(np.asarray(example.y, np.float64), problem.output_shape)
    mistake = f"the worked example of {problem}"
    if true.magnitude.max(initial=0) > 2.0 ** PRECISION[problem.dtype]:
        raise SuiteError([f"{mistake} has sums that {problem.dtype} cannot hold; use smaller numbers"])
    if not np.array_equal(true.y, expected):
        raise SuiteError(
            [f"{mistake} says y = {expected.tolist()}, but its convolution is {true.y.tolist()}"]
        )
    return true
