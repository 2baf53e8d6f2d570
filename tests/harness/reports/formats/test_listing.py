"""Rows with any columns, as text for people and for programs."""

import csv

import pytest

from convharness.reports.formats.listing import comma_separated, markdown, table

ROWS = [{"name": "a|b", "count": 1}, {"name": "c_d", "more": None}]


def test_a_table_has_a_line_per_row_and_numbers_to_the_right() -> None:
    """Nothing is cut, nothing is coloured, nothing is taken for markup."""
    text = table(
        [{"name": "[red]a", "count": 1}, {"name": "b", "count": 1234567, "more": 0.5}, {"name": "c" * 300}]
    )
    lines = text.splitlines()

    assert 4 == len(lines)
    assert ["[red]a", "1"] == lines[1].split()
    assert ["b", "1,234,567", "0.5"] == lines[2].split()
    assert "c" * 300 == lines[3]


def test_a_table_of_markdown_shows_text_as_it_is() -> None:
    """What would end a cell, or begin italics, is escaped."""
    assert [
        "| name | count | more |",
        "| :-- | :-- | :-- |",
        "| a\\|b | 1 |  |",
        "| c\\_d |  |  |",
    ] == markdown(ROWS).splitlines()


def test_csv_has_a_line_of_names_and_one_for_each_row() -> None:
    """What is not there is empty."""
    found = list(csv.reader(comma_separated(ROWS).splitlines()))

    assert [["name", "count", "more"], ["a|b", "1", ""], ["c_d", "", ""]] == found


@pytest.mark.parametrize("show", [table, markdown, comma_separated])
def test_no_rows_are_text_too(show) -> None:
    """Of nothing but what separates lines and columns."""
    assert "" == show([]).strip(" |\n")
