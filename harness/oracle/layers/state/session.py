"""Many calls on one set of buffers, whose content changes in between."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import perf_counter

import numpy as np

from ....execution.kernel_call import MOST_KEPT
from ....numerics.accuracy import Truth
from ....numerics.arrays import Array
from ....numerics.operands import Operands, wide_weight
from ...output import BreachError
from ...probe_data import Probe
from ...trial import Trial
from ...verdict import Verdict

_CALLS = {"standard": 24, "thorough": 150}
_SECONDS = {"standard": 0.03, "thorough": 0.4}
"""How long they may take: long enough to show a fault in one of a hundred calls of a fast kernel."""

_LATE_S = 0.5
"""How long the check waits for threads that calls have left running."""

Content = tuple[Operands, Truth]


class Session:
    """Calls on one set of buffers, the latest outputs kept."""

    def __init__(self, trial: Trial, operands: Operands) -> None:
        self._trial = trial
        self._bound = trial.bound(operands)
        self._kept: deque[Array] = deque(maxlen=MOST_KEPT)

    def call(self, operands: Operands) -> Array:
        """Return the output of a call, and keep it."""
        y = self._trial.checked(self._bound, self._bound.output(), operands)
        self._kept.append(y)
        return y

    def judged(self, content: Content, given: str) -> Verdict:
        """Fill the buffers, call and compare."""
        operands, true = content
        self.fill(operands)
        return self._trial.compared(self.call(operands), true, exact=True, given=given)

    def fill(self, operands: Operands) -> None:
        """Put other content into the same memory; plan again where planned weights change."""
        given = self._bound.given.items()
        changed = [
            name for name, array in operands.items().items() if array.tobytes() != given[name].tobytes()
        ]
        for name in changed:
            self._bound.refill(name, operands.items()[name])
        if self._trial.implementation.is_plan and set(changed) - {"x"}:
            self._bound = self._trial.bound(operands, self._bound.given)
            self._kept.clear()

    def refills(self) -> Iterator[Verdict]:
        """Change x, the weight and the bias in place: all numbers, their signs, their size, one number."""
        trial = self._trial
        first, second = trial.data_of(trial.sharp)[0], trial.data_of(trial.sharp, 1)[0]
        now = first
        for name, array in second.items().items():
            now = replace(now, **{name: array})
            yield self.judged(content_of(trial, now, f"other {name}"), f"other numbers in the same {name}")
        changes = _CHANGES if trial.is_thorough else _CHANGES[:1]
        for word, change in changes:
            for name, array in now.items().items():
                if array.size == 0:
                    continue
                now = replace(now, **{name: change(array)})
                yield self.judged(content_of(trial, now, f"{word} {name}"), f"{word} in the same {name}")
        if trial.is_thorough and trial.accuracy.exact and now.weight.size:
            wide = trial.data_of(Probe(wide_weight, exact=True))
            yield self.judged(wide, "wide weights")
            moved = replace(wide[0], weight=_one_moved(wide[0].weight))
            yield self.judged(
                content_of(trial, moved, "wide moved"), "one number moved in the same wide weight"
            )

    def survives_its_caller(self) -> Iterator[Verdict]:
        """Overwrite the last output, as its caller may, then call again; call again after a NaN."""
        content = self._trial.data_of(self._trial.sharp)
        self.fill(content[0])
        self._bound.output()
        self._bound.overwrite()
        yield self.judged(content, "its last output overwritten")
        if self._trial.is_thorough:
            spoilt = replace(content[0], x=np.full_like(content[0].x, np.nan))
            self.fill(spoilt)
            self.call(spoilt)
            yield self.judged(content, "a NaN in the call before")

    def many(self) -> Iterator[Verdict]:
        """Call many times with changing x, until a call fails or the time is up."""
        trial = self._trial
        first = trial.data_of(trial.sharp)[0]
        contents = [
            content_of(trial, replace(first, x=trial.data_of(trial.sharp, draw)[0].x), f"x of draw {draw}")
            for draw in range(3)
        ]
        end = perf_counter() + _SECONDS[trial.level]
        for count in range(_CALLS[trial.level]):
            verdict = self.judged(contents[count % len(contents)], f"{count + 1} calls before")
            if verdict.failed or perf_counter() > end:
                yield verdict
                return
        yield Verdict("passed", seed=trial.data.seed)

    def compare_the_kept(self) -> None:
        """Compare the latest outputs with what they were: no later call and no thread may change them."""
        now = self._bound.kept(_LATE_S)
        for before, after in zip(reversed(self._kept), reversed(now), strict=False):
            if after.y is None or before.tobytes() != after.y.tobytes():
                raise BreachError("changed an output that it had returned before, want a new one every call")


def content_of(trial: Trial, operands: Operands, word: str) -> Content:
    """Return operands with their true output, made once per problem and kind of data."""
    key = ("state", word, trial.accuracy.bits, trial.accuracy.exact)
    return trial.data.once(key, lambda: (operands, trial.data.true_output(operands, exact=True)))


def _negated(array: Array) -> Array:
    return -array


def _halved(array: Array) -> Array:
    return (array.astype(np.float64) / 2).astype(array.dtype)


def _exchanged(array: Array) -> Array:
    """Return an array with two elements exchanged: its first, its last, its sum and its norm stay."""
    flat = array.reshape(-1).copy()
    middle = flat.size // 2
    others = np.flatnonzero(flat != flat[middle])
    if others.size:
        other = others[others.size // 2]
        flat[[middle, other]] = flat[[other, middle]]
    return flat.reshape(array.shape)


def _one_moved(array: Array) -> Array:
    """Return an array whose last element is nearer to zero by its last bit that is set."""
    flat = array.reshape(-1).copy()
    numerator, denominator = float(flat[-1]).as_integer_ratio()
    last_bit = (numerator & -numerator) / denominator
    flat[-1] = float(flat[-1]) - np.copysign(last_bit, float(flat[-1]))
    return flat.reshape(array.shape)


_CHANGES: tuple[tuple[str, Callable[[Array], Array]], ...] = (
    ("two numbers exchanged", _exchanged),
    ("all signs turned round", _negated),
    ("all numbers halved", _halved),
    ("one number moved", _one_moved),
)
