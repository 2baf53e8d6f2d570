"""The script that sets everything up: what it refuses, and when it installs again."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def bootstrap(tmp_path):
    """Load a copy of the script beside copies of what it installs from."""
    for name in ("bootstrap.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    spec = importlib.util.spec_from_file_location("bootstrap_copy", tmp_path / "bootstrap.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("arguments", [[], ["rnu"]])
def test_unknown_command_is_refused_in_one_line(arguments):
    """Without a known command the script names the known ones and installs nothing."""
    done = subprocess.run(
        [sys.executable, ROOT / "bootstrap.py", *arguments], capture_output=True, text=True, check=False
    )

    assert 2 == done.returncode
    assert done.stderr.endswith("usage: python3 bootstrap.py run|test|install [ARGS]\n")
    assert 1 == done.stderr.count("\n")


def test_torch_is_installed_as_it_is_pinned(bootstrap):
    """The line that pins torch is what is installed first."""
    assert "torch==2.13.0" == bootstrap.pinned("torch")


def test_same_files_need_no_second_set_up(bootstrap):
    """An environment whose stamp says what is wanted is left alone."""
    bootstrap.VENV.mkdir()
    bootstrap.STAMP.write_text(bootstrap.fingerprint(), "utf-8")

    bootstrap.install()

    assert [path.name for path in bootstrap.VENV.iterdir()] == [bootstrap.STAMP.name]


def test_changed_constraints_change_the_fingerprint(bootstrap, tmp_path):
    """Another pin asks for another set-up."""
    before = bootstrap.fingerprint()
    with (tmp_path / "constraints.txt").open("a", encoding="utf-8") as file:
        file.write("numpy==2.0.0\n")

    assert bootstrap.fingerprint() != before


def test_failed_environment_says_what_to_install(bootstrap, monkeypatch, capsys):
    """Where `python3 -m venv` fails, the message names the package that Debian leaves out."""
    monkeypatch.setattr(bootstrap.sys, "executable", shutil.which("false"))

    assert 1 == bootstrap.main(["install"])
    assert "apt install python3-venv" in capsys.readouterr().err
