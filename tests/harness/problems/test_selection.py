"""Selection: suites and cases from the words of a command line."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from convharness import Case, Problem, ProblemError, SelectionError, Suite
from convharness.problems.selection import resolved_names, select_suites

SUITE = """
[[case]]
label = "one"
problem = "c2h4w4-o2k3"
versus = "two"
[[case]]
label = "two"
problem = "c2h4w4-o2k1"
"""


@pytest.fixture
def mine(write_plugin: Callable[..., Path]) -> str:
    """Return the path of a suite of two cases."""
    return str(write_plugin(SUITE, "mine.toml"))


def labels(*arguments: object, **options: object) -> list[list[str]]:
    """Return the labels of the selected cases, suite by suite."""
    return [[case.label for case in suite] for suite in select_suites(*arguments, **options)]


def test_the_default_suite_is_smoke() -> None:
    """The suite `smoke` is selected if none is named."""
    assert ["smoke"] == [suite.name for suite in select_suites([])]


def test_suites_come_in_the_order_in_which_they_are_named_and_once(mine: str) -> None:
    """Suites are selected by name or path, once each, in the order in which they are named."""
    assert ["mine", "seeds"] == [suite.name for suite in select_suites([mine, "seeds", mine])]


def test_conformance_stands_for_its_parts_and_a_fresh_seed() -> None:
    """Each suite comes once, also where it is named beside them; the seed is written out to be stored."""
    names = resolved_names(["sizes", "conformance", "random:40"], draw=lambda below: below - 1)

    assert ["sizes", "features", "corner", "random:40:999999999"] == names
    assert names == resolved_names(names)


def test_a_random_suite_has_the_seed_of_the_same_suite_that_is_known() -> None:
    """A run that is resumed goes on with its own problems; a seed that is given holds."""
    names = ["random:40", "random:4", "random:40:6"]
    found = resolved_names(names, draw=lambda below: 7, known=["features", "random:40:5"])

    assert ["random:40:5", "random:4:7", "random:40:6"] == found


def test_conformance_selects_its_parts() -> None:
    """The random part has a name that repeats it."""
    *rest, fresh = select_suites(["conformance"])

    assert ["features", "corner", "sizes"] == [suite.name for suite in rest]
    assert fresh == select_suites([fresh.name])[0]
    assert 40 == len(fresh)


def test_problems_are_a_suite_of_their_own() -> None:
    """Problems are a suite of their own, each once, without the default suite."""
    suites = select_suites([], ["c2h4w4-o2k3", "n1c2h4w4-o2k3x3-float32", "c1w9-o1k2"])

    assert ["command-line"] == [suite.name for suite in suites]
    assert ["n1c2h4w4-o2k3-float32", "n1c1w9-o1k2-float32"] == [case.label for case in suites[0]]


def test_suites_and_problems_go_together(mine: str) -> None:
    """Suites and problems can be selected together, suites first."""
    assert [["one", "two"], ["n1c1w9-o1k2-float32"]] == labels([mine], ["c1w9-o1k2"])


def test_cases_are_chosen_by_glob_and_empty_suites_are_left_out(mine: str) -> None:
    """Cases are selected by globs, and suites without a selected case are left out."""
    assert [["two"]] == labels([mine, "seeds"], cases=["tw*"])


def test_a_glob_that_matches_no_case_is_answered_with_the_nearest(mine: str) -> None:
    """The message about a glob without a match has the nearest label."""
    with pytest.raises(SelectionError) as refused:
        select_suites([mine], cases=["twoo"])

    assert "no case matches 'twoo'; did you mean 'two'?" == str(refused.value)


def test_one_other_dtype_keeps_the_labels(mine: str) -> None:
    """A single data type changes the problems of all cases and keeps their labels."""
    suite = select_suites([mine], dtypes=["float64"])[0]

    assert [("one", "float64"), ("two", "float64")] == [
        (case.label, case.problems[0].dtype) for case in suite
    ]


def test_several_dtypes_are_told_apart_by_their_labels(mine: str) -> None:
    """Several data types are part of the labels, also in the reference to an alternative."""
    suite = select_suites([mine], dtypes=["float32", "float64", "float32"])[0]

    assert ["one-float32", "one-float64", "two-float32", "two-float64"] == [case.label for case in suite]
    assert ["two-float32", "two-float64", None, None] == [case.versus for case in suite]


def test_an_unknown_dtype_is_answered_with_the_nearest(mine: str) -> None:
    """The message about an unknown data type has the nearest one."""
    with pytest.raises(SelectionError) as refused:
        select_suites([mine], dtypes=["flaot32"])

    assert "unknown dtype 'flaot32'; did you mean 'float32'?" == str(refused.value)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_problem_s_label_says_its_dtype(dtype: str) -> None:
    """The label of a problem from the command line has the data type that is selected."""
    suite = select_suites([], ["c1w9-o1k2"], dtypes=[dtype])[0]

    assert [f"n1c1w9-o1k2-{dtype}"] == [case.label for case in suite]


def test_a_text_that_is_not_a_problem_is_refused() -> None:
    """A text that is not a problem is refused with the problem's own error."""
    with pytest.raises(ProblemError, match="cannot read 'nonsense' as a problem"):
        select_suites([], ["nonsense"])


def test_a_suite_is_for_all_implementations_unless_it_names_some() -> None:
    """A suite names the implementations that it is for as a set, or None for all."""
    suite = Suite("theirs", (Case("one", (Problem.parse("c1w9-o1k2"),)),))

    assert suite.implementations is None
    assert frozenset({"mine.f"}) == replace(suite, implementations=frozenset({"mine.f"})).implementations
