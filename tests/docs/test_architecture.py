"""The paths, packages and contracts that the architecture page and the glossary name exist."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/architecture.md"
NAMED = re.compile(
    r"`((?:benchmarks|docs|harness|implementations|suites|tests|tools)/[\w./-]*|[\w.-]+\.(?:md|toml|txt|py))`"
)


def contracts():
    """Return the import contracts of the project."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]


@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/glossary.md", "CONTRIBUTING.md"])
def test_every_path_that_a_page_names_exists(page):
    """Each path of the repository that a page names exists."""
    named = set(NAMED.findall((ROOT / page).read_text("utf-8")))
    missing = sorted(path for path in named if not (ROOT / path).exists())

    assert [] == missing, f"{page} names what is not there; correct the page, or move the file back"


def test_packages_are_listed_in_the_order_of_their_contract():
    """The table of packages has the rows of import-linter's contract, in its order."""
    table = re.findall(r"^\| `harness/(\w+)/` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    (layers,) = (one["layers"] for one in contracts() if one["name"] == "packages import downward")
    packages = [name for row in layers for name in row.split(" | ") if (ROOT / "harness" / name).is_dir()]

    assert packages == table


def test_every_contract_is_named():
    """The page names each import contract."""
    page = PAGE.read_text("utf-8")

    assert [] == [one["name"] for one in contracts() if f'"{one["name"]}"' not in page]
