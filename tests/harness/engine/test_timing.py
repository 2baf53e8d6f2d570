"""Timing a case: which rivals go on, which are excluded, which samples are kept, and what is recorded.

No test waits and none depends on chance: all hosts are in this process, calls advance a simulated clock,
and each test sets how busy the CPUs are.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import log
from random import Random
from statistics import median
from typing import Any

import numpy as np
import pytest

from convharness import Case, Implementation, Measurement, Problem, plan
from convharness.engine import timing
from convharness.engine.rival_state import TimingFailure
from convharness.engine.timing import Clocks, time_case
from convharness.execution.kernel_call import KernelError, chained, guarded
from convharness.execution.local_host import LocalHost, LocalRival
from convharness.machine.interference import Snapshot
from convharness.measure.stats import paired_estimate, paired_logarithms, paired_ratio
from convharness.measure.stopwatch import Effort, Turn
from convharness.zoo.convolution import Asked, convolve, made
from tests.making import case_of, declared

CASE = case_of("n1c1h2w2-o1k1-float32")
CALL_S = 2**-7
SAMPLES = 10
"""A pass of 0.09 s has one call to warm up and ten more, each of them a sample."""


class Short(Effort):
    """An effort of five generations, with passes of 0.09 s."""

    generations = 5  # type: ignore[assignment]
    pass_s = 0.09  # type: ignore[assignment]


class Long(Effort):
    """An effort of ten generations, with passes of half a second."""

    generations = 10  # type: ignore[assignment]
    pass_s = 0.5  # type: ignore[assignment]


EFFORT = Short(budget_s=0.7)  # time for each generation once, and a little more
LONG = Long(budget_s=10.0)  # time for twenty passes and more

Cost = float | Callable[["World"], float]


class World:
    """A simulated machine: a clock that calls advance, CPUs in use by other processes, costs of calls.

    `foreign` has the number of CPUs that other processes use, by the index of the pass.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.own_s = 0.0
        self.busy_s = 0.0
        self.held: list[int] = []
        self.prepared: list[tuple[list[str], int]] = []
        self.colds: list[bool] = []
        self.foreign: dict[int, float] = {}
        self.costs: dict[str, Cost] = {}
        self.doubts: Callable[[str, World], str | None] = lambda name, world: None
        self.peaks: list[str] = []
        self.waits: dict[str, float] = {}
        self.refusals: dict[str, BaseException] = {}
        self.pins: list[tuple[int, list[int]]] = []
        self.alone = 0

    @property
    def place(self) -> int:
        """Return the index of this pass among all that were held."""
        return len(self.held) - 1

    @property
    def generation(self) -> int:
        """Return the generation of this pass."""
        return self.held[-1]

    def clock(self) -> float:
        """Return the time in seconds; reading it takes none."""
        return self.now

    @property
    def clocks(self) -> Clocks:
        """Return the clocks of this world."""
        return Clocks(self.clock, lambda: self.own_s, self.snapshot)

    def work(self, seconds: float) -> None:
        """Advance the clock while this process works, beside the other processes of this pass."""
        self.now += seconds
        self.own_s += seconds
        self.busy_s += seconds * (1 + self.foreign.get(self.place, 0.0))

    def call_s(self, name: str) -> float:
        """Return the seconds of a call, by default the same for all implementations."""
        cost = self.costs.get(name, CALL_S)
        return cost(self) if callable(cost) else cost

    def snapshot(self) -> Snapshot:
        """Return the counters of the machine."""
        return Snapshot(self.now, self.busy_s, 0.0, None, 0, None, None, 0.0)

    @contextmanager
    def alone_here(self) -> Iterator[None]:
        """Count as alone on the machine while the context lasts."""
        self.alone += 1
        yield
        self.alone -= 1


class Rival(LocalRival):
    """A rival whose suspicions and waits come from the world."""

    world: World
    processors = 0.75

    def suspicion(self) -> str | None:
        """Return the suspicion that the world has of this rival."""
        return self.world.doubts(self.name, self.world)

    def sample(self, number: int, seen: int) -> Turn:
        """Return a turn with the wait that the world has for this rival."""
        waited_s = self.world.waits.pop(self.name, 0.0)
        return super().sample(number, seen)._replace(waited_s=waited_s)


class Host(LocalHost):
    """A host in this process, on the world's clock."""

    def __init__(self, implementation: Implementation, world: World) -> None:
        super().__init__(implementation, clock=world.clock)
        self._world = world

    def bind(self, *words: Any, **how: Any) -> Any:
        """Bind the implementation, unless the world has an error for it."""
        if (error := self._world.refusals.get(self.implementation.name)) is not None:
            raise error
        return super().bind(*words, **how)

    def rival(self, name: str, chain: Sequence[Any], *, cold: bool = False) -> Rival:
        """Return a rival whose calls take the time that the world says."""
        call, world = chained(chain), self._world
        world.colds.append(cold)
        if (error := world.refusals.get(name)) is not None:
            raise error

        def costly() -> Any:
            world.work(world.call_s(self.implementation.name))
            return call()

        context = partial(guarded, self.implementation)
        rival = Rival(name, costly, context, look=chain[-1].look, first=chain[0], clock=world.clock)
        rival.world = world
        return rival

    def pin(self, processors: Collection[int]) -> None:
        """Record the CPUs that this pass is pinned to."""
        self._world.pins.append((self._world.place, list(processors)))

    def peak_memory(self, held: Any) -> int | None:
        """Return a number that differs from pass to pass."""
        self._world.peaks.append(self.implementation.name)
        return 1000 + self._world.place


class LocalPool:
    """A pool whose hosts are all in this process."""

    def __init__(self, world: World, threads: int = 1) -> None:
        self._world = world
        self.threads = threads

    def prepare(self, implementations: Sequence[Implementation], generations: int) -> None:
        """Record the implementations and the number of generations."""
        self._world.prepared.append(([one.name for one in implementations], generations))

    @contextmanager
    def fresh_hosts(self, generation: int) -> Iterator[Callable[[Implementation], Host]]:
        """Yield a function that returns new hosts."""
        assert 1 == self._world.alone
        self._world.held.append(generation)
        yield lambda implementation: Host(implementation, self._world)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a simulated machine with two CPUs, on whose clock everything is timed."""
    one = World()
    monkeypatch.setattr(timing, "alone", one.alone_here)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1})
    return one


def timed(
    world: World,
    *names: str,
    ours: Sequence[Implementation] = (),
    twin: int = 0,
    threads: int = 1,
    seed: int | None = None,
    effort: Effort = EFFORT,
    case: Case = CASE,
    **how: Any,
) -> dict[str, Any]:
    """Return the outcomes of right implementations with these names, and of `ours`.

    Without a seed, the implementation at index `twin` gets the A/A control.
    """
    chosen = [*(made(convolve, name) for name in names), *ours]
    if seed is None:
        seed = next(seed for seed in range(999) if not chosen or Random(seed).choice(chosen) is chosen[twin])
    random = Random(seed)
    pool = LocalPool(world, threads)
    return time_case(case, chosen, effort, seed=0, random=random, pool=pool, clocks=world.clocks, **how)


def twinned(outcomes: dict[str, Any]) -> str:
    """Return the name of the implementation that has the A/A control."""
    (name,) = [name for name, one in outcomes.items() if isinstance(one, Measurement) and one.twin]
    return name


def generations(one: Measurement) -> list[int]:
    """Return the generations of the passes of a measurement."""
    return [generation for generation, _ in one.passes]


def noisy(times: float = 1.0, call_s: float = CALL_S) -> Cost:
    """Return a cost that alternates between generations."""
    return lambda world: times * call_s * (1 + 0.25 * (world.generation % 2))


# Passes


def test_each_implementation_is_timed_in_every_generation(world: World) -> None:
    """Each implementation has one pass per generation, and all templates are started before the first."""
    outcomes = timed(world, "a", "b", twin=1)

    assert ([0, 1, 2, 3, 4], 0) == (world.held, world.alone)
    assert [(["zoo.a", "zoo.b", "zoo.b"], 5)] == world.prepared
    assert ["zoo.a", "zoo.b"] == list(outcomes)
    for one in outcomes.values():
        assert [(generation, (CALL_S,) * SAMPLES) for generation in range(5)] == list(one.passes)
        assert [1] * 5 == list(one.numbers)
        assert 5 * SAMPLES * CALL_S == one.timed_s


def test_a_slower_rival_has_fewer_samples_in_as_many_passes(world: World) -> None:
    """A slower rival has as many passes with fewer samples, since all have the same time in a pass."""
    world.costs = {"zoo.slow": 2 * CALL_S}
    outcomes = timed(world, "fast", "slow")

    assert [SAMPLES] * 5 == [len(samples) for _, samples in outcomes["zoo.fast"].passes]
    assert [4] * 5 == [len(samples) for _, samples in outcomes["zoo.slow"].passes]
    assert pytest.approx(2.0) == paired_ratio(outcomes["zoo.slow"].passes, outcomes["zoo.fast"].passes)


def test_samples_have_one_length_in_all_passes(world: World) -> None:
    """A sample has as many calls in all passes, the number from the fastest pass so far."""
    world.costs = {"zoo.a": lambda world: 2**-12 * (1 + 0.5 * (world.generation % 2))}
    found = timed(world, "a")["zoo.a"]

    assert [20] * 5 == list(found.numbers)
    assert [2**-12 * (1 + 0.5 * (number % 2)) for number in range(5)] == [
        median(samples) for _, samples in found.passes
    ]


@pytest.mark.parametrize(
    ("threads", "processors"),
    [(1, [[0], [1], [0], [1], [0], [1]]), (2, [[0, 1]] * 6)],
)
def test_the_rivals_of_a_pass_share_their_cpus_which_change_from_pass_to_pass(
    threads: int, processors: list[list[int]], world: World
) -> None:
    """All rivals of a pass run on the same CPUs, and each pass, also a repeated one, uses the next ones."""
    world.foreign = {0: 2.0}
    timed(world, "a", "b", threads=threads)

    assert [(place, some) for place, some in enumerate(processors) for _ in range(3)] == world.pins


def test_a_slow_rival_has_three_passes_with_any_budget(world: World) -> None:
    """A slow rival has three passes beyond any budget, since an interval needs them."""
    world.costs = {"zoo.slow": 8.0}
    found = timed(world, "slow", effort=Short(budget_s=0.01))["zoo.slow"]

    assert [(0, (8.0,)), (1, (8.0,)), (2, (8.0,))] == list(found.passes)


def never_precise(budget_s: float) -> Effort:
    """Return an effort that ends by its budget alone."""
    return Short(budget_s=budget_s, precision=1e-9)


@pytest.mark.parametrize(
    ("budget_s", "passes"),
    [
        (0.3, 3),  # 4 × 11 × 2⁻⁷ s are more than 0.33 s
        (0.32, 4),
        (0.39, 4),
        (0.4, 5),
        (0.46, 5),
        (0.47, 6),
    ],
)
def test_a_budget_limits_the_number_of_passes(budget_s: float, passes: int, world: World) -> None:
    """Passes go on while another one, of a warm-up call and ten samples, fits into 110 % of the budget."""
    found = timed(world, "a", effort=never_precise(budget_s))["zoo.a"]

    assert passes == len(found.passes)


def test_a_repeated_pass_counts_towards_the_budget(world: World) -> None:
    """A pass that is repeated takes its time from the budget, which leaves four passes of six."""
    world.foreign = {1: 1.0}
    found = timed(world, "a", effort=never_precise(0.47))["zoo.a"]

    assert ([0, 1, 1, 2, 3], 4) == (world.held, len(found.passes))


# Precision


def test_a_rival_known_precisely_is_done_and_the_anchor_goes_on(world: World) -> None:
    """A steady rival is done after ten generations, while a noisy one and the anchor use the whole budget."""
    world.costs = {"zoo.fast": 4 * CALL_S, "zoo.steady": 5 * CALL_S, "zoo.noisy": noisy(6)}
    outcomes = timed(world, "fast", "steady", "noisy", effort=LONG)
    passes = {name: len(one.passes) for name, one in outcomes.items()}

    assert {"zoo.fast": 23, "zoo.steady": 10, "zoo.noisy": 23} == passes
    assert 10 == len(outcomes["zoo.fast"].twin)
    assert [number % 10 for number in range(23)] == generations(outcomes["zoo.noisy"])
    assert pytest.approx(1.25) == paired_ratio(outcomes["zoo.steady"].passes, outcomes["zoo.fast"].passes)


def test_precision_is_checked_after_whole_rounds_of_generations(world: World) -> None:
    """Precision is checked only after whole rounds of generations, so that each counts as often."""
    odd = {0: 1.25, 1: 1.25, 10: 1 / 1.25, 11: 1 / 1.25}
    world.costs = {"zoo.a": 4 * CALL_S, "zoo.b": lambda world: 5 * CALL_S * odd.get(world.place, 1.0)}
    outcomes = timed(world, "a", "b", effort=LONG)
    a, b = (outcomes[name].passes for name in ("zoo.a", "zoo.b"))

    assert [20, 20] == [len(a), len(b)]
    assert [True, False] == [paired_estimate(b[:done], a).half_width() > 0.01 for done in (10, 12)]


@pytest.mark.parametrize(("precision", "passes"), [(0.01, 10), (0.001, 20)])
def test_passes_go_on_until_the_precision_is_reached(precision: float, passes: int, world: World) -> None:
    """Two equal rivals reach 1 % in ten passes, and 0.1 % not, since a standard error has a lower limit."""
    effort = Long(budget_s=10.0, precision=precision)
    outcomes = timed(world, "a", "b", effort=effort)

    assert [True] * 2 == [passes <= len(one.passes) for one in outcomes.values()]
    assert [passes == 10] * 2 == [len(one.passes) == 10 for one in outcomes.values()]


def test_a_much_slower_rival_need_not_be_known_to_one_percent(world: World) -> None:
    """A rival that is many times slower is done once 5 % of the ratio's logarithm is reached."""
    wobble = lambda times: lambda world: times * 2**-5 * (1 + 0.04 * (world.generation % 2))  # noqa: E731
    world.costs = {"zoo.fast": 2**-5, "zoo.near": wobble(1.01), "zoo.far": wobble(8)}
    outcomes = timed(world, "fast", "near", "far", effort=LONG)

    assert 10 == len(outcomes["zoo.far"].passes)
    assert 20 < len(outcomes["zoo.near"].passes)


def test_precision_is_that_of_the_ratio_to_the_baseline(world: World) -> None:
    """Precision is that of the ratio to the baseline, or to the fastest if the run has no baseline."""
    world.costs = {"zoo.fast": 4 * CALL_S, "zoo.steady": 5 * CALL_S, "zoo.noisy": noisy(6)}
    names = ("fast", "steady", "noisy")
    to_fastest = timed(world, *names, effort=LONG)
    to_noisy = timed(world, *names, effort=LONG, baseline="zoo.noisy")
    to_absent = timed(world, *names, effort=LONG, baseline="zoo.of_another_run")

    assert 10 == len(to_fastest["zoo.steady"].passes) == len(to_absent["zoo.steady"].passes)
    assert 20 < len(to_noisy["zoo.steady"].passes)


def test_a_rival_that_replaces_the_anchor_is_timed_in_the_same_passes(world: World) -> None:
    """A rival that replaces a failed anchor is timed again in the same passes and rounds as the others."""

    def drifting(times: float, luck: float = 0.0) -> Cost:
        """Return a cost that drifts over the passes, so that only ratios within a pass are right."""
        return lambda world: times * 2**-5 * (1 + 0.01 * world.place) * (1 + luck * (world.generation % 2))

    def anchor(world: World) -> float:
        if world.place == 12:
            raise ValueError("no more")
        return drifting(1.0)(world)

    world.costs = {"zoo.anchor": anchor, "zoo.steady": drifting(1.25), "zoo.noisy": drifting(1.5, 0.25)}
    outcomes = timed(world, "anchor", "steady", "noisy", effort=LONG, twin=2)
    steady, other = outcomes["zoo.steady"], outcomes["zoo.noisy"]
    found = paired_logarithms(other.passes, steady.passes)

    assert TimingFailure("error", "when timed: ValueError: no more") == outcomes["zoo.anchor"]
    assert 12 < len(other.passes)
    assert len(steady.passes) == len(steady.numbers)
    assert [number % 10 for number in range(len(other.passes))] == generations(other)
    assert [(one, pytest.approx(log(1.2 * (1 + 0.25 * (one % 2))))) for one, _ in found] == found


# The A/A control and the reference


def test_the_control_is_a_rival_drawn_at_random(world: World) -> None:
    """One rival, drawn at random, has an A/A control, with the generations of its own passes."""
    drawn = set()
    for seed in range(12):
        outcomes = timed(world, "a", "b", "c", seed=seed)
        name = twinned(outcomes)
        drawn.add(name)
        assert [generations(outcomes[name])] == [[generation for generation, _ in outcomes[name].twin]]
        assert ["zoo.a", "zoo.b", "zoo.c"] == sorted(outcomes)

    assert {"zoo.a", "zoo.b", "zoo.c"} == drawn


def test_the_control_has_samples_of_its_own(world: World) -> None:
    """The A/A control has as many samples as its rival, and shares none with it."""
    calls = iter(range(10**6))
    world.costs = {"zoo.a": lambda world: CALL_S + 2**-30 * next(calls)}
    found = timed(world, "a")["zoo.a"]
    samples = {sample for _, one in found.passes for sample in one}
    others = {sample for _, one in found.twin for sample in one}

    assert 5 * SAMPLES == len(samples) == len(others)
    assert set() == samples & others


@pytest.mark.parametrize("reference", [True, False])
def test_the_samples_of_the_reference_are_in_every_measurement(reference: bool, world: World) -> None:
    """Every measurement has the samples of the reference plugin, which has no outcome, if it is asked for."""
    world.costs = {"reference_plugin.reference": 2 * CALL_S}
    outcomes = timed(world, "a", "b", reference=reference)
    found = [one.reference for one in outcomes.values()]

    assert ["zoo.a", "zoo.b"] == list(outcomes)
    assert found[0] == found[1]
    assert [(generation, {2 * CALL_S}) for generation in range(5 * reference)] == [
        (generation, set(samples)) for generation, samples in found[0]
    ]
    assert reference == ("reference_plugin.reference" in world.prepared[0][0])


@pytest.mark.parametrize("name", ["zoo.a (again)", "reference_plugin.reference"])
def test_the_control_and_the_reference_may_fail_alone(name: str, world: World) -> None:
    """A control or a reference that fails is left out, and the implementations are measured without it."""
    world.refusals = {name: KernelError("memory", "no room")}
    found = timed(world, "a", reference=True)["zoo.a"]

    assert 5 == len(found.passes)
    assert {"zoo.a (again)": (0, 5), "reference_plugin.reference": (5, 0)}[name] == (
        len(found.twin),
        len(found.reference),
    )


def test_without_implementations_there_is_nothing_to_time(world: World) -> None:
    """Timing no implementation returns no outcome and starts no process."""
    assert {} == timed(world)
    assert [] == world.held


# Failures


def after(calls: int, act: Callable[[Asked], Any], name: str = "bad") -> Implementation:
    """Return an implementation that is right for `calls` calls, and does `act` afterwards."""
    count = 0

    def body(asked: Asked) -> Any:
        nonlocal count
        count += 1
        return convolve(asked) if count <= calls else act(asked)

    return made(body, name)


def raises(error: BaseException) -> Callable[[Asked], Any]:
    """Return a function that raises an error."""

    def act(asked: Asked) -> Any:
        raise error

    return act


@pytest.mark.parametrize(
    ("act", "status", "reason"),
    [
        (
            lambda asked: convolve(asked) + 1,
            "wrong",
            "right when verified, wrong when timed: y[0, 0, ",
        ),
        (
            lambda asked: np.zeros(3, np.float32),
            "contract",
            "when timed: returned shape (3,), want (1, 1, 2, 2)",
        ),
        (lambda asked: None, "contract", "when timed: returned nothing, want numpy.ndarray"),
        (raises(ZeroDivisionError("no")), "error", "when timed: ZeroDivisionError: no"),
        (raises(SystemExit(3)), "error", "when timed: SystemExit: 3"),
        (raises(MemoryError("full")), "memory", "when timed: MemoryError: full"),
        (
            raises(KernelError("crashed", "was ended by SIGSEGV")),
            "crashed",
            "when timed: was ended by SIGSEGV",
        ),
    ],
)
@pytest.mark.parametrize("calls", [0, 7, 24, 47])
def test_a_rival_that_fails_is_excluded_and_the_others_go_on(
    calls: int, act: Callable[[Asked], Any], status: str, reason: str, world: World
) -> None:
    """A rival that fails at any call has its reason as outcome, and the others have all of their samples."""
    outcomes = timed(world, "good", ours=[after(calls, act)])
    bad, good = outcomes["zoo.bad"], outcomes["zoo.good"]

    assert (status, True) == (bad.status, bad.reason.startswith(reason))
    assert [0, 1, 2, 3, 4] == generations(good)
    assert {CALL_S} == set(good.samples_s)


def test_a_rival_that_fails_is_not_called_again(world: World) -> None:
    """A rival that failed is not called in later passes."""
    calls = []

    def body(asked: Asked) -> Any:
        calls.append(world.place)
        raise ValueError("no")

    timed(world, "good", ours=[made(body, "bad")])

    assert {0} == set(calls)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (KernelError("timeout", "gave no answer"), TimingFailure("timeout", "when timed: gave no answer")),
        (MemoryError("full"), TimingFailure("memory", "when timed: MemoryError: full")),
    ],
)
def test_a_rival_that_cannot_be_given_its_data_is_excluded(
    error: BaseException, failure: TimingFailure, world: World
) -> None:
    """A rival whose host cannot take the data fails, and the others are timed."""
    world.refusals = {"zoo.bad": error}
    outcomes = timed(world, "good", "bad")

    assert failure == outcomes["zoo.bad"]
    assert 5 == len(outcomes["zoo.good"].passes)


def test_a_plan_that_raises_is_excluded(world: World) -> None:
    """A plan that raises fails before it is timed, and the others are timed."""

    @plan
    def bad(weight):
        raise ValueError("cannot pack")

    outcomes = timed(world, "good", ours=[declared(bad)])

    assert TimingFailure("error", "when timed: ValueError: cannot pack") == outcomes["test.bad"]
    assert 5 == len(outcomes["zoo.good"].passes)


def test_an_interrupt_is_not_a_failure(world: World) -> None:
    """An interrupt during a call ends the case and is not held against the rival."""
    with pytest.raises(KeyboardInterrupt):
        timed(world, "good", ours=[after(7, raises(KeyboardInterrupt()))])


def test_an_output_is_checked_in_every_pass(world: World) -> None:
    """A rival that is wrong only in its last pass fails."""

    def body(asked: Asked) -> Any:
        return convolve(asked) + (world.generation == 4)

    outcomes = timed(world, "good", ours=[made(body, "late")])

    assert "wrong" == outcomes["zoo.late"].status
    assert [0, 1, 2, 3, 4] == world.held


# Suspicions


@pytest.mark.parametrize(
    ("places", "failed"), [([], False), ([0], False), ([4], False), ([0, 1], True), ([1, 4], True)]
)
def test_a_suspicion_in_two_passes_is_a_failure(places: list[int], failed: bool, world: World) -> None:
    """A rival fails if it is suspicious in two passes; once may be interference."""
    world.doubts = lambda name, world: (
        f"looked odd in pass {world.place}" if name == "zoo.odd" and world.place in places else None
    )
    outcomes = timed(world, "odd", "good")

    if failed:
        reason = f"when timed: looked odd in pass {places[1]}"
        assert TimingFailure("contract", reason) == outcomes["zoo.odd"]
    else:
        assert 5 == len(outcomes["zoo.odd"].passes)
    assert 5 == len(outcomes["zoo.good"].passes)


def test_a_suspicion_in_a_repeated_pass_does_not_count(world: World) -> None:
    """Suspicions in passes that are repeated because of other processes do not count."""
    world.foreign = {0: 1.0, 1: 1.0}
    world.doubts = lambda name, world: "looked odd" if world.place < 2 else None
    outcomes = timed(world, "a")

    assert [0, 0, 0, 1, 2, 3, 4] == world.held
    assert 5 == len(outcomes["zoo.a"].passes)


@pytest.mark.parametrize(("times", "failed"), [(2.9, False), (3.1, True)])
def test_results_may_not_be_remembered(times: float, failed: bool, world: World) -> None:
    """A rival fails if calls on new input take over three times as long, in two passes."""
    seen: dict[int, set[bytes]] = {}

    def body(asked: Asked) -> Any:
        known = seen.setdefault(world.place, set())
        key = asked.x.tobytes()
        if known and key not in known:
            world.work((times - 1) * CALL_S)
        known.add(key)
        return convolve(asked)

    outcomes = timed(world, "good", ours=[made(body, "remembering")])
    found = outcomes["zoo.remembering"]

    if failed:
        seconds = (
            f"{times * CALL_S:.2g} s on input that it has not seen and {CALL_S:.2g} s on input that it has"
        )
        reason = f"when timed: takes {seconds}; results may not be remembered"
        assert TimingFailure("contract", reason) == found
    else:
        assert 5 == len(found.passes)
    assert 5 == len(outcomes["zoo.good"].passes)


@pytest.mark.parametrize(("slow", "failed"), [(0, False), (1, False), (2, False), (3, True)])
def test_one_quick_call_of_three_on_new_input_is_enough(slow: int, failed: bool, world: World) -> None:
    """A rival passes if one of three calls on new input is quick, since others may be disturbed."""
    seen: dict[int, list[bytes]] = {}

    def body(asked: Asked) -> Any:
        known = seen.setdefault(world.place, [])
        key = asked.x.tobytes()
        if key not in known:
            world.work(9 * CALL_S if 0 < len(known) <= slow else 0.0)
            known.append(key)
        return convolve(asked)

    found = timed(world, "good", ours=[made(body, "a")])["zoo.a"]

    assert failed == isinstance(found, TimingFailure)


def test_new_input_is_tried_in_the_first_pass_and_after_a_suspicion(world: World) -> None:
    """New input is tried in the first pass, and up to three times in a pass with a suspicion."""
    seen: dict[int, set[bytes]] = {}

    def body(asked: Asked) -> Any:
        seen.setdefault(world.place, set()).add(asked.x.tobytes())
        return convolve(asked)

    world.doubts = lambda name, world: "looked odd" if name == "zoo.a" and world.place == 2 else None
    timed(world, "good", ours=[made(body, "a")])

    assert [2, 1, 4, 2, 2] == [len(seen[place]) for place in range(5)]


@pytest.mark.parametrize(("lasts", "failed"), [(1, False), (2, False), (3, False), (4, True)])
def test_a_suspicion_that_new_input_does_not_confirm_is_dropped(
    lasts: int, failed: bool, world: World
) -> None:
    """A suspicion is dropped if it is gone after one of three calls on new input."""
    asked: Counter[int] = Counter()

    def doubts(name: str, world: World) -> str | None:
        asked[world.place] += 1
        return "looked odd" if asked[world.place] <= lasts else None

    world.doubts = doubts
    found = timed(world, "good", ours=[made(convolve, "a")])["zoo.a"]

    assert failed == isinstance(found, TimingFailure)


@pytest.mark.parametrize(
    ("act", "status", "reason"),
    [
        (lambda asked: convolve(asked) + 1, "wrong", "right when verified, wrong when timed: "),
        (raises(ValueError("unknown")), "error", "when timed: ValueError: unknown"),
    ],
)
def test_a_rival_that_fails_on_new_input_is_excluded(
    act: Callable[[Asked], Any], status: str, reason: str, world: World
) -> None:
    """A rival that is right on the timed input and fails on new input fails."""
    first: list[bytes] = []

    def body(asked: Asked) -> Any:
        first.append(asked.x.tobytes())
        return convolve(asked) if asked.x.tobytes() == first[0] else act(asked)

    found = timed(world, "good", ours=[made(body, "bad")])["zoo.bad"]

    assert (status, True) == (found.status, found.reason.startswith(reason))


# Other processes


@pytest.mark.parametrize(
    ("foreign", "held", "repeated", "disturbed"),
    [
        ({}, [0, 1, 2, 3, 4], 0, 0),
        (dict.fromkeys(range(5), 0.25), [0, 1, 2, 3, 4], 0, 0),  # as much as two processors leave
        ({0: 0.3}, [0, 0, 1, 2, 3, 4], 1, 0),
        ({3: 1.0}, [0, 1, 2, 3, 3, 4], 1, 0),
        ({1: 1.0, 2: 1.0}, [0, 1, 1, 1, 2, 3, 4], 2, 0),
        ({1: 1.0, 2: 1.0, 3: 1.0}, [0, 1, 1, 1, 2, 3, 4], 2, 1),
        (dict.fromkeys(range(9), 1.0), [0, 0, 0, 1, 2, 3, 4], 2, 5),
    ],
)
def test_at_most_two_disturbed_passes_of_a_case_are_repeated(
    foreign: dict[int, float], held: list[int], repeated: int, disturbed: int, world: World
) -> None:
    """Passes that other processes disturbed are repeated, twice per case, and further ones are counted."""
    world.foreign = foreign
    found = timed(world, "a")["zoo.a"]

    assert held == world.held
    assert [0, 1, 2, 3, 4] == generations(found)
    assert (repeated, disturbed) == (
        found.conditions["repeated_blocks"],
        found.conditions["disturbed_blocks"],
    )


def test_the_samples_of_a_repeated_pass_are_not_kept(world: World) -> None:
    """The samples of a pass that is repeated are not in the measurement."""
    world.foreign = {0: 1.0}
    world.costs = {"zoo.a": lambda world: CALL_S * (1 + (world.place == 0))}
    found = timed(world, "a")["zoo.a"]

    assert {CALL_S} == set(found.samples_s)
    assert (0.0, 1) == (found.conditions["foreign_processors"], found.conditions["repeated_blocks"])


def test_a_pass_much_longer_than_planned_is_not_repeated(world: World) -> None:
    """A disturbed pass of a very slow rival is not repeated, and is recorded as disturbed."""
    world.foreign = {0: 1.0}
    world.costs = {"zoo.slow": 1.0}
    found = timed(world, "fast", "slow")["zoo.slow"]

    assert [0, 1, 2, 3, 4] == world.held
    assert (0, 1) == (found.conditions["repeated_blocks"], found.conditions["disturbed_blocks"])


def test_a_failure_in_a_disturbed_pass_counts(world: World) -> None:
    """A wrong output in a disturbed pass is a failure."""
    world.foreign = {0: 1.0}
    outcomes = timed(world, "good", ours=[after(0, lambda asked: convolve(asked) + 1)])

    assert "wrong" == outcomes["zoo.bad"].status
    assert 5 == len(outcomes["zoo.good"].passes)


# Records


def test_a_measurement_has_its_conditions(world: World) -> None:
    """A measurement has its repeated samples, and the CPUs that the rival and other processes used."""
    world.waits = {"zoo.a": 1.0}
    world.foreign = {4: 0.1}
    found = timed(world, "a", "b")["zoo.a"].conditions

    assert (1, 0, 0.75, 0.1) == tuple(
        found[name]
        for name in (
            "repeated_samples",
            "disturbed_samples",
            "processors",
            "foreign_processors",
        )
    )


def test_the_first_call_is_the_median_of_those_of_all_processes(world: World) -> None:
    """The time of the first call is the median over the processes of all passes."""
    begun = set()

    def cost(world: World) -> float:
        is_first = world.place not in begun
        begun.add(world.place)
        return CALL_S * (2 + world.place) if is_first else CALL_S

    world.costs = {"zoo.a": cost}

    assert 4 * CALL_S == timed(world, "b", "a")["zoo.a"].first_call_s


@pytest.mark.parametrize(("text", "plan_s"), [("c1h2w2-o1k1", 4.0), ("c1h2w2-o1k1 c1h2w2-o1k1", 8.0)])
def test_planning_is_the_median_over_passes(text: str, plan_s: float, world: World) -> None:
    """The planning time is the median over passes, summed over a chain's layers, or None without a plan."""

    @plan
    def planned(weight):
        world.now += 2.0 * (1 + world.generation)
        return lambda x: np.einsum("nchw,oc->nohw", x, weight[:, :, 0, 0])

    chain = Case("chain", tuple(Problem.parse(one) for one in text.split()))
    found = [one.plan_s for one in timed(world, "called", ours=[declared(planned)], case=chain).values()]

    assert [None, plan_s] == found


def test_peak_memory_is_measured_once(world: World) -> None:
    """Peak memory is measured in the first pass of each implementation, and not for a chain."""
    found = timed(world, "a", "b")
    assert (["zoo.a", "zoo.b"], {1000}) == (
        sorted(world.peaks),
        {one.peak_memory_bytes for one in found.values()},
    )

    chain = Case("chain", (Problem.parse("c1h2w2-o1k1"), Problem.parse("c1h2w2-o1k1")))
    assert None is timed(world, "a", case=chain)["zoo.a"].peak_memory_bytes


@pytest.mark.parametrize(("cache", "cold"), [("warm", False), ("cold", True)])
def test_hosts_get_whether_caches_are_cold(cache: str, cold: bool, world: World) -> None:
    """A rival is made with cold caches in every pass if the effort says so."""
    timed(world, "a", effort=Short(budget_s=0.5, cache=cache))

    assert {cold} == set(world.colds)


def test_a_chain_is_timed_as_a_whole_and_its_last_output_checked(world: World) -> None:
    """An implementation that is wrong in the last layer of a chain fails."""
    chain = Case("chain", (Problem.parse("c2h4w4-o3k1"), Problem.parse("c3h4w4-o2k3")))

    def body(asked: Asked) -> Any:
        return convolve(asked) + (asked.weight.shape[-1] == 3)

    outcomes = timed(world, "good", ours=[made(body, "bad")], case=chain)

    assert "wrong" == outcomes["zoo.bad"].status
    assert {CALL_S} == set(outcomes["zoo.good"].samples_s)
