"""The documentation is right: its commands run, its links lead to files, its tables are complete."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from convharness.oracle.verdict import STATUSES
from convharness.runs.row import COLUMNS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "results/README.md"])
FENCE = re.compile(r"^```(\S+)?(?: ([^\n]*))?\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(page, wanted):
    """Return the fenced blocks of a kind in a page."""
    return [text for kind, _, text in FENCE.findall((ROOT / page).read_text("utf-8")) if kind == wanted]


def run(command, folder, **keywords):
    """Run a command in a folder, and return the finished process."""
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **keywords)


def test_the_tutorial_runs_as_written(tmp_path):
    """The files of the tutorial are saved and its commands run in order, with the exit codes it names."""
    shims = {"convharness": f"{sys.executable} -m convharness", "python": sys.executable}
    for kind, about, text in FENCE.findall((ROOT / "docs/tutorial.md").read_text("utf-8")):
        if kind == "python":
            (tmp_path / about).write_text(text, "utf-8")
        for line in text.splitlines() if kind == "console" else []:
            program, _, rest = line.removeprefix("$ ").partition(" ")
            command = f"{shims.get(program, program)} {rest}"
            done = subprocess.run(
                command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False
            )

            assert f"exit={done.returncode}" == (about or "exit=0"), f"{line}\n{done.stdout}{done.stderr}"


def test_the_plugin_of_the_readme_passes(tmp_path):
    """The plugin of the README passes on the problems that it supports."""
    code = next(
        text for kind, _, text in FENCE.findall((ROOT / "README.md").read_text("utf-8")) if kind == "python"
    )
    (tmp_path / "mine.py").write_text(code, "utf-8")
    command = "verify --plugin mine.py -k mine.* --suite pointwise --case widen* --format csv"

    done = run([sys.executable, "-m", "convharness", *shlex.split(command)], tmp_path)

    assert (0, 2) == (done.returncode, done.stdout.count(",passed,")), done.stderr


def test_the_guide_to_suites_is_a_suite(tmp_path):
    """The examples of the guide to suites, joined, are a suite that loads."""
    from convharness import load_suite

    text = "\n".join(blocks("docs/how-to/write-a-suite.md", "toml"))
    (tmp_path / "guide.toml").write_text(text, "utf-8")

    labels = [case.label for case in load_suite(tmp_path / "guide.toml")]

    assert ["stem", "n1c64h56w56-o64k3p1-float32", "bottleneck", "plain"] == labels[:4]
    assert "late-k3x5-s2" in labels


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page):
    """Each relative link of a page leads to a file or folder."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8"))

    assert [] == [link for link in links if not (page.parent / link).exists()]


def test_the_reference_names_every_column_and_status():
    """The reference names all columns of a record and all statuses."""
    text = (ROOT / "docs/reference.md").read_text("utf-8")

    assert [] == [name for name in (*COLUMNS, *STATUSES) if f"`{name}`" not in text]


def test_the_tables_of_columns_are_up_to_date():
    """The tables of columns are those that `tools/reference_tables.py` writes."""
    done = run([sys.executable, ROOT / "tools/reference_tables.py", "--check"], ROOT)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_workflow_fits_the_schema_of_github():
    """The workflow of the guide fits the JSON Schema of GitHub's workflows."""
    path = ROOT / "docs/how-to/convharness.yml"
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stdout + done.stderr
