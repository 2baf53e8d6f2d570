"""The timing of a case: implementations are bound to fresh data, timed as rivals, and checked again.

Every pass has new processes, because where a process's memory lies affects its speed. A kernel that
was right when verified may be wrong when timed, so in every pass the output of one timed call, drawn
at random, is compared with the true one before its time counts; and so are the outputs of a few more
calls on new input.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from math import inf
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter, process_time

from ..execution.host import Held, Host, Timed
from ..execution.kernel_call import KernelError, Output
from ..machine.interference import Conditions, Snapshot, alone, processors_in_turn, summary
from ..measure.rounds import Samples, measure
from ..measure.stopwatch import Clock, Effort
from ..numerics.operands import Operands, timed, timed_integers
from ..oracle.timed_output import Chain, Expected
from ..plugins.declaration import Implementation
from ..plugins.discovery import held_by
from ..problems.problem import Problem
from ..problems.suite import Case
from ..runs.record import Measurement
from ..workers import WorkerPool
from .rival_state import RivalState, TimingFailure

_FRESH_CALLS = 3
_FRESH_RATIO = 3.0
_FRESH_SLACK_S = 20e-6
"""A call on new input may take this much longer: its data was just written, and code has left the caches."""

_MOST_REPEATS = 2
"""How many passes of a case are repeated because other processes used the processors."""

_CONTROL = " (again)"
"""Ends the name of an A/A control: the same implementation as one more rival."""


@dataclass(frozen=True)
class Clocks:
    """What is read while a case is timed: the time, this process's processor time, the machine's counters."""

    time_s: Clock = perf_counter
    own_s: Clock = process_time
    machine: Callable[[], Snapshot] = Snapshot.now


Make = Callable[[Problem, int], Operands]
"""Makes the data of a problem from a seed."""


def time_case(  # noqa: PLR0913 by name, all but what is timed
    case: Case,
    implementations: Sequence[Implementation],
    effort: Effort,
    *,
    seed: int,
    random: Random,
    pool: WorkerPool,
    baseline: str | None = None,
    reference: bool = False,
    clocks: Clocks | None = None,
) -> dict[str, Measurement | TimingFailure]:
    """Time implementations side by side on one case, on data that the oracle has not used.

    One of them, drawn at random, has an A/A control: the same implementation as one more rival. How
    far the two are apart is what the machine's noise alone can cause. The others are measured until
    their ratio to `baseline`, or to the fastest, is known as precisely as `effort` asks. With
    `reference` the engine's own convolution is one more rival, whose samples every measurement then
    holds: a measure of the machine that no implementation can change.
    """
    make = timed_integers if len(case.problems) == 1 else timed  # sums of a chain are not exact
    layers = [(problem, make(problem, seed)) for problem in case.problems]
    timing = _CaseTiming(layers, make, effort, seed, random, pool, clocks or Clocks())
    for one in implementations:
        timing.enter(RivalState(one.name, one))
    if implementations:
        drawn = random.choice(list(implementations))
        timing.enter(RivalState(drawn.name + _CONTROL, drawn, is_judged=False))
    if reference:
        timing.enter(RivalState(_reference().name, _reference(), is_judged=False))
    timing.run(baseline)
    return {one.name: timing.outcome(one.name) for one in implementations}


@cache
def _reference() -> Implementation:
    """Return the engine's own convolution, as something that workers can load."""
    path = Path(__file__).with_name("reference_plugin.py")
    return held_by(path, "file", path.stem).implementations[0]


@dataclass
class _Entry:
    """The state of a rival in one pass: the host of its layers, and the rival that times them."""

    state: RivalState
    host: Host
    chain: Sequence[Held]
    rival: Timed


class _CaseTiming:
    """All rivals of a case, pass by pass."""

    def __init__(
        self,
        layers: Chain,
        make: Make,
        effort: Effort,
        seed: int,
        random: Random,
        pool: WorkerPool,
        clocks: Clocks,
    ) -> None:
        self._layers = layers
        self._make = make
        self._effort = effort
        self._seed = seed
        self._random = random
        self._pool = pool
        self._clocks = clocks
        self._states: dict[str, RivalState] = {}
        self._expected = Expected(layers, seed)
        self._repeats = 0
        self._held = 0

    def enter(self, state: RivalState) -> None:
        """Add a rival."""
        self._states[state.name] = state

    def run(self, baseline: str | None) -> None:
        """Hold passes as long as a rival needs one."""
        implementations = [one.implementation for one in self._states.values()]
        self._pool.prepare(implementations, self._effort.generations)
        while True:
            anchor = self._anchor(baseline)
            active = [one for one in self._states.values() if one.goes_on(self._effort, anchor)]
            if not active:
                return
            if anchor is not None and anchor not in active:
                active.append(anchor)
            self._pass(active)

    def _anchor(self, baseline: str | None) -> RivalState | None:
        """Return the rival that the others' ratios are taken to, once there are samples.

        It takes part in every pass, from the first to the last, as passes are paired by number.
        """
        timed = [one for one in self._states.values() if one.passes and one.failure is None]
        most = max((len(one.passes) for one in timed), default=0)
        timed = [one for one in timed if len(one.passes) == most]
        chosen = [one for one in timed if one.name == baseline]
        return min(chosen or timed, key=lambda one: median(one.passes[0][1]), default=None)

    def _pass(self, states: Sequence[RivalState]) -> None:
        """Time rivals in new processes; repeat that if other processes used the processors meanwhile."""
        clocks, number = self._clocks, max(len(one.passes) for one in states)
        generation = number % self._effort.generations
        with alone(), self._pool.fresh_hosts(generation) as host:
            before, own_s = clocks.machine(), clocks.own_s()
            entries = list(self._entries(states, host))
            rivals = [one.rival for one in entries]
            known = {one.name: one.call_s for one in states}
            taken = measure(rivals, self._effort, random=self._random, known=known, clock=clocks.time_s)
            own_s = clocks.own_s() - own_s + sum(one.host.cpu_s() for one in entries)
            met = Conditions.between(before, clocks.machine(), own_s=own_s, threads=self._pool.threads)
            again = met.is_disturbed and self._repeats < _MOST_REPEATS and self._is_short(taken)
            for entry in entries:
                self._look(entry, taken[entry.state.name], is_first=number == 0, is_kept=not again)
        for entry in entries:  # a pass that is repeated has been paid for, too
            entry.state.spent_s += taken[entry.state.name].spent_s
        if again:
            self._repeats += 1
            return
        for entry in entries:
            entry.state.miss_until(number, self._effort.generations)
            _keep(entry, taken[entry.state.name], generation, met)

    def _is_short(self, taken: dict[str, Samples]) -> bool:
        """Say whether a pass took no longer than planned, so that it can be repeated."""
        return all(one.spent_s <= 2 * self._effort.pass_s for one in taken.values())

    def _entries(
        self, states: Sequence[RivalState], host: Callable[[Implementation], Host]
    ) -> Iterator[_Entry]:
        """Bind each rival to its data; one that fails is excluded.

        All rivals of a pass share the same processors, so that a disturbance affects all alike.
        """
        processors = processors_in_turn(self._pool.threads, self._held)
        self._held += 1
        for one in states:
            start = self._clocks.time_s()
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
                one.spent_s += self._clocks.time_s() - start

    def _look(self, entry: _Entry, taken: Samples, *, is_first: bool, is_kept: bool) -> None:
        """Check the output of what was timed, and whether its times are believable."""
        one = entry.state
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
        """Return why a rival is still suspicious after calls on new input, or None.

        One that takes much longer on new input remembers results by their input. One call that takes
        no longer than usual clears it, as does one output that is there when it is asked for, so that
        a disturbance by other processes does not count.

        Raises `KernelError` where it raises on new input, or its output is wrong.
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
        """Return the expected outputs of the chain on inputs that it was not timed on."""
        (problem, operands), *further = self._layers
        seeds = range(self._seed + 1, self._seed + 1 + _FRESH_CALLS)
        return [
            Expected([(problem, replace(operands, x=self._make(problem, seed).x)), *further], self._seed)
            for seed in seeds
        ]

    def outcome(self, name: str) -> Measurement | TimingFailure:
        """Return a rival's measurement, or why it could not be timed."""
        one = self._states[name]
        if one.failure is not None:
            return one.failure
        control = self._states.get(name + _CONTROL)
        reference = self._states.get(_reference().name)
        return Measurement(
            passes=tuple(one.passes),
            numbers=tuple(one.numbers),
            plan_s=median(one.plans_s) if one.plans_s else None,
            first_call_s=median(one.first_calls_s),
            peak_memory_bytes=one.peak_memory_bytes,
            twin=tuple(control.passes) if control else (),
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
    """Add the samples of a pass to the state of a rival."""
    one = entry.state
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
