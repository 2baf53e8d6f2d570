"""What changed between two versions, from their records, and at which changes a gate fails."""

from typing import Any

import msgspec
import pytest

from convharness.commits.changes import Thresholds, changes, parse_gate, summary
from convharness.errors import SelectionError
from convharness.runs.row import Row


def record(name: str, status: str = "passed", *, call_s: float | None = None, **facts: Any) -> Row:
    """Return a record of one case, whose five processes differ by less than a thousandth."""
    passes = [] if call_s is None else [[call_s * (1 + 1e-4 * number)] * 3 for number in range(5)]
    columns = {
        "suite": "mini",
        "case": "small",
        "implementation": name,
        "status": status,
        "reason": None,
        "samples_s": [sample for one in passes for sample in one] or None,
        "passes": [[number, 3, 1] for number in range(len(passes))] or None,
        "twin": None,
        "time_median_s": call_s,
        "error_u": 1.0 if status == "passed" else None,
        **facts,
    }
    return msgspec.convert(columns, Row)


def effects(before: Row | None, after: Row | None) -> tuple[str, ...]:
    """Return the effects of the change of one implementation."""
    (found,) = changes([one for one in (before, after) if one is not None], "a", "b")
    return found.effects


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (("passed",), ("passed",), ()),
        (("passed",), ("wrong",), ("wrong",)),
        (("passed",), ("crashed",), ("wrong",)),
        (("wrong",), ("passed",), ("repaired",)),
        (("wrong",), ("error",), ()),
        (("passed",), ("unsupported",), ("removed",)),
        (("unsupported",), ("passed",), ("added",)),
        (("unsupported",), ("wrong",), ("wrong",)),
        (("unsupported",), ("unavailable",), ()),
        (None, ("passed",), ("added",)),
        (None, ("timeout",), ("wrong",)),
        (("passed",), None, ("removed",)),
    ],
)
def test_a_change_of_verdict_has_its_effect(
    before: tuple[str] | None, after: tuple[str] | None, expected: tuple[str, ...]
) -> None:
    """An implementation that failed before has no effect `wrong`; one that is new and fails has it."""
    sides = [side and record(f"mine.conv@{label}", *side) for side, label in ((before, "a"), (after, "b"))]

    assert expected == effects(sides[0] or None, sides[1] or None)


@pytest.mark.parametrize(
    ("before_u", "after_u", "expected"),
    [
        (1.0, 1.9, ()),
        (1.0, 2.0, ("imprecise",)),
        (1.0, 0.5, ("exact",)),
        (0.0, 0.25, ()),
        (0.01, 0.24, ()),
        (0.1, 0.5, ("imprecise",)),
        (float("inf"), 1.0, ("exact",)),
    ],
)
def test_a_change_of_the_error_has_its_effect(
    before_u: float, after_u: float, expected: tuple[str, ...]
) -> None:
    """An error counts as larger from twice on, and errors below a quarter of a unit count as equal."""
    sides = record("mine.conv@a", error_u=before_u), record("mine.conv@b", error_u=after_u)

    assert expected == effects(*sides)


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(1.0, ()), (1.04, ()), (1.06, ("slower",)), (2.0, ("slower",)), (0.96, ()), (0.9, ("faster",))],
)
def test_a_decided_difference_of_times_has_its_effect(ratio: float, expected: tuple[str, ...]) -> None:
    """A decided difference of times is an effect from 5 % on."""
    sides = record("mine.conv@a", call_s=1e-3), record("mine.conv@b", call_s=ratio * 1e-3)

    assert expected == effects(*sides)


def test_faster_and_less_exact_is_one_change() -> None:
    """A change that is faster and less exact has both effects."""
    sides = (
        record("mine.conv@a", call_s=1e-3, error_u=1.0),
        record("mine.conv@b", call_s=0.5e-3, error_u=4.0),
    )

    assert ("faster", "imprecise") == effects(*sides)


def test_a_difference_within_the_noise_floor_is_not_a_change() -> None:
    """A difference of times within that of the A/A control has no effect."""
    twin = [[number, [1.1e-3] * 3] for number in range(5)]
    sides = record("mine.conv@a", call_s=1e-3, twin=twin), record("mine.conv@b", call_s=1.08e-3)

    assert () == effects(*sides)


def test_thresholds_can_be_given() -> None:
    """A smaller threshold makes a smaller difference an effect."""
    rows = [record("mine.conv@a", call_s=1e-3), record("mine.conv@b", call_s=1.03e-3)]
    found = changes(rows, "a", "b", Thresholds(slower=0.02))

    assert {"slower": 1} == summary(found)


@pytest.mark.parametrize(
    ("text", "words", "slower", "imprecise"),
    [
        ("wrong", ("wrong",), 0.05, 2.0),
        ("slower:10%", ("slower",), 0.1, 2.0),
        ("slower:0.02, imprecise:3", ("slower", "imprecise"), 0.02, 3.0),
        ("imprecise:1.5x,wrong", ("imprecise", "wrong"), 0.05, 1.5),
    ],
)
def test_a_gate_has_effects_with_thresholds(
    text: str, words: tuple[str, ...], slower: float, imprecise: float
) -> None:
    """The text of a gate has effects, each with a threshold if it is given."""
    gate = parse_gate(text)

    assert (words, Thresholds(slower, imprecise)) == (gate.effects, gate.thresholds)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "--fail-on has no effect ''"),
        ("slow", "did you mean 'slower'?"),
        ("slower:", "the threshold of 'slower' is ''; it takes a share"),
        ("slower:fast", "it takes a share such as 5%"),
        ("slower:5", "it takes a share such as 5%"),
        ("slower:1.05", "it takes a share such as 5%"),
        ("slower:-1%", "it takes a share such as 5%"),
        ("imprecise:1", "it takes a multiple above 1, such as 2"),
        ("imprecise:200%", "it takes a multiple above 1, such as 2"),
        ("wrong:2", "the threshold of 'wrong' is '2'; it takes none"),
    ],
)
def test_a_gate_that_cannot_be_read_is_refused(text: str, complaint: str) -> None:
    """The message about a gate that cannot be read says what would be right."""
    with pytest.raises(SelectionError, match=complaint.replace("?", r"\?")):
        parse_gate(text)


def test_a_gate_stops_at_its_own_effects_alone() -> None:
    """A gate stops at changes with its own effects and at no others."""
    rows = [record("mine.conv@a"), record("mine.conv@b", "wrong")]
    found = changes(rows, "a", "b")

    assert ([], found) == (parse_gate("slower").stops(found), parse_gate("wrong").stops(found))
