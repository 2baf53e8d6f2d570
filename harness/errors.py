"""What a user can put right, as one tree of exceptions; never anything that is our own bug.

    HarnessError
    ├── ProblemError      a convolution that cannot be, or cannot be read
    ├── SuiteError        mistakes in a suite file, all of them at once
    ├── PluginError       a plugin that does not import or declares something impossible
    ├── SelectionError    a suite, case or implementation that is not there
    ├── CommitError       a commit, or a repository, that is not there or cannot be used
    └── ResultsError      a results folder that cannot be read or written

A message is one line: what is wrong, with the value; what would be right; the next step.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


class HarnessError(Exception):
    """Anything that the user can put right."""


class ProblemError(HarnessError):
    """An impossible convolution, or a text that does not describe one."""


class PluginError(HarnessError):
    """A plugin that does not import, or whose declaration is invalid."""


class SelectionError(HarnessError):
    """A name that selects nothing."""


class CommitError(HarnessError):
    """A commit, or a repository, that is not there or cannot be used."""


class ResultsError(HarnessError):
    """A results folder that cannot be read or written."""


@dataclass(frozen=True)
class Mistake:
    """One mistake in a file: what is wrong, and the places that lead to it, the outermost first.

    >>> str(Mistake("unknown field 'strid'", ("case number 3",)).within("mine.toml"))
    "mine.toml: case number 3: unknown field 'strid'"
    """

    text: str
    where: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ": ".join((*self.where, self.text))

    def within(self, place: str) -> "Mistake":
        """Return the same mistake with a place around those that are known."""
        return Mistake(self.text, (place, *self.where))


class SuiteError(HarnessError):
    """Mistakes in a suite file: every one of them, a line each.

    A mistake without a place may be given as a text.
    """

    def __init__(self, mistakes: Sequence[Mistake | str]) -> None:
        self.mistakes = tuple(one if isinstance(one, Mistake) else Mistake(one) for one in mistakes)
        super().__init__("\n".join(map(str, self.mistakes)))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint at the nearest known word, or at all of them when they are few.

    >>> did_you_mean("paddin", ["stride", "padding"])
    "; did you mean 'padding'?"
    >>> did_you_mean("q", ["zeros", "reflect"])
    '; known are zeros, reflect'
    """
    known = list(known)
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    if 0 < len(known) <= 12:
        return f"; known are {', '.join(known)}"
    return ""
