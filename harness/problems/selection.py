"""Selection: from the words of a command line to the suites and cases that they name; nothing is run."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from ..errors import SelectionError, did_you_mean
from .fields import DTYPES
from .problem import Problem
from .random_problems import RANDOM, Draw, with_seed
from .suite import Case, Suite
from .suite_files import CONFORMANCE, CONFORMANCE_PARTS, find_suite

COMMAND_LINE = "command-line"
"""The name of the suite that holds the problems of the command line."""


def select_suites(
    names: Sequence[str],
    problems: Sequence[str] = (),
    *,
    cases: Sequence[str] = (),
    dtypes: Sequence[str] = (),
    default: str = "smoke",
) -> list[Suite]:
    """Return suites by name or file, then a suite of the problems given as strings; by default `default`.

    `conformance` stands for its parts. `cases` keeps the cases whose label matches a glob; `dtypes`
    replaces the data type of each case.

    Raises `SelectionError` for an unknown name, `SuiteError` or `ProblemError` for mistakes in a suite
    or problem.
    """
    names = names or ([] if problems else [default])
    suites = [find_suite(name) for name in resolved_names(names)]
    if problems:
        unique = dict.fromkeys(Problem.parse(text) for text in problems)
        suites.append(Suite(COMMAND_LINE, tuple(Case(str(problem), (problem,)) for problem in unique)))
    if dtypes:
        suites = [in_dtypes(suite, dtypes) for suite in suites]
    return _only(suites, cases) if cases else suites


def resolved_names(
    names: Sequence[str], draw: Draw = secrets.randbelow, known: Sequence[str] = ()
) -> list[str]:
    """Return the names of suites, each once, with those that stand for several and seeds written out.

    What is stored of a run are these, so that it can be repeated: a random suite without a seed has that
    of the same suite among the `known` ones, or a fresh one. Names that are unknown stay as they are.

    >>> resolved_names(["conformance"], draw=lambda below: 7)
    ['features', 'corner', 'sizes', 'random:40:7']

    Raises `SelectionError` for a name that begins like that of a random suite and is not one.
    """
    parts = [part for name in names for part in (CONFORMANCE_PARTS if name == CONFORMANCE else (name,))]
    found = []
    for name in dict.fromkeys(parts):
        seeded = next((one for one in known if one.startswith(f"{name}:")), name)
        found.append(with_seed(seeded, draw) if name.partition(":")[0] == RANDOM else name)
    return found


def in_dtypes(suite: Suite, dtypes: Sequence[str]) -> Suite:
    """Return a suite with its cases in some data types; raises `SelectionError` for an unknown one."""
    for dtype in dtypes:
        if dtype not in DTYPES:
            raise SelectionError(f"unknown dtype {dtype!r}{did_you_mean(dtype, DTYPES)}")
    several = len(dtypes) > 1
    cases = [
        replace(
            case,
            label=_label(case, problems := _of_dtype(case, dtype), f"-{dtype}" if several else ""),
            problems=problems,
            versus=f"{case.versus}-{dtype}" if several and case.versus else case.versus,
        )
        for case in suite
        for dtype in dict.fromkeys(dtypes)
    ]
    return replace(suite, cases=tuple(cases))


def _of_dtype(case: Case, dtype: str) -> tuple[Problem, ...]:
    return tuple(problem.replace(dtype=dtype) for problem in case.problems)


def _label(case: Case, problems: tuple[Problem, ...], suffix: str) -> str:
    """Return the label of a case in another data type; where it is the problem's string, the new string."""
    return str(problems[0]) if case.label == str(case) else case.label + suffix


def _only(suites: Sequence[Suite], patterns: Sequence[str]) -> list[Suite]:
    labels = [case.label for suite in suites for case in suite]
    for pattern in patterns:
        if not any(fnmatchcase(label, pattern) for label in labels):
            raise SelectionError(f"no case matches {pattern!r}{did_you_mean(pattern, labels)}")
    kept = [
        replace(
            suite,
            cases=tuple(case for case in suite if any(fnmatchcase(case.label, one) for one in patterns)),
        )
        for suite in suites
    ]
    return [suite for suite in kept if len(suite)]
