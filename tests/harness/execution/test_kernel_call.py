"""Calls of an implementation: arguments by name, plans, chains, and errors in one line."""

from typing import Any

import numpy as np
import pytest

from convharness import Problem, implementation, plan
from convharness.execution.kernel_call import Bound, KernelError, bind, chained
from convharness.numerics.arrays import ALIGNMENT
from convharness.numerics.operands import reals
from tests.making import declared

PROBLEM = Problem.parse("n2c2h4w5-o2k3s2x1p1:2x0d1x2g2b-reflect-float32")
OPERANDS = reals(PROBLEM, 0)


def bound(function: Any) -> Bound:
    """Return a marked function, bound to the problem of this file."""
    return bind(declared(function), PROBLEM, OPERANDS)


def test_a_function_gets_what_its_signature_asks_for() -> None:
    """A function gets the arguments that its signature names, in any order and kind."""

    @implementation
    def asks(problem, pads, /, weight, x, stride, *, groups, dilation, padding_mode, bias, padding):
        return problem, pads, stride, groups, dilation, padding_mode, padding

    expected = (PROBLEM, ((1, 2), (0, 0)), (2, 1), 2, (1, 2), "reflect", ((1, 2), 0))
    assert expected == bound(asks).run()


def test_operands_are_aligned_copies() -> None:
    """A function gets copies of the operands that start on cache lines and allow writing."""

    @implementation
    def asks(bias, x, weight):
        return x, weight, bias

    arrays = bound(asks).run()
    assert all(np.array_equal(a, b) for a, b in zip(arrays, OPERANDS.items().values(), strict=True))
    assert [True] * 3 == [array.flags.writeable for array in arrays]
    assert [0] * 3 == [array.ctypes.data % ALIGNMENT for array in arrays]
    assert [False] * 3 == [
        np.shares_memory(a, b) for a, b in zip(arrays, OPERANDS.items().values(), strict=True)
    ]


def test_the_bias_is_none_if_the_problem_has_none() -> None:
    """A function that asks for a bias gets None if the problem has none."""

    @implementation
    def asks(x, weight, bias):
        return bias

    problem = PROBLEM.replace(bias=False)
    assert None is bind(declared(asks), problem, reals(problem, 0)).run()


def test_a_plan_is_made_once_and_called_often() -> None:
    """A plan is made once from everything but the input, and its function is called with the input."""
    made = []

    @plan
    def asks(stride, weight, *, groups):
        made.append((stride, groups, weight.shape))
        return lambda x: x.shape

    kernel = bound(asks)
    assert [PROBLEM.input_shape] * 2 == [kernel.run(), kernel.run()]
    assert [((2, 1), 2, PROBLEM.weight_shape)] == made
    assert kernel.plan_s is not None


def test_a_function_has_no_planning_time() -> None:
    """A function that is not a plan has no planning time."""

    @implementation
    def asks(x, weight): ...

    assert None is bound(asks).plan_s


class _SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


RAISED = (
    (ValueError("one\ntwo"), "ValueError: one", False),
    (RuntimeError(), "RuntimeError", False),
    (SystemExit(3), "SystemExit: 3", False),
    (StopIteration(), "StopIteration", False),
    (GeneratorExit(), "GeneratorExit", False),
    (MemoryError("8 EiB"), "MemoryError: 8 EiB", True),
    (
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        "RuntimeError: DefaultCPUAllocator: can't allocate memory",
        True,
    ),
    (_SilentError(), "_SilentError", False),
)


@pytest.mark.parametrize(("raised", "text", "is_memory"), RAISED, ids=lambda value: type(value).__name__)
def test_an_exception_of_a_call_becomes_one_line(raised: BaseException, text: str, is_memory: bool) -> None:
    """An exception of a call becomes its type and the first line of its text, and its status."""

    @implementation
    def fails(x, weight):
        raise raised

    with pytest.raises(KernelError) as refused:
        bound(fails).run()

    assert (text, "memory" if is_memory else "error") == (str(refused.value), refused.value.status)


@pytest.mark.parametrize(("raised", "text", "is_memory"), RAISED, ids=lambda value: type(value).__name__)
def test_an_exception_of_a_plan_becomes_one_line(raised: BaseException, text: str, is_memory: bool) -> None:
    """An exception of a plan becomes its type and the first line of its text, and its status."""

    @plan
    def fails(weight):
        raise raised

    with pytest.raises(KernelError) as refused:
        bound(fails)

    assert (text, "memory" if is_memory else "error") == (str(refused.value), refused.value.status)


def test_a_plan_must_return_a_function() -> None:
    """A plan that returns no function is an error that names what it returned."""

    @plan
    def fails(weight):
        return weight

    with pytest.raises(KernelError) as refused:
        bound(fails)

    assert "TypeError: the plan returned ndarray, not a function of x" == str(refused.value)


def test_an_interrupt_is_not_an_error_of_the_implementation() -> None:
    """KeyboardInterrupt passes through a call and ends the run."""

    @implementation
    def fails(x, weight):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bound(fails).run()


@pytest.mark.parametrize("marked", ["positional", "keyword-only", "plan"])
def test_a_chain_hands_each_output_on(marked: str) -> None:
    """Each layer of a chain gets the output of the one before, at any place of its signature."""

    @implementation(name="positional")
    def positional(weight, x):
        return x + weight.shape[0]

    @implementation(name="keyword-only")
    def keyword(weight, *, x):
        return x + weight.shape[0]

    @plan(name="plan")
    def planned(weight):
        return lambda x: x + weight.shape[0]

    one = {one.name: one for one in map(declared, (positional, keyword, planned))}[marked]
    first, second = Problem.parse("c2h4w4-o3k1"), Problem.parse("c3h4w4-o5k1")
    layers = [bind(one, problem, reals(problem, 0)) for problem in (first, second)]

    assert (layers[0].given.x + 3 + 5).tolist() == chained(layers)().tolist()


def test_a_chain_of_one_is_the_call_itself() -> None:
    """A chain of one layer is the call of that layer, without a loop."""

    @implementation
    def asks(x, weight): ...

    one = bound(asks)
    assert one.call is chained([one])
