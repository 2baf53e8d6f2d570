"""The page on the Python API: each name of the front door has a section, and every example runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import convharness

PAGE = (Path(__file__).parents[2] / "docs/api.md").read_text("utf-8")
EXAMPLE = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
SECTIONS = {
    part.partition("`")[0]: part for part in re.split(r"^### `", PAGE, flags=re.MULTILINE)[1:]
}  # a part ends where the next one begins, so that an introduction belongs to the part before it


def test_each_name_of_the_front_door_has_a_section():
    """The sections of the page are the names of the front door."""
    assert sorted(convharness.__all__) == sorted(SECTIONS)


def test_each_section_has_an_example():
    """Each section has an example in Python."""
    assert [] == [name for name, text in SECTIONS.items() if not EXAMPLE.search(text)]


def test_every_example_runs(tmp_path):
    """The examples run in the order of the page, in one namespace and one folder."""
    script = "\n".join(EXAMPLE.findall(PAGE))
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "page.py").write_text(script, "utf-8")
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")  # with the machine's calibration
    done = subprocess.run(
        [sys.executable, tmp_path / "page.py"],
        cwd=tmp_path / "here",
        env=os.environ | {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": cache},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stdout), done.stderr
