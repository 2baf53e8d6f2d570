"""The selftest of the oracle: what a perfect score is, and how findings become tables."""

from dataclasses import replace

from convharness.oracle import LAYERS
from convharness.oracle.selftest import Finding, findings, layer_rows, marks, rows, score, size

KILLED = Finding(
    "flipped", True, "Flips.", "n1c1w2-o1k2-float32", "wrong", "exact", "y", {"exact": "wrong"}, 0.5
)
ALIVE = replace(KILLED, kernel="sly", status="passed", layer=None, layers={})
FINE = replace(ALIVE, kernel="fine", is_wrong=False)
ALARM = replace(KILLED, kernel="blamed", is_wrong=False)


def test_a_score_with_all_mutants_refused_and_no_false_alarm_is_perfect() -> None:
    """A score with all mutants refused and no right kernel refused is perfect, and its text has counts."""
    reached = score([KILLED, KILLED, FINE])

    assert reached.is_perfect
    words = "2 of 2 wrong kernels refused (100 %), 0 of 1 right ones refused (0 %), in 1.5 s"
    assert words == str(reached)


def test_a_score_with_a_mutant_that_passed_is_not_perfect() -> None:
    """A score with one mutant that passed is not perfect, and counts the others."""
    reached = score([KILLED, ALIVE, FINE])

    assert (False, 1, 2) == (reached.is_perfect, reached.killed, reached.wrong)


def test_a_score_with_a_false_alarm_is_not_perfect() -> None:
    """A score with one right kernel refused is not perfect, and counts that kernel once."""
    reached = score([KILLED, ALARM, ALARM, FINE])

    assert (False, 1, 2) == (reached.is_perfect, reached.alarms, reached.right)


def test_the_matrix_has_a_column_per_layer() -> None:
    """The kill matrix has one column for each layer, with the status that the layer alone gives."""
    row = rows([KILLED])[0]

    assert {"exact": "wrong"} == {name: row[name] for name in LAYERS if row[name]}


def test_the_table_of_marks_has_mutants_and_false_alarms() -> None:
    """The table for the terminal lists all mutants, and right kernels only if they were refused."""
    found = marks([KILLED, ALIVE, FINE, ALARM])

    assert ["flipped", "sly", "blamed"] == [row["kernel"] for row in found]
    assert ["wrong", "passed (!)", "wrong (!)"] == [row["verdict"] for row in found]
    assert ["x", "", "x"] == [row["exact"] for row in found]


def test_a_layer_has_the_number_of_mutants_that_it_alone_refuses() -> None:
    """The table of layers counts the mutants that a layer refuses and those that no other refuses."""
    both = replace(KILLED, layers={"exact": "wrong", "bound": "imprecise"})
    by_layer = {row["layer"]: row for row in layer_rows([KILLED, both])}

    assert (2, 1) == (by_layer["exact"]["refuses"], by_layer["exact"]["is alone"])
    assert (1, 0) == (by_layer["bound"]["refuses"], by_layer["bound"]["is alone"])


def test_there_are_many_mutants_and_the_first_is_refused() -> None:
    """There are at least 80 mutants and 20 right kernels, and the first mutant is refused."""
    from convharness.zoo import RIGHT, WRONG

    assert len(WRONG) >= 80
    assert len(RIGHT) >= 20
    assert size() > len(WRONG) + len(RIGHT)
    assert next(iter(findings(level="quick"))).is_as_it_should_be
