"""Functions for many tests: an implementation from a function, a case from a string, a verdict."""

from collections.abc import Callable
from typing import Any

from convharness import Case, Implementation, Problem
from convharness.oracle import Oracle
from convharness.oracle.verdict import Verdict
from convharness.plugins.declaration import declare
from convharness.plugins.marks import mark_of


def declared(function: Callable[..., Any], family: str = "test", **where: Any) -> Implementation:
    """Return the implementation that a marked function declares."""
    mark = mark_of(function)
    if mark is None:
        raise TypeError(f"{function} has no mark; put @implementation above it")
    return declare(function, mark, family, **where)


def case_of(text: str, **facts: Any) -> Case:
    """Return a case of one problem, labelled by its string."""
    return Case(text, (Problem.parse(text),), **facts)


def judged(function: Callable[..., Any], text: str, **how: Any) -> Verdict:
    """Return the oracle's verdict on a marked function and one problem."""
    return Oracle(**how).judge(declared(function), case_of(text))
