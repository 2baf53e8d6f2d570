"""Verdicts: how two of them are combined."""

from itertools import product

import pytest

from convharness import Verdict
from convharness.oracle.verdict import FAILURES, STATUSES


@pytest.mark.parametrize(("one", "other"), list(product(STATUSES, repeat=2)))
def test_of_two_verdicts_the_worse_one_holds(one: str, other: str) -> None:
    """Two verdicts combine to the worse one, in either order."""
    worse = max(one, other, key=STATUSES.index)

    assert worse == Verdict(one).and_(Verdict(other)).status


@pytest.mark.parametrize("status", STATUSES)
def test_of_two_equal_verdicts_the_first_is_kept(status: str) -> None:
    """Two verdicts of the same status combine to the first one."""
    assert "first" == Verdict(status, "first").and_(Verdict(status, "second")).reason


def test_the_worse_verdict_brings_its_reason() -> None:
    """The combined verdict has the reason, layer, place and reproducer of the worse one."""
    worse = Verdict("wrong", "because", "exact", where="[0]", seed=1, reproduce="again")

    assert worse == Verdict("passed", seed=2).and_(worse) == worse.and_(Verdict("passed"))


@pytest.mark.parametrize(
    ("one", "other", "larger"),
    [(1.0, 2.0, 2.0), (2.0, 1.0, 2.0), (None, 1.0, 1.0), (1.0, None, 1.0), (None, None, None)],
)
@pytest.mark.parametrize("name", ["error_u", "error_bound_u", "error_max_abs", "error_rel_l2"])
def test_the_larger_error_is_kept(
    name: str, one: float | None, other: float | None, larger: float | None
) -> None:
    """The combined verdict has the larger error of the two."""
    assert larger == getattr(Verdict("passed", **{name: one}).and_(Verdict("wrong", **{name: other})), name)


@pytest.mark.parametrize("values", [(float("nan"), 1.0), (1.0, float("nan"))])
def test_not_a_number_is_the_largest_error(values: tuple[float, float]) -> None:
    """An error that is NaN counts as larger than any number."""
    one, other = (Verdict("passed", error_u=value) for value in values)

    assert str(float("nan")) == str(one.and_(other).error_u)


def test_a_combined_verdict_keeps_the_values_of_an_example() -> None:
    """The combined verdict keeps the output on a worked example."""
    assert [1] == Verdict("passed", values=[1]).and_(Verdict("wrong")).values


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_is_a_pass_a_failure_or_neither(status: str) -> None:
    """Each status counts as passed, as failed or as neither, such as `unsupported` and `mistrusted`."""
    verdict = Verdict(status)

    assert (status == "passed", status in FAILURES) == (verdict.ok, verdict.failed)
    assert not (verdict.ok and verdict.failed)
    assert (status in ("unsupported", "unavailable", "mistrusted")) == (not verdict.ok and not verdict.failed)
