"""What changed between two commits, as it is told."""

import json
from io import StringIO

import pandas as pd

from convharness.commits.changes import Change
from convharness.reports.changes import render

TITLES = ("before", "after")


def test_what_does_not_import_is_a_row_too() -> None:
    """It has no name; a program that reads the rows is not to miss it."""
    change = Change("mini", "small", "mine.good", {"status": "passed"}, None)
    found = render("json", [change], TITLES, [], ["theirs.py does not import"])
    rows = json.loads(found)
    flat = pd.read_csv(StringIO(render("csv", [change], TITLES, [], ["theirs.py does not import"])))

    assert [["removed"], ["broken"]] == [row["effects"] for row in rows]
    assert ["mine.good", None] == [row["implementation"] for row in rows]
    assert "theirs.py does not import" == rows[1]["reason"]
    assert [set(row) for row in rows] == [set(flat.columns)] * 2
