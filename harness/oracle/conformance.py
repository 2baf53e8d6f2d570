"""Named checks of one implementation, for the test suite of its author."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..plugins.declaration import Implementation, declare
from ..plugins.marks import mark_of
from ..problems.selection import resolved_names
from ..problems.suite import Case
from ..problems.suite_files import CONFORMANCE, find_suite
from . import Oracle


@dataclass(frozen=True)
class Check:
    """One check: its name, and a call that raises `AssertionError` with the reason where it fails."""

    name: str
    run: Callable[[], None]

    def __call__(self) -> None:
        """Run the check."""
        self.run()


def check_implementation(
    implementation: Any, *, suites: Sequence[str] = (CONFORMANCE,), level: str = "thorough"
) -> list[Check]:
    """Return a check for every case of some suites that an implementation supports.

    Takes an `Implementation` or a marked function. In a test file:

        @pytest.mark.parametrize("check", check_implementation(my_kernel), ids=lambda check: check.name)
        def test_my_kernel(check):
            check()

    Random suites without a seed have seed 0: where several processes collect the tests, each must find
    the same ones.

    Raises `PluginError` for an invalid declaration.
    """
    one = _implementation_of(implementation)
    oracle = Oracle(level=level)
    return [
        Check(f"{suite.name}/{case.label}", _check(oracle, one, case))
        for suite in map(find_suite, resolved_names(suites, draw=lambda _: 0))
        for case in suite
        if not any(one.refuses(problem) for problem in case.problems)
    ]


def _implementation_of(candidate: Any) -> Implementation:
    if isinstance(candidate, Implementation):
        return candidate
    mark = mark_of(candidate)
    if mark is None:
        raise TypeError(f"{candidate!r} is not an implementation; put @implementation above it")
    return declare(candidate, mark, candidate.__module__)


def _check(oracle: Oracle, implementation: Implementation, case: Case) -> Callable[[], None]:
    def run() -> None:
        verdict = oracle.judge(implementation, case)
        if verdict.failed:
            what = f"{implementation.name} on {case}: {verdict.status} ({verdict.layer}): {verdict.reason}"
            raise AssertionError(f"{what}\n{verdict.reproduce}" if verdict.reproduce else what)

    return run
