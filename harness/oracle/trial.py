"""One implementation on trial on one problem: runs it, compares, and words what is wrong."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ..errors import PluginError
from ..execution.host import Held, Host
from ..execution.kernel_call import Output
from ..numerics.accuracy import LOCALITIES, Accuracy, Truth, accumulator_bits
from ..numerics.arrays import Array
from ..numerics.operands import Operands, sparse_integers, wide_x
from ..plugins.declaration import Implementation
from ..problems.problem import Problem
from .bank import Bank, Probe
from .comparison import Comparison, compare, significant_bits
from .output import checked_output
from .small import smaller
from .verdict import Verdict

LEVELS = ("quick", "standard", "thorough")

_LATE = ("layout", "state", "memory")

_SHARP = Probe(wide_x, exact=True)
_SHARP_FOR_TRANSFORMS = Probe(sparse_integers, exact=True)


@dataclass(frozen=True)
class Trial:
    """What the layers of the oracle share: whom they judge, on what, and how hard.

    `bank` holds the data; `banks` finds those of other problems.
    """

    host: Host
    bank: Bank
    level: str
    banks: Any = field(repr=False)
    """Called with a problem, returns its bank."""
    first: dict[Probe, Array] = field(default_factory=dict, repr=False)
    """The output of the first call, by what it was asked with."""

    @property
    def implementation(self) -> Implementation:
        """Return the implementation that is judged."""
        return self.host.implementation

    @property
    def problem(self) -> Problem:
        """Return the problem."""
        return self.bank.problem

    @property
    def accuracy(self) -> Accuracy:
        """Return the accuracy class that the implementation declares."""
        return self.implementation.accuracy

    @property
    def draws(self) -> int:
        """Return how often a layer draws its data anew."""
        return 3 if self.level == "thorough" else 1

    @property
    def is_thorough(self) -> bool:
        """Say whether every probe is wanted."""
        return self.level == "thorough"

    @property
    def has_narrow_products(self) -> bool:
        """Say whether products may be made by instructions for bfloat16 and its like.

        Such instructions (AVX512-BF16, AMX) flush subnormals, and multiply in pairs that are filled
        up with zeros, through which a NaN reaches an output next to those that read it. No kernel
        that uses them can help it.
        """
        return self.problem.dtype == "bfloat16" or self.accuracy.bits is not None

    @property
    def locality(self) -> str:
        """Return how far a NaN of x may spread."""
        declared = self.implementation.locality
        if not self.has_narrow_products:
            return declared
        return max(declared, "tile", key=LOCALITIES.index)

    @cached_property
    def sharp(self) -> Probe:
        """Return the data on which an error of any element shows: integers whose sums do not round."""
        return _SHARP if self.accuracy.exact else _SHARP_FOR_TRANSFORMS

    @cached_property
    def small(self) -> "Trial | None":
        """Return the same trial on a problem so small that many calls cost little.

        It is the problem itself where that is small, else a smaller one of its kind, and None where
        the implementation supports none.
        """
        problem = smaller(self.problem)
        if problem == self.problem:
            return self
        if self.refuses(problem):
            return None
        return self.on(problem)

    def refuses(self, problem: Problem) -> bool:
        """Say whether a problem that nobody but the oracle has thought of is out of reach."""
        try:
            return bool(self.host.refuses(problem))
        except PluginError:  # its `when=` knows the problems that it was written for
            return True

    def on(self, problem: Problem) -> "Trial":
        """Return the same trial on another problem."""
        return replace(self, bank=self.banks(problem), first={})

    def deal(self, probe: Probe, draw: int = 0) -> tuple[Operands, Truth]:
        """Return a probe's operands and their true output."""
        return self.bank.deal(probe, self.accuracy, draw)

    def bound(self, operands: Operands, given: Operands | None = None) -> Held:
        """Return the implementation bound to operands; raises `KernelError`."""
        return self.host.bind(self.problem, operands, given)

    def output(self, operands: Operands, given: Operands | None = None, poison: float | None = None) -> Array:
        """Return what one call gives, if it keeps the contract; with `poison` in memory full of that.

        Raises `KernelError` and `BreachError`.
        """
        handed, output = self.host.tried(self.problem, operands, given, poison)
        return checked_output(self.implementation, self.problem, output, handed, operands)

    def checked(self, bound: Held, output: Output, operands: Operands) -> Array:
        """Return an output's numbers, if it keeps the contract; raises `BreachError`."""
        return checked_output(self.implementation, self.problem, output, bound.given, operands)

    def judged(self, layer: str, probe: Probe, draw: int = 0) -> Verdict:
        """Run once on a probe's data and compare."""
        operands, true = self.deal(probe, draw)
        y = self.first.pop(probe, None) if draw == 0 else None
        return self.compared(layer, self.output(operands) if y is None else y, true, exact=probe.exact)

    def compared(self, layer: str, y: Array, true: Truth, *, exact: bool, given: str = "") -> Verdict:
        """Return the verdict on an output; `given` says what was unusual about the call."""
        flushes = self.implementation.flushes_subnormals
        found = compare(y, true, self.accuracy, exact_data=exact, flushes=flushes)
        if found.where is None:
            return _with_errors(Verdict("passed", seed=self.bank.seed), found)
        status, reason = "wrong", found.reason or ""
        # How precise it is was settled before those layers, on numbers of the same kind.
        if found.imprecise and layer not in _LATE:
            status = "imprecise"
            bits = significant_bits(y, true)
            if bits < (self.accuracy.bits or accumulator_bits(self.problem.dtype)):
                reason += f"; as exact as some {bits} significant bits"
        verdict = self.failure(status, reason, layer, given)
        return _with_errors(replace(verdict, where=str(list(found.where))), found)

    def failure(self, status: str, reason: str, layer: str | None, given: str = "") -> Verdict:
        """Return a failed verdict with the command that shows it again."""
        return Verdict(status, f"with {given}: {reason}" if given else reason, layer, seed=self.bank.seed)


def _with_errors(verdict: Verdict, found: Comparison) -> Verdict:
    return replace(
        verdict,
        error_u=found.error_u,
        error_bound_u=found.error_bound_u,
        error_max_abs=found.error_max_abs,
        error_rel_l2=found.error_rel_l2,
    )


def reproduction(
    command: str, implementation: Implementation, what: Sequence[str], level: str, seed: int
) -> str:
    """Return the command line that runs an implementation again, on the same data.

    `what` are the words that select it: `--problem` with a canonical string, or a suite's case.
    """
    words = ["convharness", command, "--implementation", implementation.own_name, *what]
    if implementation.origin in ("file", "folder"):
        words += ["--plugin", str(implementation.source)]
    if level != "standard":
        words += ["--level", level]
    return shlex.join([*words, "--seed", str(seed)])
