"""Packaging: one import package from three folders, and plugins from other packages."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def pip(*words):
    """Run pip without an index."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words, "--no-deps"]
    done = subprocess.run([*map(str, command), "--no-index"], capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr


def convharness(folder, *words):
    """Run convharness as installed in a folder, and return its stdout."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from convharness.cli.main import main; sys.exit(main())", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Return the path of the wheel of this working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--quiet", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    return next(folder.glob("convharness-*.whl"))


def test_the_wheel_has_one_import_package_with_its_data(wheel):
    """The wheel has `convharness` alone, with suites, templates, styles and the type marker."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    data = {name for name in names if not name.endswith(".py") and ".dist-info/" not in name}

    assert {"convharness"} == tops
    assert {
        "convharness/py.typed",
        "convharness/reports/formats/html/report.css",
        "convharness/reports/formats/html/report.html.j2",
        "convharness/reports/formats/html/report.js",
        "convharness/suites/tracked.json",
        *(f"convharness/suites/{path.name}" for path in (ROOT / "suites").glob("*.toml")),
    } == data


def test_the_wheel_has_its_licence(wheel):
    """The wheel has the text of the licence and its SPDX expression."""
    with zipfile.ZipFile(wheel) as file:
        (folder,) = {name.split("/")[0] for name in file.namelist() if ".dist-info/" in name}
        text = file.read(f"{folder}/licenses/LICENSE").decode()
        facts = file.read(f"{folder}/METADATA").decode().splitlines()

    assert (ROOT / "LICENSE").read_text("utf-8") == text
    assert "License-Expression: BSD-3-Clause" in facts


def test_an_installed_wheel_runs_without_its_sources(wheel, tmp_path):
    """A run of an installed wheel finds implementations and suites and writes its reports."""
    pip("install", "--quiet", "--target", tmp_path, wheel)

    chosen = ("--suite", "seeds", "-c", "corr2d", "-k", "tutorial.*", "-k", "numpy_arrays.im2col")
    out = convharness(tmp_path, "run", *chosen, "--format", "json")

    passed = {row["implementation"] for row in json.loads(out) if row["status"] == "passed"}
    reports = {path.suffix for path in (tmp_path / "results" / "reports").iterdir()}
    assert {"tutorial.corr2d", "numpy_arrays.im2col"} <= passed
    assert {".html", ".md", ".csv"} == reports


def test_an_installed_plugin_package_is_found_by_its_entry_point(tmp_path):
    """An installed package with an entry point is found and named after it."""
    pip(
        "install",
        "--quiet",
        "--no-build-isolation",
        "--target",
        tmp_path,
        ROOT / "tests/packaging/plugin_package",
    )

    chosen = ("--suite", "seeds", "-c", "widen", "-k", "example.*")
    out = convharness(tmp_path, "verify", *chosen, "--format", "json")

    found = [(row["implementation"], row["status"]) for row in json.loads(out)]
    assert [("example.pointwise", "passed")] == found
