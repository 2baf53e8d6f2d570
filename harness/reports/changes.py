"""What changed between two commits: rows, and a sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..commits.changes import Change, summary
from . import numbers

WORDS: Mapping[str, str] = {
    "wrong": "wrong",
    "slower": "slower",
    "imprecise": "less exact",
    "removed": "removed",
    "added": "added",
    "repaired": "repaired",
    "faster": "faster",
    "exact": "more exact",
    "broken": "does not import",
}
"""The words for each effect, the worst first."""

_NOTHING = Change("", "", "", None, None)


@dataclass(frozen=True)
class Comparison:
    """What changed between two commits, which `titles` name.

    `same` are the implementations that were not measured because their code is equal, `broken` the files
    that were imported before and are not afterwards, each with its mistake.
    """

    changes: Sequence[Change]
    titles: Sequence[str]
    same: Sequence[str] = ()
    broken: Sequence[str] = ()

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each change, then one for each file that does not import."""
        return [*(one.row() for one in self.changes), *map(_broken_row, self.broken)]

    def ranked(self) -> list[Change]:
        """Return the changes, the worst first."""
        return sorted(self.changes, key=_rank)

    @property
    def title(self) -> str:
        """Return which commit was compared with which."""
        return f"{self.titles[1]} against {self.titles[0]}"

    def sentence(self) -> str:
        """Return the number of changes of each kind as a sentence."""
        parts = [f"{count:,} {WORDS[effect]}" for effect, count in summary(self.changes).items()]
        if self.broken:
            parts.insert(0, f"{numbers.many(len(self.broken), 'file')} not importing")
        said = ", ".join(parts) if parts else "no change large enough to report"
        judged = f"{numbers.many(len(self.changes), 'pair')} of implementation and case compared"
        same = numbers.many(len(self.same), "implementation")
        left = f"; {same} the same in both, not measured" if self.same else ""
        return f"{judged}: {said}{left}."


def _broken_row(mistake: str) -> dict[str, Any]:
    """Return a file that does not import as a row with the columns of a change; case and others are empty."""
    blank: dict[str, Any] = dict.fromkeys(_NOTHING.row())
    return {**blank, "effects": ["broken"], "reason": mistake}


def _rank(one: Change) -> tuple[int, str, str]:
    order = list(WORDS)
    return (min(map(order.index, one.effects), default=len(order)), one.implementation, one.case)
