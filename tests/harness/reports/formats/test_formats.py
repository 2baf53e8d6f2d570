"""The formats: what each of them says, and that no name in a record can break it."""

import json
import re
from base64 import b64encode
from copy import deepcopy
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from io import StringIO
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from convharness.errors import SelectionError
from convharness.reports import formats
from convharness.reports.formats import FORMATS, terminal
from tests.harness.reports.conftest import record, render, report_of, run_with

HOSTILE = "x</script><img src=//evil onerror=alert(1)>\"'|`"


def parse(text: str) -> ET.Element:
    """Return the root of our own XML."""
    return ET.fromstring(text)


class Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep text."""
        self.texts.append(data)


HOSTILE_RUN = run_with(HOSTILE, cpu=HOSTILE, libraries={HOSTILE: HOSTILE})


@pytest.fixture
def hostile() -> pd.DataFrame:
    """Return records of `HOSTILE_RUN` in which every name is an attack."""
    rows = [
        record(HOSTILE, HOSTILE, "wrong", reason=HOSTILE, suite=HOSTILE, where=HOSTILE),
        record(
            "pytorch.conv", HOSTILE, ms=1, samples_s=[0.001, 0.002], traits={HOSTILE: HOSTILE}, versus=HOSTILE
        ),
    ]
    return pd.DataFrame(rows)


def test_unknown_format(frame: pd.DataFrame) -> None:
    """An unknown format is answered with the nearest one."""
    with pytest.raises(
        SelectionError, match="there is no report format 'markdwn'; did you mean 'markdown'\\?"
    ):
        render("markdwn", frame)


@pytest.mark.parametrize("name", ["table", "comparison", "markdown", "html"])
def test_empty(name: str) -> None:
    """A report of nothing says so."""
    assert "Nothing was run: there are no records to report." in render(name, pd.DataFrame())


def test_empty_data() -> None:
    """Formats for machines stay readable without a record."""
    assert 0 == len(pd.read_csv(StringIO(render("csv", pd.DataFrame()))))
    assert "0" == parse(render("junit", pd.DataFrame())).attrib["tests"]
    assert ([], "") == (json.loads(render("json", pd.DataFrame())), render("jsonl", pd.DataFrame()))


@pytest.mark.parametrize("name", FORMATS)
def test_runs_unchanged(name: str, frame: pd.DataFrame) -> None:
    """A format leaves the records of a report as they were, and the frames that it shares with others."""
    report = report_of(frame)
    before = deepcopy(report.given)
    frames = [report.stored, report.frame, report.compared, report.comparisons]
    copies = [one.copy(deep=True) for one in frames]

    formats.render(name, report, FORMATS)

    pd.testing.assert_frame_equal(pd.DataFrame(before), pd.DataFrame(report.given))
    for copy, one in zip(copies, frames, strict=True):
        pd.testing.assert_frame_equal(copy, one)


@pytest.mark.parametrize("name", FORMATS)
def test_same_text_twice(name: str, frame: pd.DataFrame) -> None:
    """Equal records make an equal report."""
    assert render(name, frame) == render(name, frame)


@pytest.mark.parametrize("name", ["table", "markdown", "html"])
def test_unknown_baseline(name: str, frame: pd.DataFrame) -> None:
    """Formats with speed-ups refuse a baseline that is not there."""
    with pytest.raises(SelectionError, match="unknown baseline 'nobody'"):
        render(name, frame, baseline="nobody")


@pytest.mark.parametrize("name", ["table", "markdown", "html"])
def test_verified_only(name: str, verified: pd.DataFrame) -> None:
    """A run that timed nothing has its verdict and no column of speeds."""
    text = render(name, verified)

    assert "1 of 2 results failed: 1 wrong." in text
    assert "GFLOP/s" not in text
    assert not re.search(r"\bnan\b", text)


def test_terminal_verified_only(verified: pd.DataFrame) -> None:
    """The table of a verification has verdicts and errors alone."""
    head = terminal.render(report_of(verified), width=100, color=False).splitlines()[1]

    assert ["implementation", "passed", "failed", "n/a", "worst", "error"] == head.split()


@pytest.mark.parametrize("width", [40, 100, 160])
def test_terminal_cuts_nothing(frame: pd.DataFrame, width: int) -> None:
    """However narrow the terminal, names and numbers are whole."""
    text = terminal.render(report_of(frame), width=width, color=False)

    assert "…" not in text
    assert re.search(r"^fast\.kernel +1/3 +1 +1 +0\.333 +~2\.00× \(1\)", text, re.MULTILINE)


@pytest.mark.parametrize("width", [20, 60, 80, 200])
def test_terminal_details_are_whole(width: int) -> None:
    """So are those of a single case, in which cells have several words."""
    frame = pd.DataFrame([record("numpy_arrays.im2col", "a", ms=1, time_low_s=1e-3, time_high_s=2e-3)])
    text = terminal.render(report_of(frame), width=width, color=False)

    assert re.search(r"^numpy_arrays\.im2col  ✓ passed ", text, re.MULTILINE)


def test_terminal_narrows(frame: pd.DataFrame) -> None:
    """A table that does not fit leaves out the totals first."""
    wide, narrow = (terminal.render(report_of(frame), width=width, color=False) for width in (160, 90))

    assert "all of net" in wide
    assert "all of net" not in narrow
    assert max(map(len, narrow.splitlines()[:6])) <= 90


def test_terminal_color(frame: pd.DataFrame) -> None:
    """Colour comes when it is asked for."""
    assert "\x1b[" in terminal.render(report_of(frame), color=True)
    assert "\x1b[" not in terminal.render(report_of(frame), color=False)


def test_terminal_reproduces(frame: pd.DataFrame) -> None:
    """A failure stands with the command that repeats it, on a line of its own."""
    lines = terminal.render(report_of(frame), width=60, color=False).splitlines()

    assert "    convharness verify --implementation fast.kernel --problem b" in lines


def test_terminal_ends_with_the_verdict(frame: pd.DataFrame) -> None:
    """The last line is the verdict with the counts."""
    expected = "1 of 10 results failed: 1 wrong.  (9 passed · 1 wrong · 1 unsupported · 3 unavailable)"

    assert expected == terminal.render(report_of(frame), color=False).splitlines()[-1]


def test_terminal_is_brief() -> None:
    """Of many failures the first ten are shown, and the others counted."""
    frame = pd.DataFrame(
        [record("a.a", f"case{place}", "crashed", reason="signal 11") for place in range(22)]
    )
    lines = terminal.render(report_of(frame), color=False).splitlines()

    assert 10 == sum("signal 11" in line for line in lines)
    assert any(line.startswith("and 12 more: convharness report ") for line in lines)


def test_terminal_details(verified: pd.DataFrame) -> None:
    """A single case is shown row by row, with the reason of each."""
    assert re.search(
        r"slow\.loops +✗ wrong +9\.0e5 u +zeros", terminal.render(report_of(verified), color=False)
    )


def test_terminal_markup_is_text() -> None:
    """Square brackets in a name are no markup."""
    frame = pd.DataFrame([record("a.a", "[red]b[/red]", "wrong", reason="y[0] is [/x]")])

    assert "a.a on [red]b[/red]: y[0] is [/x]" in terminal.render(report_of(frame), color=False)


@pytest.mark.parametrize("name", ["table", "markdown", "html"])
def test_alternatives(name: str, pair: pd.DataFrame) -> None:
    """Weights, multiply-adds and times of both cases are shown to the digit."""
    text = render(name, pair)

    for number in ("69,632", "589,824", "13.6 M", "115.6 M", "8.47×", "1.00 ms", "5.00 ms", "5.00×"):
        assert number in text


@pytest.mark.parametrize("name", ["table", "markdown", "html"])
def test_reason_for_unsupported(name: str, frame: pd.DataFrame) -> None:
    """What was not asked of an implementation is told with its reason."""
    assert "needs stride 1" in render(name, frame)


def test_markdown_tables(frame: pd.DataFrame) -> None:
    """Every row of a table has as many cells as its head."""
    blocks = [
        block.splitlines() for block in render("markdown", frame).split("\n\n") if block.startswith("|")
    ]

    assert all(len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1 for lines in blocks)
    assert 6 == len(blocks)


def test_markdown_layouts(frame: pd.DataFrame) -> None:
    """The other layout has its own ranking and its own speed-ups."""
    titles = [line for line in render("markdown", frame).splitlines() if line.startswith("###")]

    assert [
        "### Ranking, NCHW (contiguous)",
        "### Ranking, NHWC (channels last)",
        "### Compared with pytorch.conv, NCHW (contiguous)",
        "### How well this was measured",
        "### Speed-up against pytorch.conv, NCHW (contiguous)",
        "### Speed-up against torch.nhwc, NHWC (channels last)",
    ] == titles[:6]


def test_markdown_escapes(hostile: pd.DataFrame) -> None:
    """No name opens a tag or a table cell."""
    text = render("markdown", hostile, HOSTILE_RUN)

    assert "<img" not in text
    assert "</script" not in text
    assert not re.search(r"(?<!\\)\|`", text)


def test_csv_round_trip(frame: pd.DataFrame) -> None:
    """What is written as CSV is read back as it was."""
    frame["traits"] = [{"deterministic": True}] * len(frame)
    frame["samples_s"] = [[0.1, 0.2]] * len(frame)

    back = pd.read_csv(StringIO(render("csv", frame)))

    assert list(back["implementation"]) == list(frame["implementation"])
    assert back["time_median_s"].dropna().tolist() == frame["time_median_s"].dropna().tolist()
    assert {"deterministic": True} == json.loads(back["traits"][0])
    assert "samples_s" not in back.columns
    assert ["run", "started_at", "machine", "commit"] == list(back.columns[:4])


def test_junit(frame: pd.DataFrame) -> None:
    """JUnit counts failures and skips, and names case and implementation."""
    (suite,) = parse(render("junit", frame))
    failed = next(case for case in suite if case.find("failure") is not None)

    assert {"name": "net", "tests": "14", "failures": "1", "errors": "0", "skipped": "4"} == suite.attrib
    assert {"name": "b", "classname": "fast.kernel"} == failed.attrib
    assert {"message": "y[0] is 1, want 2", "type": "wrong"} == failed.find("failure").attrib
    assert "reproduce: convharness verify" in failed.find("failure").text


def test_junit_characters(hostile: pd.DataFrame) -> None:
    """Hostile names come back whole, and what XML cannot hold is replaced."""
    hostile.loc[0, "reason"] = "bell \x07"
    case = parse(render("junit", hostile, HOSTILE_RUN))[0][0]

    assert HOSTILE == case.attrib["classname"]
    assert "bell \N{REPLACEMENT CHARACTER}" == case.find("failure").attrib["message"]


def test_html_is_self_contained(frame: pd.DataFrame) -> None:
    """The page asks for nothing: no address, no source, no import."""
    page = render("html", frame)
    tags = Page(page).tags

    assert not re.search(r"https?://|url\(|@import", page)
    assert [] == [attributes for _, attributes in tags if "src" in attributes]
    assert {"#"} == {attributes["href"][0] for tag, attributes in tags if tag == "a"}
    assert [] == [tag for tag, _ in tags if tag in ("link", "img", "iframe", "object", "base")]


def test_html_policy(frame: pd.DataFrame) -> None:
    """The policy allows exactly this page's script and style, by their hashes."""
    page = render("html", frame)
    policy = next(attributes["content"] for tag, attributes in Page(page).tags if "http-equiv" in attributes)
    style, script = (re.search(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)[1] for tag in ("style", "script"))

    assert policy.startswith("default-src 'none'; ")
    assert f"script-src '{digest(script)}'" in policy
    assert f"style-src '{digest(style)}'" in policy
    assert "unsafe" not in policy


def digest(text: str) -> str:
    """Return the hash as a policy writes it."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def test_html_has_no_inline_code(hostile: pd.DataFrame) -> None:
    """No element carries a style or a handler, which the policy would block."""
    attributes = [
        name for _, attributes in Page(render("html", hostile, HOSTILE_RUN)).tags for name in attributes
    ]

    assert [] == [name for name in attributes if name == "style" or name.startswith("on")]


def test_html_escapes(hostile: pd.DataFrame) -> None:
    """A hostile name is text everywhere, in the embedded records too."""
    page = render("html", hostile, HOSTILE_RUN)
    data = re.search('id="data">(.*?)</script>', page, re.DOTALL)[1]

    assert 2 == [tag for tag, _ in Page(page).tags].count("script")
    assert "<img" not in page
    assert HOSTILE == json.loads(data)[0]["implementation"]


def test_html_links_lead_somewhere(frame: pd.DataFrame) -> None:
    """Each cell of a matrix leads to its record."""
    tags = Page(render("html", frame)).tags
    ids = {f"#{attributes['id']}" for _, attributes in tags if "id" in attributes}

    assert {attributes["href"] for tag, attributes in tags if tag == "a"} <= ids


def test_html_is_readable_without_script(frame: pd.DataFrame) -> None:
    """All four matrices and all headings are in the page itself."""
    page = Page(render("html", frame))
    titles = [
        "Verdict",
        "Speed-up",
        "Time",
        "Error",
        "Ranking",
        "Performance profile",
        "Failures",
        "Environment",
    ]

    assert [] == [title for title in titles if title not in page.texts]


def test_html_tables_are_labelled(frame: pd.DataFrame) -> None:
    """Every table has a caption and every heading cell a scope."""
    tags = Page(render("html", frame)).tags
    names = [tag for tag, _ in tags]

    assert names.count("table") == names.count("caption")
    assert [] == [attributes for tag, attributes in tags if tag == "th" and "scope" not in attributes]


def test_html_ids_are_unique(frame: pd.DataFrame) -> None:
    """No two elements share an id."""
    ids = [attributes["id"] for _, attributes in Page(render("html", frame)).tags if "id" in attributes]

    assert sorted(set(ids)) == sorted(ids)


def test_html_environment(frame: pd.DataFrame) -> None:
    """The environment of the run and its dirty working tree are told."""
    environment = {
        "cpu": "Fast CPU",
        "libraries": {"numpy": "2.4"},
        "commit": "0123456789abcdef",
        "dirty": True,
    }
    texts = Page(render("html", frame, run_with(**environment))).texts

    assert "libraries.numpy" in texts
    assert "0123456789ab (dirty)" in texts
    assert "The working tree had changes that are in no commit." in texts


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("bound", [0.0, None, float("inf")])
@pytest.mark.parametrize("error", [0.0, None, float("inf")])
def test_extreme_errors(name: str, error: float | None, bound: float | None) -> None:
    """Errors and bounds that are none, or without end, are shown like others."""
    frame = pd.DataFrame([record("a.a", "a", ms=1, error_u=error, error_bound_u=bound)])

    assert "a.a" in render(name, frame)


def history_of(*commits: str) -> pd.DataFrame:
    """Return what was tracked of one implementation at some commits."""
    rows = [
        {"commit": commit, "position": place, "subject": "A change", "machine": "m", "environment": "e"}
        | {"suite": "net", "case": "a", "implementation": "a.a", "status": "passed", "error_u": 1.0}
        | {"relative_time": 1.0 + place, "relative_low": 0.9 + place, "relative_high": 1.1 + place}
        for place, commit in enumerate(commits)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("commits", "expected"), [("", 0), ("a", 0), ("ab", 2)])
def test_html_history(frame: pd.DataFrame, commits: str, expected: int) -> None:
    """The page of a repository with several tracked commits shows a point for each of them."""
    report = replace(report_of(frame), history=history_of(*commits) if commits else None)
    page = formats.render("html", report, FORMATS)

    assert bool(expected) == ('<section id="history"' in page)
    assert expected == page.count('<g class="point">')
