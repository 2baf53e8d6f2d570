"""What changed between two commits, as it is told."""

import json
from io import StringIO

import pandas as pd
import pytest

from convharness.commits.changes import Change
from convharness.errors import SelectionError
from convharness.reports.changes import Comparison
from convharness.reports.formats import CHANGES, render
from convharness.runs.row import Row

TITLES = ("before", "after")
GOOD = Row(suite="mini", case="small", implementation="mine.good", status="passed")


def test_what_does_not_import_is_a_row_too() -> None:
    """It has no name; a program that reads the rows is not to miss it."""
    change = Change("mini", "small", "mine.good", GOOD, None)
    comparison = Comparison([change], TITLES, broken=["theirs.py does not import"])
    rows = json.loads(render("json", comparison, CHANGES))
    flat = pd.read_csv(StringIO(render("csv", comparison, CHANGES)))

    assert [["removed"], ["broken"]] == [row["effects"] for row in rows]
    assert ["mine.good", None] == [row["implementation"] for row in rows]
    assert "theirs.py does not import" == rows[1]["reason"]
    assert [set(row) for row in rows] == [set(flat.columns)] * 2


def test_lines_of_json_are_the_rows_of_the_array() -> None:
    """One change a line."""
    comparison = Comparison([Change("mini", "small", "mine.good", GOOD, None)], TITLES)
    lines = render("jsonl", comparison, CHANGES).splitlines()

    assert json.loads(render("json", comparison, CHANGES)) == [json.loads(line) for line in lines]


def test_a_format_that_changes_do_not_have_is_answered_with_the_nearest() -> None:
    """JUnit knows tests, and no changes of them."""
    with pytest.raises(SelectionError, match="there is no report format 'jsnl'; did you mean 'jsonl'"):
        render("jsnl", Comparison([], TITLES), CHANGES)
