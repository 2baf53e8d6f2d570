"""The registry: the implementations that were found, and those that cannot be used, with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ..errors import SelectionError, did_you_mean
from .broken import BrokenPlugin
from .declaration import Implementation
from .libraries import missing


@dataclass(frozen=True)
class Unavailable:
    """A file or package whose library is missing."""

    family: str
    library: str
    source: str

    @property
    def reason(self) -> str:
        """Return what is missing and the command that installs it."""
        return missing(self.library)

    @property
    def subject(self) -> str:
        """Return the name of the family that is not available."""
        return self.family

    def __str__(self) -> str:
        return f"{self.family} is not available: {self.reason}"

    def takes_away(self, name: str) -> bool:
        """Say whether an implementation is missing because its library is."""
        return self.family == name.partition(".")[0]


Unusable = BrokenPlugin | Unavailable


@dataclass(frozen=True)
class Registry:
    """Every implementation that was found, by name; what cannot be used, and why."""

    implementations: tuple[Implementation, ...]
    unavailable: tuple[Unavailable, ...] = ()
    broken: tuple[BrokenPlugin, ...] = ()

    def select(self, patterns: Sequence[str]) -> tuple[Implementation, ...]:
        """Return the implementations that match any of the globs; without globs all of them.

        Raises `SelectionError` for a glob that matches nothing.
        """
        chosen: set[str] = set()
        names = [one.name for one in self.implementations]
        for pattern in patterns:
            matching = {name for name in names if fnmatchcase(name, pattern)}
            if not matching:
                raise SelectionError(self._nothing_matches(pattern, names))
            chosen |= matching
        return tuple(one for one in self.implementations if not patterns or one.name in chosen)

    def of_file(self, path: Path) -> tuple[Implementation, ...]:
        """Return the implementations of a file."""
        wanted = path.resolve()
        return tuple(one for one in self.implementations if one.source and one.source.resolve() == wanted)

    def _nothing_matches(self, pattern: str, names: Sequence[str]) -> str:
        for one in self.unavailable:
            if fnmatchcase(one.family, pattern.partition(".")[0]):
                return f"no implementation {pattern!r}: {one.reason}"
        families = {one.family for one in self.implementations}
        hint = did_you_mean(pattern, names) or did_you_mean(pattern, families)
        if not hint.endswith("?"):
            hint = f"; families are {', '.join(sorted(families))}"
        return f"no implementation matches {pattern!r}{hint}"


def is_wanted(name: str, patterns: Sequence[str]) -> bool:
    """Say whether an implementation's name matches any of the globs; without globs it always does."""
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
