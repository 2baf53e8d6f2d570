"""Other problems in between: those that a cache with an incomplete key would take for this one."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ....errors import ProblemError
from ....execution.kernel_call import KernelError
from ....numerics.accuracy import Truth
from ....numerics.operands import Operands
from ....problems.fields import PADDING_MODES
from ....problems.problem import Problem
from ...output import BreachError
from ...probe_data import ProbeData
from ...trial import Trial
from ...verdict import Verdict
from .session import Session, content_of


def other_problems(trial: Trial, session: Session) -> Iterator[Verdict]:
    """Call on a larger, a smaller and otherwise different problems in between."""
    content = trial.data_of(trial.sharp)
    for problem in neighbours(trial.problem, thorough=trial.is_thorough):
        if trial.refuses(problem):
            continue
        other = _on(trial, problem)
        operands, true = other.data_of(other.sharp)
        if _has_equal_operands(problem, trial.problem):
            operands, true = content_of(other, content[0], f"as of {trial.problem}")
        found = _found_on(other, operands, true)
        yield found
        if found.failed:
            return
        yield session.judged(content, f"{problem} called before")


def _found_on(other: Trial, operands: Operands, true: Truth) -> Verdict:
    """Return the verdict on one call on another problem, which it names where it fails."""
    given = f"{other.problem}, called in between"
    try:
        found = other.compared(other.output(operands), true, exact=True, given=given)
    except KernelError as error:
        found = other.failure(error.status, str(error), given)
    except BreachError as breach:
        found = other.failure("contract", str(breach), given)
    return replace(found, problem=str(other.problem)) if found.failed else found


def _on(trial: Trial, problem: Problem) -> Trial:
    """Return the same trial on another problem, whose data is kept with that of this one."""
    data = trial.data.once(("neighbour", problem), lambda: ProbeData(problem, trial.data.seed))
    return replace(trial, data=data, first={})


def neighbours(problem: Problem, *, thorough: bool) -> Iterator[Problem]:
    """Yield problems that differ from one in a few fields, and share others that a cache may be keyed by."""
    found = _all_that_differ(problem) if thorough else _those_of_other_shapes(problem)
    seen = {problem}
    for one in found:
        if one is not None and one not in seen:
            seen.add(one)
            yield one


def _those_of_other_shapes(problem: Problem) -> Iterator[Problem | None]:
    """Yield one with a larger and one with a smaller x, and one with another kernel on the same x."""
    longer = tuple(size + 2 * stride for size, stride in zip(problem.input_size, problem.stride, strict=True))
    yield problem.replace(input_size=longer, batch_size=problem.batch_size + 1)
    shorter = tuple(
        size - stride if outputs > 1 and size - stride > max(*pads, 0) else size
        for size, stride, outputs, pads in zip(
            problem.input_size, problem.stride, problem.output_size, problem.pads, strict=True
        )
    )
    yield problem.replace(input_size=shorter, batch_size=1)
    yield _with_larger_kernel(problem) or _with_smaller_kernel(problem)


def _all_that_differ(problem: Problem) -> Iterator[Problem | None]:
    """Yield problems with the same x, with the same weight, or with both, each with one thing changed."""
    yield from _those_of_other_shapes(problem)
    yield from _those_of_equal_operands(problem)
    yield _with_smaller_kernel(problem)
    yield _changed(problem, out_channels=problem.out_channels + problem.groups)
    yield _changed(problem, bias=not problem.bias)
    yield _changed(problem, dtype="float64" if problem.dtype == "float32" else "float32")
    groups = problem.in_channels if problem.groups == 1 else 1
    whole_groups = -(-problem.out_channels // groups) * groups
    yield _changed(problem, groups=groups, out_channels=whole_groups)
    # The weight has the same shape, (O, C/groups, *kernel), in another number of groups.
    of_group = problem.in_channels // problem.groups
    groups = problem.out_channels if problem.groups == 1 else 1
    yield _changed(problem, groups=groups, in_channels=of_group * groups)


def _those_of_equal_operands(problem: Problem) -> Iterator[Problem | None]:
    """Yield problems whose operands have the same shapes."""
    if min(map(min, problem.pads)) >= 0:  # cropping elsewhere is more than the problem asked for
        yield _changed(problem, padding=tuple((after, before) for before, after in problem.pads))
    yield _changed(problem, padding=0, padding_mode="zeros")
    for mode in PADDING_MODES:
        if mode != problem.padding_mode and problem.is_padded:
            yield _changed(problem, padding_mode=mode)
    yield _changed(problem, padding=tuple((before + 1, after + 1) for before, after in problem.pads))
    yield _changed(problem, stride=tuple(stride % 2 + 1 for stride in problem.stride))
    yield _changed(problem, dilation=tuple(dilation % 2 + 1 for dilation in problem.dilation))


def _with_larger_kernel(problem: Problem) -> Problem | None:
    """Return the problem with a kernel that is longer by one on every axis, or on one where only one fits."""
    for axes in ({*range(problem.ndim)}, *({axis} for axis in range(problem.ndim))):
        larger = tuple(size + (axis in axes) for axis, size in enumerate(problem.kernel_size))
        if fitting := _changed(problem, kernel_size=larger):
            return fitting
    return None


def _with_smaller_kernel(problem: Problem) -> Problem | None:
    """Return the problem with a kernel that is shorter by one on every axis where it can be."""
    return _changed(problem, kernel_size=tuple(max(1, size - 1) for size in problem.kernel_size))


def _changed(problem: Problem, **changes: Any) -> Problem | None:
    """Return the problem with some fields changed, or None where they do not fit the others."""
    try:
        return problem.replace(**changes)
    except ProblemError:
        return None


def _has_equal_operands(one: Problem, other: Problem) -> bool:
    """Say whether the operands of one problem are some of the other as well."""
    return (one.input_shape, one.weight_shape, one.bias, one.dtype) == (
        other.input_shape,
        other.weight_shape,
        other.bias,
        other.dtype,
    )
