"""The package: light to import, complete in its list, true to the statuses."""

import doctest
import subprocess
import sys

from convharness.reports import numbers, statuses
from convharness.reports.formats import CHANGES, EVENTS, FORMATS, LISTS
from convharness.reports.views import frames
from convharness.runs.row import COLUMNS


def test_formats() -> None:
    """These are the formats of each kind of subject."""
    assert ["table", "json", "jsonl", "csv", "markdown", "junit", "comparison", "html"] == list(FORMATS)
    assert ["comparison", "table", "json", "jsonl", "csv", "markdown"] == list(CHANGES)
    assert ["table", "json", "markdown"] == list(EVENTS)
    assert ["table", "json", "csv", "markdown"] == list(LISTS)


def test_import_is_light() -> None:
    """Importing the package loads none of the libraries that its formats use."""
    heavy = "{'pandas', 'rich', 'jinja2', 'numpy'}"
    code = f"import sys, convharness.reports.formats; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()


def test_numbers_are_as_documented() -> None:
    """The examples of the number formats hold."""
    assert 0 == doctest.testmod(numbers).failed


def test_columns_are_known() -> None:
    """The columns that are read as numbers exist."""
    assert set() == set(frames._NUMBERS) - set(COLUMNS)


def test_every_status_has_a_meaning() -> None:
    """Each status has a mark of its own and a meaning."""
    assert list(statuses.GLYPHS) == list(statuses.MEANINGS)
    assert len(set(statuses.GLYPHS.values())) == len(statuses.STATUSES)
