"""What changed between two versions, from their records; and what a gate stops."""

from typing import Any

import msgspec
import pytest

from convharness.commits.changes import Thresholds, changes, parse_gate, summary
from convharness.errors import SelectionError
from convharness.runs.row import Row


def record(name: str, status: str = "passed", *, call_s: float | None = None, **facts: Any) -> Row:
    """Return a record of one case; its five processes differ by less than a thousandth."""
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
    """Return what happened to one implementation."""
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
def test_verdicts(before: tuple[str] | None, after: tuple[str] | None, expected: tuple[str, ...]) -> None:
    """What failed already is no regression; what is new and fails is one."""
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
def test_errors(before_u: float, after_u: float, expected: tuple[str, ...]) -> None:
    """An error is larger from twice on, and below a quarter of a unit all are alike."""
    sides = record("mine.conv@a", error_u=before_u), record("mine.conv@b", error_u=after_u)

    assert expected == effects(*sides)


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(1.0, ()), (1.04, ()), (1.06, ("slower",)), (2.0, ("slower",)), (0.96, ()), (0.9, ("faster",))],
)
def test_times(ratio: float, expected: tuple[str, ...]) -> None:
    """A difference that is decided is worth a word from five per cent on."""
    sides = record("mine.conv@a", call_s=1e-3), record("mine.conv@b", call_s=ratio * 1e-3)

    assert expected == effects(*sides)


def test_faster_and_less_exact_is_one_change() -> None:
    """Both effects are said of it."""
    sides = (
        record("mine.conv@a", call_s=1e-3, error_u=1.0),
        record("mine.conv@b", call_s=0.5e-3, error_u=4.0),
    )

    assert ("faster", "imprecise") == effects(*sides)


def test_noise_is_no_change() -> None:
    """What its twin differs by is no difference."""
    twin = [[number, [1.1e-3] * 3] for number in range(5)]
    sides = record("mine.conv@a", call_s=1e-3, twin=twin), record("mine.conv@b", call_s=1.08e-3)

    assert () == effects(*sides)


def test_thresholds_are_the_users() -> None:
    """A gate may look more closely."""
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
def test_gate(text: str, words: tuple[str, ...], slower: float, imprecise: float) -> None:
    """Words, with thresholds of their own."""
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
def test_gate_that_makes_no_sense(text: str, complaint: str) -> None:
    """It says what would be right."""
    with pytest.raises(SelectionError, match=complaint.replace("?", r"\?")):
        parse_gate(text)


def test_gate_stops_its_own_words_only() -> None:
    """What is not named is let through."""
    rows = [record("mine.conv@a"), record("mine.conv@b", "wrong")]
    found = changes(rows, "a", "b")

    assert ([], found) == (parse_gate("slower").stops(found), parse_gate("wrong").stops(found))
