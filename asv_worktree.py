"""An asv environment that checks a commit out and runs the interpreter that runs asv.

asv's own environments install the project and everything it depends on again, torch among it, for
every commit: seconds each and a gigabyte per environment. The engine and the suites are the working
tree's anyway; of a commit only the plugins count, and those are read from the checkout.
"""

import sys
from pathlib import Path
from typing import Any

from asv.environment import Environment
from asv.machine import Machine, MachineCollection
from asv.util import UserError


def setup() -> None:
    """Introduce this machine to asv by asv's own defaults, unless it knows it.

    asv would ask at its first run, and stop where nobody can answer.
    """
    name = Machine.get_unique_machine_name()
    try:
        MachineCollection.load(name)
    except UserError:
        MachineCollection.save(name, Machine.get_defaults())


class Worktree(Environment):  # type: ignore[misc]  # asv has no types
    """The commit's files, this interpreter; nothing is built and nothing is installed."""

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

    def find_executable(self, executable: str) -> str:
        """Return this interpreter, for python as for pip."""
        return sys.executable

    def run(self, args: list[str], **keywords: Any) -> Any:
        """Run this interpreter with the environment variables that asv sets for a commit."""
        # Environments that differ in variables alone share a checkout, and asv tells only the one
        # that made it which commit it is.
        self._set_commit_hash(self.installed_commit_hash)
        return self.run_executable("python", args, **keywords)
