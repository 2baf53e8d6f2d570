"""The trial of an implementation on one problem: runs it, compares its output, and says what is wrong."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ..errors import PluginError
from ..execution.host import Held, Host
from ..execution.kernel_call import Output
from ..numerics.accuracy import LOCALITIES, Accuracy, Truth, accumulator_bits
from ..numerics.arrays import Array
from ..numerics.operands import Operands, sparse_integers, storable_sums, wide_x
from ..plugins.declaration import Implementation
from ..problems.problem import Problem
from ..problems.reduced_problem import smaller_ones
from .memory_estimate import too_large
from .output import checked_output
from .output_errors import Comparison, compare, significant_bits
from .probe_data import Probe, ProbeData
from .verdict import Verdict

LEVELS = ("quick", "standard", "thorough")

_SHARP = Probe(wide_x, exact=True)
_SHARP_AT_SIZE = Probe(storable_sums, exact=True)
_SHARP_FOR_TRANSFORMS = Probe(sparse_integers, exact=True)


@dataclass(frozen=True)
class Trial:
    """What the layers of the oracle work with: the implementation, the problem with its data, the level.

    `data` is that of the problem; `data_on` returns that of another problem.
    """

    host: Host
    data: ProbeData
    level: str
    data_on: Callable[[Problem], ProbeData] = field(repr=False)
    first: dict[Probe, Array] = field(default_factory=dict, repr=False)
    """The output of the first call by its probe, which `judged` uses once instead of calling again."""
    found: dict[str, Any] = field(default_factory=dict, repr=False)
    """The traits that layers have met on their way, by name."""
    layer: str | None = None
    """The name of the layer whose check runs; its verdicts carry it."""
    may_be_imprecise: bool = True
    """Whether an output that looks like the right one in a lower precision is imprecise, not wrong."""

    @property
    def implementation(self) -> Implementation:
        """Return the implementation that is judged."""
        return self.host.implementation

    @property
    def problem(self) -> Problem:
        """Return the problem."""
        return self.data.problem

    @property
    def accuracy(self) -> Accuracy:
        """Return the accuracy class that the implementation declares."""
        return self.implementation.accuracy

    @property
    def draws(self) -> int:
        """Return how many times a layer draws its data."""
        return 3 if self.level == "thorough" else 1

    @property
    def is_thorough(self) -> bool:
        """Say whether the level uses every probe."""
        return self.level == "thorough"

    @property
    def has_narrow_products(self) -> bool:
        """Say whether products may be computed by instructions for bfloat16 or a similar type.

        Such instructions (AVX512-BF16, AMX) flush subnormals, and multiply in pairs that are filled
        up with zeros, through which a NaN reaches an output next to those that read it. No kernel
        that uses them can avoid that.
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
        """Return the data on which an error of any element shows: integers whose sums do not round.

        Weighted sums of a large output show all of them only where the storage does not round either.
        """
        if not self.accuracy.exact:
            return _SHARP_FOR_TRANSFORMS
        return _SHARP_AT_SIZE if self.data.is_large else _SHARP

    @cached_property
    def reduced(self) -> "Trial":
        """Return the same trial on a problem so small that many calls cost little.

        It is this trial where the problem is small. Where the implementation supports none of the smaller
        problems, all of the output is computed, whatever its size.
        """
        for problem in smaller_ones(self.problem):
            if not self.refuses(problem):
                return self.on(problem)
        return replace(self, data=self.data.whole) if self.data.is_large else self

    def refuses(self, problem: Problem) -> bool:
        """Say whether the implementation refuses a problem that the oracle has derived."""
        try:
            return bool(self.host.refuses(problem))
        except PluginError:  # its `when=` may be written for the problems of its own suite only
            return True

    def has_memory_for(self, contents: int) -> bool:
        """Say whether that many contents of the operands at once fit into memory."""
        return too_large(self.problem, self.data.full, contents=contents) is None

    def on(self, problem: Problem) -> "Trial":
        """Return the same trial on another problem."""
        return replace(self, data=self.data_on(problem), first={})

    def data_of(self, probe: Probe, draw: int = 0) -> tuple[Operands, Truth]:
        """Return a probe's operands and their true output."""
        return self.data.of(probe, self.accuracy, draw)

    def bound(self, operands: Operands, given: Operands | None = None, *, protected: bool = False) -> Held:
        """Return the implementation bound to operands, as `Host.bind` does; raises `KernelError`."""
        return self.host.bind(self.problem, operands, given, protected=protected)

    def output(self, operands: Operands, given: Operands | None = None, poison: float | None = None) -> Array:
        """Return the output (N, O, *size) of one call; with `poison`, in fresh memory that is full of it.

        Raises `KernelError` and `BreachError`.
        """
        handed, output = self.host.tried(self.problem, operands, given, poison)
        return checked_output(self.implementation, self.problem, output, handed, operands)

    def checked(self, bound: Held, output: Output, operands: Operands) -> Array:
        """Return the numbers of an output that keeps the contract; raises `BreachError`."""
        return checked_output(self.implementation, self.problem, output, bound.given, operands)

    def judged(self, probe: Probe, draw: int = 0) -> Verdict:
        """Run once on a probe's data and compare."""
        operands, true = self.data_of(probe, draw)
        y = self.first.pop(probe, None) if draw == 0 else None
        y = self.output(operands) if y is None else y
        return self.compared(y, true, exact=probe.exact, random=probe.random)

    def compared(
        self, y: Array, true: Truth, *, exact: bool, random: bool = False, given: str = ""
    ) -> Verdict:
        """Return the verdict on an output; `given` says what was unusual about the call."""
        flushes = self.implementation.flushes_subnormals
        found = compare(y, true, self.accuracy, exact_data=exact, flushes=flushes, random_data=random)
        if found.where is None:
            return _with_errors(Verdict("passed", seed=self.data.seed), found)
        status, reason = "wrong", found.reason or ""
        if found.imprecise and self.may_be_imprecise:
            status = "imprecise"
            bits = significant_bits(y, true)
            if bits < (self.accuracy.bits or accumulator_bits(self.problem.dtype)):
                reason += f"; as exact as some {bits} significant bits"
        verdict = self.failure(status, reason, given)
        return _with_errors(replace(verdict, where=str(list(found.where))), found)

    def failure(self, status: str, reason: str, given: str = "") -> Verdict:
        """Return a failed verdict in the name of the layer whose check runs."""
        reason = f"with {given}: {reason}" if given else reason
        return Verdict(status, reason, self.layer, seed=self.data.seed)


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
    """Return the command line that runs an implementation again on the same data.

    `what` are the words that select the problem: `--problem` with a canonical string, or a suite's case.
    """
    words = ["convharness", command, "--implementation", implementation.own_name, *what]
    if implementation.origin in ("file", "folder"):
        words += ["--plugin", str(implementation.source)]
    if level != "standard":
        words += ["--level", level]
    return shlex.join([*words, "--seed", str(seed)])
