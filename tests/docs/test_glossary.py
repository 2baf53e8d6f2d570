"""The glossary has a line for each status and package, in alphabetical order, each with a path."""

import re
from pathlib import Path

import pytest

from convharness.oracle.verdict import STATUSES

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs/glossary.md"
PACKAGES = sorted(path.parent.name for path in ROOT.glob("harness/*/__init__.py"))


def terms():
    """Return the terms as they are written, in the order of the page."""
    rows = re.findall(r"^\| (.+?) \|", GLOSSARY.read_text("utf-8"), re.MULTILINE)
    return [row for row in rows if row not in {"term", "---"}]


@pytest.mark.parametrize("name", [*STATUSES, *PACKAGES])
def test_the_glossary_has_a_line_for_each_status_and_package(name):
    """Each status and each package is a term, written as code."""
    assert 1 == terms().count(f"`{name}`"), f"docs/glossary.md needs one line for `{name}`"


def test_terms_are_in_alphabetical_order():
    """The terms are in alphabetical order, with capitals and code sorted like other words."""
    found = [term.strip("`").casefold() for term in terms()]

    assert sorted(found) == found


def test_every_term_has_a_meaning_and_a_path():
    """Each line has a term, a meaning that ends with a full stop, and one path."""
    lines = [line for line in GLOSSARY.read_text("utf-8").splitlines() if line.startswith("| ")][2:]

    assert [] == [line for line in lines if not re.fullmatch(r"\| .+ \| .+\. \| `[\w./-]+` \|", line)]
