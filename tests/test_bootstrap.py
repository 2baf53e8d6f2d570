"""The script that sets up the environment: commands that it refuses, and when it installs again."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def bootstrap(tmp_path):
    """Return the module of a copy of the script, beside copies of the files that it reads."""
    for name in ("bootstrap.py", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    spec = importlib.util.spec_from_file_location("bootstrap_copy", tmp_path / "bootstrap.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("arguments", [[], ["rnu"]])
def test_an_unknown_command_is_refused_in_one_line(arguments):
    """An unknown or missing command is refused with the known ones."""
    done = subprocess.run(
        [sys.executable, ROOT / "bootstrap.py", *arguments], capture_output=True, text=True, check=False
    )

    assert 2 == done.returncode
    assert done.stderr.endswith("usage: python3 bootstrap.py run|test|install [ARGS]\n")
    assert 1 == done.stderr.count("\n")


def test_torch_is_installed_as_it_is_pinned(bootstrap):
    """The version of torch to install is the pinned one."""
    assert "torch==2.13.0" == bootstrap.pinned("torch")


def test_unchanged_files_are_not_installed_again(bootstrap):
    """An environment whose fingerprint is up to date is not changed."""
    bootstrap.VENV.mkdir()
    bootstrap.STAMP.write_text(bootstrap.fingerprint(), "utf-8")

    bootstrap.install()

    assert [path.name for path in bootstrap.VENV.iterdir()] == [bootstrap.STAMP.name]


def test_changed_constraints_change_the_fingerprint(bootstrap, tmp_path):
    """A change of the constraints changes the fingerprint."""
    before = bootstrap.fingerprint()
    with (tmp_path / "constraints.txt").open("a", encoding="utf-8") as file:
        file.write("numpy==2.0.0\n")

    assert bootstrap.fingerprint() != before


def test_the_message_about_a_failed_environment_says_what_to_install(bootstrap, monkeypatch, capsys):
    """The message about a failure of `python3 -m venv` names the package of Debian."""
    monkeypatch.setattr(bootstrap.sys, "executable", shutil.which("false"))

    assert 1 == bootstrap.main(["install"])
    assert "apt install python3-venv" in capsys.readouterr().err
