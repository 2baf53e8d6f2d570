"""A layer of the oracle: one kind of check of a kernel, with the facts that the oracle needs about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ..trial import LEVELS, Trial
from ..verdict import Verdict

Check = Callable[[Trial], Iterator[Verdict]]


@dataclass(frozen=True)
class Layer:
    """One kind of check of a kernel.

    `name` stands in verdicts, and `level` is the lowest level that includes the layer. `measures` says
    that its errors are those of ordinary numbers, which reports compare. `may_be_imprecise` says that
    an output which looks like the right one in a lower precision is imprecise; it is false, and such an
    output wrong, where earlier layers have already ruled that out on numbers of the same kind. `check`
    runs the kernel and yields a verdict for each output; it raises `KernelError` and `BreachError`.
    """

    name: str
    level: str
    measures: bool
    may_be_imprecise: bool
    check: Check

    def is_part_of(self, level: str) -> bool:
        """Say whether a level includes this layer."""
        return LEVELS.index(self.level) <= LEVELS.index(level)

    def asking(self, trial: Trial) -> Trial:
        """Return the trial that `check` is given: its verdicts carry this layer's name."""
        return replace(trial, layer=self.name, may_be_imprecise=self.may_be_imprecise)
