"""The order of cases where time is limited."""

import pytest

from convharness import Case, find_suite
from convharness.engine.schedule import by_promise
from tests.making import case_of


def order_of(*texts: str) -> list[str]:
    """Return the order in which problems come, by their strings."""
    return [case.label for _, case in by_promise((None, case_of(text)) for text in texts)]


def test_a_case_that_has_nothing_new_comes_last() -> None:
    """A second case of the same kind shows less than one of another kind."""
    plain, alike, other = "n1c2h6w5-o3k3-float32", "n1c2h6w5-o3k3-float32", "n1c2h6w5-o3k3s2-float32"

    assert [other, plain, alike] == order_of(plain, alike, other)


def test_of_two_cases_that_show_the_same_the_cheaper_one_comes_first() -> None:
    """The order is that of what is new per second."""
    cheap, dear = "n1c16h16w16-o16k3-float32", "n1c16h512w512-o16k3-float32"

    assert [cheap, dear] == order_of(dear, cheap)


def test_all_cases_are_there_once_with_what_they_came_with() -> None:
    """The order changes nothing else."""
    cases = [(name, case) for name in ("features", "corner") for case in find_suite(name)]
    found = by_promise(cases)

    assert sorted((name, case.label) for name, case in cases) == sorted(
        (name, case.label) for name, case in found
    )


def test_the_order_does_not_depend_on_the_order_before() -> None:
    """Where promises differ, the case that promises most is first from either side."""
    cases = [(None, case) for case in find_suite("features")]

    assert by_promise(cases)[0][1].label == by_promise(cases[::-1])[0][1].label


@pytest.mark.parametrize("count", [0, 1])
def test_few_cases_have_an_order_too(count: int) -> None:
    """No case and one case are in order."""
    cases: list[tuple[None, Case]] = [(None, case_of("n1c2h6w5-o3k3-float32"))] * count

    assert cases == by_promise(cases)
