"""What a layer of the oracle is: one kind of question to a kernel, with all that is to be known about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ..trial import LEVELS, Trial
from ..verdict import Verdict

Check = Callable[[Trial], Iterator[Verdict]]


@dataclass(frozen=True)
class Layer:
    """One kind of question to a kernel, and the facts about it.

    `name` is how verdicts call it, and `level` the lowest level that asks it. `measures` says that
    its errors are those of ordinary numbers, which reports compare. `may_be_imprecise` says that an
    output which looks like that of a lower precision is called imprecise; where that was settled by
    the layers before, on numbers of the same kind, it is called wrong. `check` asks, and yields a
    verdict for each answer; it raises `KernelError` and `BreachError`.
    """

    name: str
    level: str
    measures: bool
    may_be_imprecise: bool
    check: Check

    def is_part_of(self, level: str) -> bool:
        """Say whether a level asks this layer."""
        return LEVELS.index(self.level) <= LEVELS.index(level)

    def asking(self, trial: Trial) -> Trial:
        """Return the trial with which `check` asks: its verdicts are given in this layer's name."""
        return replace(trial, layer=self.name, may_be_imprecise=self.may_be_imprecise)
