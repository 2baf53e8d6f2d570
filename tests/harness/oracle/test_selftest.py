"""The tester tested: what a perfect score is, and how findings become tables."""

from dataclasses import replace

from convharness.oracle import LAYERS
from convharness.oracle.selftest import Finding, findings, layer_rows, marks, rows, score, size

KILLED = Finding(
    "flipped", True, "Flips.", "n1c1w2-o1k2-float32", "wrong", "exact", "y", {"exact": "wrong"}, 0.5
)
ALIVE = replace(KILLED, kernel="sly", status="passed", layer=None, layers={})
FINE = replace(ALIVE, kernel="fine", is_wrong=False)
ALARM = replace(KILLED, kernel="blamed", is_wrong=False)


def test_all_killed_and_nobody_blamed_is_perfect() -> None:
    """In words and as a fact."""
    reached = score([KILLED, KILLED, FINE])

    assert reached.is_perfect
    words = "2 of 2 wrong kernels refused (100 %), 0 of 1 right ones refused (0 %), in 1.5 s"
    assert words == str(reached)


def test_one_alive_is_not_perfect() -> None:
    """The rate says how far from it."""
    reached = score([KILLED, ALIVE, FINE])

    assert (False, 1, 2) == (reached.is_perfect, reached.killed, reached.wrong)


def test_one_blamed_is_not_perfect() -> None:
    """However often it was: a kernel counts once."""
    reached = score([KILLED, ALARM, ALARM, FINE])

    assert (False, 1, 2) == (reached.is_perfect, reached.alarms, reached.right)


def test_the_matrix_has_a_column_per_layer() -> None:
    """With the status that each layer would have given."""
    row = rows([KILLED])[0]

    assert {"exact": "wrong"} == {name: row[name] for name in LAYERS if row[name]}


def test_people_see_marks_and_what_went_wrong() -> None:
    """Right kernels only where they were refused."""
    found = marks([KILLED, ALIVE, FINE, ALARM])

    assert ["flipped", "sly", "blamed"] == [row["kernel"] for row in found]
    assert ["wrong", "passed (!)", "wrong (!)"] == [row["verdict"] for row in found]
    assert ["x", "", "x"] == [row["exact"] for row in found]


def test_a_layer_that_is_alone_cannot_be_dropped() -> None:
    """It is counted."""
    both = replace(KILLED, layers={"exact": "wrong", "bound": "imprecise"})
    by_layer = {row["layer"]: row for row in layer_rows([KILLED, both])}

    assert (2, 1) == (by_layer["exact"]["refuses"], by_layer["exact"]["is alone"])
    assert (1, 0) == (by_layer["bound"]["refuses"], by_layer["bound"]["is alone"])


def test_the_zoo_is_large_and_its_first_animal_is_refused() -> None:
    """At least 80 wrong ones and 20 right ones, on problems of their own."""
    from convharness.zoo import RIGHT, WRONG

    assert len(WRONG) >= 80
    assert len(RIGHT) >= 20
    assert size() > len(WRONG) + len(RIGHT)
    assert next(iter(findings(level="quick"))).is_as_it_should_be
