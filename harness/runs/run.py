"""A run's own facts, which lie beside its records: when, where, how and what for it was made."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ..plugins.broken import BrokenPlugin, of_line
from ..plugins.registry import Unavailable
from .record import Record
from .row import Row
from .settings import Settings


class Plain(msgspec.Struct, frozen=True, tag_field="kind", tag="plain"):
    """A run of implementations as they are; `is_reported` where report files belong to it."""

    is_reported: bool = False


class Tracked(msgspec.Struct, frozen=True, tag_field="kind", tag="tracked"):
    """A run of what one commit offers, to be compared with the runs of other commits.

    `wishes` are the suites, with a hash of their cases, and the globs of implementations that were asked
    for: with others it is another run. `contents` has a hash of what each offered implementation is made
    of, `broken` what does not import or build, `unavailable` what lacks a library.
    """

    wishes: tuple[str, ...]
    contents: dict[str, str] = {}
    broken: tuple[BrokenPlugin, ...] = ()
    unavailable: tuple[Unavailable, ...] = ()


class Side(msgspec.Struct, frozen=True):
    """One side of a comparison: the label that ends the names of its implementations, and its commit.

    `commit` is the full hash, or None for the working tree.
    """

    label: str
    commit: str | None = None


class Compared(msgspec.Struct, frozen=True, tag_field="kind", tag="compared"):
    """A run in which two versions of a repository were measured side by side."""

    base: Side
    other: Side


Purpose = Plain | Tracked | Compared
"""What a run is for."""


class Selection(msgspec.Struct, frozen=True):
    """What a run was asked to judge, in the words that it was asked in.

    `suites` are names or files, `problems` strings of problems, `cases` globs of labels, `dtypes` data
    types that every case is asked for; `patterns` are globs of implementations and `plugins` files of
    them. With `only_plugins`, what the files hold is judged, and what the globs name.
    """

    suites: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    only_plugins: bool = False


@dataclass(frozen=True)
class Run:
    """One run: when, where, how and what for, and how many records it planned; they lie beside it.

    `environment` describes the machine, its libraries and the commit, for people to read. Where it was
    interrupted, a run goes on with its `settings` and `selection`, in the working folder `folder`.
    `untried` has the features of problems that an implementation declares and no case of the run tries.
    """

    id: str
    started_at: str
    command: str
    environment: Mapping[str, Any]
    settings: Settings
    planned: int | None = None
    purpose: Purpose = field(default_factory=Plain)
    selection: Selection | None = None
    folder: str | None = None
    untried: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def machine(self) -> str | None:
        """Return the name of the machine."""
        return self.environment.get("machine")

    @property
    def commit(self) -> str | None:
        """Return the full hash of the commit, None outside of a repository."""
        return self.environment.get("commit")

    @property
    def software(self) -> tuple[str | None, Mapping[str, str]]:
        """Return the versions of Python and of the libraries that a figure may depend on."""
        return self.environment.get("python"), self.environment.get("libraries") or {}

    def columns(self) -> dict[str, Any]:
        """Return the columns that all records of the run share."""
        return {
            "run": self.id,
            "started_at": self.started_at,
            "machine": self.machine,
            "commit": self.commit,
        }

    def row(self, record: Record) -> Row:
        """Return a record as it is stored: its own columns and those of the run."""
        return Row(**self.columns(), **record.columns())


def decoded(text: bytes) -> Run:
    """Return the run that a run.json describes, of this version or an earlier one.

    Raises `msgspec.MsgspecError` for what describes none.
    """
    facts = msgspec.json.decode(text, type=dict[str, Any])
    return msgspec.convert(facts if "purpose" in facts else _of_an_earlier_version(facts), Run)


_FORMER_SETTINGS = {"yardstick": "reference"}
"""Settings that earlier versions stored under another name, and their present names."""

_TOLD_PURPOSES = ("tracked", "contents", "broken", "unavailable", "compared")
"""The keys of an environment by which earlier versions told what a run is for."""

_LACKING = re.compile(r"(?P<family>.+) is not available: (?P<library>\S+) is not installed")


def _of_an_earlier_version(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a run that an earlier version stored as they are stored now."""
    found, settings = (
        msgspec.convert(facts.get(name), dict[str, Any]) for name in ("environment", "settings")
    )
    environment = {name: value for name, value in found.items() if name not in _TOLD_PURPOSES}
    purpose: dict[str, Any] = {"kind": "plain"}
    if sides := _listed(found, "compared"):
        purpose = {"kind": "compared"} | dict(zip(("base", "other"), sides, strict=False))
    elif tracked := found.get("tracked"):
        purpose = {
            "kind": "tracked",
            "wishes": tracked,
            "contents": found.get("contents") or {},
            "broken": list(map(_of_line, _listed(found, "broken"))),
            "unavailable": list(_lacking(_listed(found, "unavailable"))),
        }
    settings = {_FORMER_SETTINGS.get(name, name): value for name, value in settings.items()}
    return {**facts, "environment": environment, "settings": settings, "purpose": purpose}


def _listed(environment: Mapping[str, Any], name: str) -> list[Any]:
    return msgspec.convert(environment.get(name) or [], list[Any])


def _of_line(stored: object) -> object:
    """Return a mistake; the earliest versions stored its line of text."""
    return msgspec.to_builtins(of_line(stored)) if isinstance(stored, str) else stored


def _lacking(stored: list[Any]) -> Iterator[object]:
    """Yield what lacks a library; the earliest versions stored its line of text."""
    for one in stored:
        line = _LACKING.match(one) if isinstance(one, str) else None
        yield {**line.groupdict(), "source": ""} if line else one
