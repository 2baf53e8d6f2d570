"""An asv environment that checks a commit out and runs the interpreter that runs asv.

asv's own environments install the project and everything it depends on again, torch among it, for
every commit: seconds each and a gigabyte per environment. The engine and the suites are those that
are installed anyway; of a commit only the plugins count, and those are read from the checkout.

A configuration of asv names it as `environment_type: worktree`, with a plugin beside it that imports
`Worktree` and, as `setup`, `introduce_machine` from the front door. This is the only module that imports asv.
"""

import sys
from pathlib import Path
from typing import Any

from asv.config import Config
from asv.environment import Environment
from asv.machine import Machine, MachineCollection
from asv.util import UserError

from ...errors import SuiteError


def own_folders(path: Path) -> dict[str, Path] | None:
    """Return the folders that a configuration of asv names, if it is one for convharness.

    They are its `benchmarks`, `results` and `html`. A configuration with another kind of environment is
    left to its own purpose.

    Raises `SuiteError` for a file that asv does not understand.
    """
    try:
        found = Config.load(str(path))
    except (UserError, OSError, ValueError) as error:
        raise SuiteError([f"{path}: {error}"]) from None
    if found.environment_type != Worktree.tool_name:
        return None
    return {
        "benchmarks": path.parent / found.benchmark_dir,
        "results": path.parent / found.results_dir,
        "html": path.parent / found.html_dir,
    }


def introduce_machine() -> None:
    """Introduce this machine to asv by asv's own defaults, unless it knows it.

    asv would ask at its first run, and stop without a terminal to answer from.
    """
    name = Machine.get_unique_machine_name()
    try:
        MachineCollection.load(name)
    except UserError:
        MachineCollection.save(name, Machine.get_defaults())


class Worktree(Environment):  # type: ignore[misc]  # asv has no types
    """The commit's files and this interpreter; nothing is installed beside what the project itself builds."""

    tool_name = "worktree"
    matches_python_fallback = False

    def __init__(
        self, conf: Any, python: str, requirements: dict[str, str], tagged_env_vars: dict[Any, str]
    ) -> None:
        # The parent names itself after these before it keeps them.
        self._python = python
        self._requirements = requirements
        super().__init__(conf, python, requirements, tagged_env_vars)

    @classmethod
    def matches(cls, python: str) -> bool:
        """Say whether a Python version of asv.conf.json is the one that runs asv."""
        return python == f"{sys.version_info.major}.{sys.version_info.minor}"

    def _setup(self) -> None:
        Path(self._path).mkdir(parents=True, exist_ok=True)

    def find_executable(self, executable: str) -> str:  # noqa: ARG002 python and pip are one
        """Return this interpreter, for python as for pip."""
        return sys.executable

    def run(self, args: list[str], **keywords: Any) -> Any:
        """Run this interpreter with the environment variables that asv sets for a commit."""
        # Environments that differ in variables alone share a checkout, and asv tells only the one
        # that made it which commit it is.
        self._set_commit_hash(self.installed_commit_hash)
        return self.run_executable("python", args, **keywords)
