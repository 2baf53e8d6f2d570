"""One case on the stopwatch: implementations bound to fresh data, timed as rivals, checked again.

Every pass has processes that nobody has used, because a process has its own luck with memory. What
was right when it was verified may be wrong when it is timed, so in every pass the output of one of
the timed calls, nobody knows which, is compared with the true one before its time counts; and so are
those of a few more calls, on input that was never there.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from math import inf
from pathlib import Path
from random import Random
from statistics import median

from ..execution.host import Held, Host, Timed
from ..execution.kernel_call import KernelError, Output
from ..machine.interference import Conditions, Snapshot, alone, processors_in_turn, summary
from ..measure.rounds import Samples, measure
from ..measure.stopwatch import Effort
from ..numerics.operands import Operands, timed, timed_integers
from ..oracle.timed import Expected, Layers
from ..plugins.declaration import Implementation
from ..plugins.registry import held_by
from ..problems.problem import Problem
from ..problems.suite import Case
from ..runs.record import Measurement
from ..workers import Staff
from .contestant import Contestant, TimingFailure

_FRESH_CALLS = 3
_FRESH_RATIO = 3.0
_FRESH_SLACK_S = 20e-6
"""A call on new input may take so much longer: data has just been written, and code gone cold."""

_MOST_REPEATS = 2
"""Passes of a case that are taken again because others used the processors."""

_TWIN = " (again)"

Make = Callable[[Problem, int], Operands]
"""Makes the data of a problem from a seed."""


def time_case(  # noqa: PLR0913 by name, all but what is timed
    case: Case,
    implementations: Sequence[Implementation],
    effort: Effort,
    *,
    seed: int,
    random: Random,
    staff: Staff,
    baseline: str | None = None,
    reference: bool = False,
) -> dict[str, Measurement | TimingFailure]:
    """Time implementations side by side on one case, on data that the oracle has not used.

    One of them, drawn by lot, has a rival that is the same: how far the two are apart is what the
    machine's noise alone can do. The others are measured until their ratio to `baseline`, or to the
    fastest, is known as precisely as `effort` asks. With `reference` the engine's own reference is
    one more rival, whose samples every measurement then holds: a measure of the machine that no
    implementation can change.
    """
    make = timed_integers if len(case.problems) == 1 else timed  # sums of a chain are not exact
    layers = [(problem, make(problem, seed)) for problem in case.problems]
    contest = _Contest(layers, make, effort, seed, random, staff)
    for one in implementations:
        contest.enter(Contestant(one.name, one))
    if implementations:
        drawn = random.choice(list(implementations))
        contest.enter(Contestant(drawn.name + _TWIN, drawn, is_judged=False))
    if reference:
        contest.enter(Contestant(_reference().name, _reference(), is_judged=False))
    contest.run(baseline)
    return {one.name: contest.outcome(one.name) for one in implementations}


@cache
def _reference() -> Implementation:
    """Return the engine's own convolution, as something that workers can load."""
    return held_by(
        Path(__file__).with_name("reference_plugin.py"), "file", "reference_plugin"
    ).implementations[0]


@dataclass
class _Entry:
    """A contestant in one pass: what holds its layers, and what times them."""

    contestant: Contestant
    host: Host
    chain: Sequence[Held]
    rival: Timed


class _Contest:
    """All rivals of a case, pass by pass."""

    def __init__(
        self, layers: Layers, make: Make, effort: Effort, seed: int, random: Random, staff: Staff
    ) -> None:
        self._layers = layers
        self._make = make
        self._effort = effort
        self._seed = seed
        self._random = random
        self._staff = staff
        self._contestants: dict[str, Contestant] = {}
        self._expected = Expected(layers, seed)
        self._repeats = 0
        self._held = 0

    def enter(self, contestant: Contestant) -> None:
        """Add a rival."""
        self._contestants[contestant.name] = contestant

    def run(self, baseline: str | None) -> None:
        """Hold passes as long as anybody needs one."""
        everybody = [one.implementation for one in self._contestants.values()]
        self._staff.prepare(everybody, self._effort.generations)
        while True:
            anchor = self._anchor(baseline)
            active = [one for one in self._contestants.values() if one.goes_on(self._effort, anchor)]
            if not active:
                return
            if anchor is not None and anchor not in active:
                active.append(anchor)
            self._pass(active)

    def _anchor(self, baseline: str | None) -> Contestant | None:
        """Return the rival to which the others' ratios are to be known, once there are some.

        It has been there from the first pass to the last, and will be: passes are paired by number.
        """
        timed = [one for one in self._contestants.values() if one.passes and one.failure is None]
        most = max((len(one.passes) for one in timed), default=0)
        timed = [one for one in timed if len(one.passes) == most]
        chosen = [one for one in timed if one.name == baseline]
        return min(chosen or timed, key=lambda one: median(one.passes[0][1]), default=None)

    def _pass(self, contestants: Sequence[Contestant]) -> None:
        """Time some rivals in new processes; take it again if others used the processors meanwhile."""
        number = max(len(one.passes) for one in contestants)
        generation = number % self._effort.generations
        with alone(), self._staff.anew(generation) as host:
            before = Snapshot.now()
            ours = time.process_time()
            entries = list(self._entries(contestants, host))
            rivals = [one.rival for one in entries]
            known = {one.name: one.call_s for one in contestants}
            taken = measure(rivals, self._effort, random=self._random, known=known)
            ours = time.process_time() - ours + sum(one.host.cpu_s() for one in entries)
            met = Conditions.between(before, Snapshot.now(), own_s=ours, threads=self._staff.threads)
            again = met.is_disturbed and self._repeats < _MOST_REPEATS and self._is_short(taken)
            for entry in entries:
                self._look(entry, taken[entry.contestant.name], is_first=number == 0, is_kept=not again)
        for entry in entries:  # what is taken again has its price, too
            entry.contestant.spent_s += taken[entry.contestant.name].spent_s
        if again:
            self._repeats += 1
            return
        for entry in entries:
            entry.contestant.miss_until(number, self._effort.generations)
            _keep(entry, taken[entry.contestant.name], generation, met)

    def _is_short(self, taken: dict[str, Samples]) -> bool:
        """Say whether a pass took no longer than planned, so that it can be taken again."""
        return all(one.spent_s <= 2 * self._effort.pass_s for one in taken.values())

    def _entries(
        self, contestants: Sequence[Contestant], host: Callable[[Implementation], Host]
    ) -> Iterator[_Entry]:
        """Hand each contestant its data; who fails at that is out.

        All of a pass share their processors, as what disturbs one of these must disturb all alike.
        """
        processors = processors_in_turn(self._staff.threads, self._held)
        self._held += 1
        for one in contestants:
            start = time.perf_counter()
            try:
                new = host(one.implementation)
                new.pin(processors)
                chain = [new.bind(problem, operands) for problem, operands in self._layers]
                rival = new.rival(one.name, chain, cold=self._effort.cache == "cold")
            except (KernelError, MemoryError) as error:
                one.fail(error)
            else:
                yield _Entry(one, new, chain, rival)
            finally:
                one.spent_s += time.perf_counter() - start

    def _look(self, entry: _Entry, taken: Samples, *, is_first: bool, is_kept: bool) -> None:
        """See whether what was timed was right, and can have taken so long, unless others took the time."""
        one = entry.contestant
        if taken.error is not None:
            one.fail(taken.error)
            return
        if not one.is_judged:
            return
        try:
            self._check(self._expected, entry, taken.seen)
            suspicion = entry.rival.suspicion()
            if is_first or suspicion or one.suspicions:
                suspicion = self._on_new_input(entry, taken)
            if is_first and len(entry.chain) == 1:
                one.peak_memory_bytes = entry.host.peak_memory(entry.chain[0])
        except KernelError as error:
            one.fail(error)
        else:
            if suspicion and is_kept:
                one.suspect(suspicion)

    @staticmethod
    def _check(expected: Expected, entry: _Entry, output: Output) -> None:
        """Raise `KernelError` for an output that is wrong."""
        if failure := expected.failure(entry.chain[-1], output):
            raise failure

    def _on_new_input(self, entry: _Entry, taken: Samples) -> str | None:
        """Return what is still doubtful of a rival after calls on new input, or None.

        One that takes much longer on it remembers results by their input. A call that takes no longer
        than usual will do, and so will an output that is there when it is asked for, so that a
        disturbance of others is no matter.

        Raises `KernelError` where it raises on new input, or gives what is wrong.
        """
        usual = median(taken.seconds)
        enough = _FRESH_RATIO * usual + _FRESH_SLACK_S
        fastest = inf
        for other in self._others:
            fastest = min(fastest, entry.rival.once(other.x))
            self._check(other, entry, entry.rival.seen())
            suspicion = entry.rival.suspicion()
            if fastest <= enough and suspicion is None:
                return None
        if fastest <= enough:
            return suspicion
        seen = f"takes {fastest:.2g} s on input that it has not seen and {usual:.2g} s on input that it has"
        return f"{seen}; results may not be remembered"

    @cached_property
    def _others(self) -> "list[Expected]":
        """Return what the chain gives on inputs that it was not timed on."""
        (problem, operands), *further = self._layers
        seeds = range(self._seed + 1, self._seed + 1 + _FRESH_CALLS)
        return [
            Expected([(problem, replace(operands, x=self._make(problem, seed).x)), *further], self._seed)
            for seed in seeds
        ]

    def outcome(self, name: str) -> Measurement | TimingFailure:
        """Return what came of a rival."""
        one = self._contestants[name]
        if one.failure is not None:
            return one.failure
        twin = self._contestants.get(name + _TWIN)
        reference = self._contestants.get(_reference().name)
        return Measurement(
            passes=tuple(one.passes),
            numbers=tuple(one.numbers),
            plan_s=median(one.plans_s) if one.plans_s else None,
            first_call_s=median(one.first_calls_s),
            peak_memory_bytes=one.peak_memory_bytes,
            twin=tuple(twin.passes) if twin else (),
            reference=tuple(reference.passes) if reference else (),
            cache=self._effort.cache,
            conditions=summary(
                one.conditions,
                repeated_samples=one.repeated,
                disturbed_samples=one.disturbed,
                repeated_blocks=self._repeats,
                processors=round(one.processors, 2),
            ),
        )


def _keep(entry: _Entry, taken: Samples, generation: int, met: Conditions) -> None:
    """Add what a pass has shown of a contestant."""
    one = entry.contestant
    one.call_s = taken.call_s
    if one.failure is not None:
        return
    plans = [held.plan_s for held in entry.chain if held.plan_s is not None]
    one.plans_s += [sum(plans)] if plans else []
    one.first_calls_s += [taken.first_call_s] if taken.first_call_s is not None else []
    one.passes.append((generation, tuple(taken.seconds)))
    one.numbers.append(taken.number)
    one.conditions.append(met)
    one.repeated += taken.repeated
    one.disturbed += taken.disturbed
    one.processors = max(one.processors, entry.rival.processors)
