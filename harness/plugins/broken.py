"""A plugin that cannot be used: what is wrong, with what, and how a run stores it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

Kind = Literal[
    "absent",
    "build",
    "declaration",
    "folder",
    "import",
    "line",
    "name",
    "neighbour",
    "suffix",
    "twice",
    "unmarked",
]
"""What is wrong; 'line' is a mistake of which an earlier version stored the text alone."""

_TEXTS: Mapping[Kind, str] = {
    "absent": "there is no plugin file {subject}",
    "build": "{subject} does not build: {reason}",
    "declaration": "{subject}: {reason}",
    "folder": "{subject} is a folder; name its files",
    "import": "{subject} does not import: {reason}",
    "line": "{reason}",
    "name": "two implementations are called {subject!r}; rename one of them with name=",
    "neighbour": "{subject} imports {reason!r} from beside it; a plugin is one file, or an installed package",
    "suffix": "{subject} is not a Python file; a plugin's name ends in .py",
    "twice": "{subject} defines two implementations {reason}; rename one of them",
    "unmarked": "{subject} marks no function; put @implementation above one",
}
"""The text of a mistake of each kind."""

_PACKAGE = "package"
_END_OF_SUBJECT = re.compile(r": | (?:defines|does|imports|is|marks) ")


@dataclass(frozen=True)
class BrokenPlugin:
    """A mistake in a plugin; as text it is one line that names its subject.

    `subject` is the file, the entry point or the package that has the mistake, or the name that two
    implementations share. `family` is the first part of the names of the implementations that it takes
    away, empty where it takes all of them away. `reason` is the message of Python, pip or the
    declaration's check.
    """

    kind: Kind
    subject: str
    family: str
    reason: str = ""

    def __str__(self) -> str:
        return _TEXTS[self.kind].format(subject=self.subject, reason=self.reason)

    @classmethod
    def package(cls, reason: str) -> "BrokenPlugin":
        """Return the mistake of a repository whose package does not build."""
        return cls("build", _PACKAGE, family="", reason=reason)

    def takes_away(self, name: str) -> bool:
        """Say whether an implementation may be missing because of this mistake."""
        return self.family in ("", name.partition(".")[0])


def of_line(line: str) -> BrokenPlugin:
    """Return a mistake that an earlier version stored as a line, which begins with its subject."""
    subject = _END_OF_SUBJECT.split(line, maxsplit=1)[0]
    return BrokenPlugin("line", subject, "" if subject == _PACKAGE else PurePosixPath(subject).stem, line)
