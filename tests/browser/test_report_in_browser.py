"""The HTML report in a browser: its script runs under its own security policy, and filters."""

import re

import pandas as pd
import pytest

from convharness import Settings, discover, find_suite, run
from convharness.reports import formats
from convharness.reports.report import Report
from convharness.runs.store import new_run
from tests.harness.reports.conftest import render

from .chromium import CHROMIUM, WHY_NOT, opened

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return the path of the report of a small run."""
    this = new_run({"machine": "here"}, {}, "convharness verify --suite seeds")
    implementations = discover(entry_points=False).select(["tutorial.*", "numpy_arrays.im2col"])
    rows = [
        this.row(record) for record in run([find_suite("seeds")], implementations, Settings(level="quick"))
    ]
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(formats.render("html", Report(rows, [this]), formats.FORMATS), "utf-8")
    return path


def test_the_script_runs_without_a_message_on_the_console(page, tmp_path):
    """The policy allows the page's own script, which offers the data for download."""
    document, console = opened(page.as_uri(), tmp_path)

    assert "Download records.json" in document
    assert [] == console


def test_a_filter_in_the_address_hides_other_records(page, tmp_path):
    """A filter in the address shows the records that match, and counts them."""
    document, _ = opened(f"{page.as_uri()}#implementation=numpy*&case=multi-*", tmp_path)
    shown = re.search(r'id="matches"[^>]*>([^<]*)<', document).group(1)

    assert "3 of 72 records" == shown


def test_comparisons_are_sorted_by_the_address(tmp_path):
    """An order in the address sorts the table of comparisons by its numbers."""
    ratios = {"base.conv": 1.0, "close.conv": 1.5, "far.conv": 12.0, "near.conv": 2.0}
    rows = [
        {"run": "r", "suite": "s", "case": "a", "implementation": name, "status": "passed"}
        | {
            "time_median_s": ratio * 1e-3,
            "samples_s": [ratio * 1e-3] * 9,
            "passes": [[i, 3, 1] for i in range(3)],
        }
        for name, ratio in ratios.items()
    ]
    path = tmp_path / "report.html"
    path.write_text(render("html", pd.DataFrame(rows), baseline="base.conv"), "utf-8")
    document, console = opened(f"{path.as_uri()}#sort=1.3.down", tmp_path)
    table = document[document.index('id="comparison"') : document.index('id="measured"')]

    assert ["far.conv", "near.conv", "close.conv", "base.conv"] == re.findall('data-i="([^"]*)"', table)
    assert ["descending"] == re.findall('aria-sort="([^"]*)".{0,40}ratio', table)
    assert [] == console
