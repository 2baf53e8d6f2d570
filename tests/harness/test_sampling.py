"""The stopwatch, with a clock that only calls advance: every figure is an equality."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest

from convharness.sampling import Clock, Effort, Stopwatch, measure


class World:
    """A clock and a diary: calls take the time that they are told to take, and are written down."""

    def __init__(self) -> None:
        self.now = 0.0
        self.diary: list[str] = []

    def clock(self) -> float:
        """Return the time; asking takes none."""
        return self.now

    def rival(
        self,
        name: str,
        call_s: float,
        act: Callable[[int], Any] = lambda count: None,
        clock: Clock | None = None,
        **how: Any,
    ) -> Stopwatch:
        """Return a rival whose calls take `call_s`; `act` is told how many calls there were."""
        count = 0

        def call() -> Any:
            nonlocal count
            count += 1
            self.now += call_s
            self.diary.append(name)
            return act(count)

        return Stopwatch(name, call, clock=clock or self.clock, **how)


EFFORT = Effort(rounds=5, least_rounds=2, sample_s=0.004, budget_s=1.0, warmup_s=0.01)


def test_a_sample_is_seconds_per_call() -> None:
    """As many calls as fill a sample, and the mean of them."""
    world = World()
    samples = measure([world.rival("a", 0.002)], EFFORT, random=Random(0))["a"]

    assert (2, pytest.approx(0.002), None) == (samples.number, samples.first_call_s, samples.error)
    assert [pytest.approx(0.002)] * 5 == samples.seconds


@pytest.mark.parametrize(
    ("call_s", "number"), [(0.0001, 40), (0.001, 4), (0.004, 1), (0.003, 1), (1.0, 1), (0.0, 1)]
)
def test_short_calls_are_timed_many_at_once(call_s: float, number: int) -> None:
    """Long ones one by one; a clock too coarse to see a call counts it once."""
    world = World()
    tick = iter(range(10**6))
    clock = world.clock if call_s else lambda: next(tick) // 4 * 1.0
    rival = world.rival("a", call_s, clock=clock)
    assert number == measure([rival], EFFORT, random=Random(0))["a"].number


@pytest.mark.parametrize(("call_s", "calls"), [(0.0001, 100), (0.002, 5), (0.02, 2), (2.0, 1)])
def test_a_rival_is_called_until_it_is_warm(call_s: float, calls: int) -> None:
    """For `warmup_s`, and at least ten times, twice or once, as a call is short or long."""
    world = World()
    rival = world.rival("a", call_s)
    effort = Effort(rounds=1, least_rounds=1, sample_s=call_s, budget_s=1e9, warmup_s=0.01)
    measure([rival], effort, random=Random(0))

    assert calls == pytest.approx(len(world.diary) - 2, abs=1 if call_s < 0.001 else 0)


def test_every_sample_follows_an_untimed_call_of_its_own_rival() -> None:
    """What another rival left in the caches is gone before the clock starts."""
    world = World()
    rivals = [world.rival(name, 0.004) for name in "abc"]
    measure(rivals, EFFORT, random=Random(0))
    warm_up, turns = world.diary[:9], world.diary[9:]

    assert ["a", "b", "c"] == sorted(set(warm_up))
    assert turns[::2] == turns[1::2]
    assert 3 * 5 == len(turns[::2])


@pytest.mark.parametrize("seed", range(5))
def test_every_round_has_each_rival_once_in_an_order_drawn_anew(seed: int) -> None:
    """Rounds are whole: no rival has two turns before another had one."""
    world = World()
    turns: list[str] = []
    rivals = [world.rival(name, 0.004, context=_noted(turns, name)) for name in "abcd"]
    measure(rivals, EFFORT, random=Random(seed))
    rounds = ["".join(turns[start : start + 4]) for start in range(0, len(turns), 4)]

    assert ["abcd"] * 6 == ["".join(sorted(one)) for one in rounds]
    assert 1 < len(set(rounds))


def _noted(turns: list[str], name: str) -> Callable[[], Any]:
    @contextmanager
    def context() -> Iterator[None]:
        turns.append(name)
        yield

    return context


def test_the_order_is_the_random_source_s() -> None:
    """The same seed, the same order."""
    diaries = []
    for _ in range(2):
        world = World()
        measure([world.rival(name, 0.004) for name in "abc"], EFFORT, random=Random(3))
        diaries.append(world.diary)

    assert diaries[0] == diaries[1]


@pytest.mark.parametrize(("call_s", "rounds"), [(0.004, 5), (0.1, 5), (0.15, 3), (0.2, 2), (10.0, 2)])
def test_a_budget_pays_for_so_many_rounds(call_s: float, rounds: int) -> None:
    """Untimed calls included; never fewer than `least_rounds`, never more than `rounds`."""
    world = World()
    samples = measure([world.rival("a", call_s)], EFFORT, random=Random(0))

    assert rounds == len(samples["a"].seconds)


def test_a_slow_rival_does_not_cost_a_fast_one_its_rounds() -> None:
    """Who has used up its budget is left out of the later rounds."""
    world = World()
    rivals = [world.rival("fast", 0.004), world.rival("slow", 0.2)]
    samples = measure(rivals, EFFORT, random=Random(0))

    assert (5, 2) == (len(samples["fast"].seconds), len(samples["slow"].seconds))


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), MemoryError()])
@pytest.mark.parametrize(("at", "kept"), [(1, 0), (4, 0), (6, 1)])
def test_a_rival_that_raises_leaves_the_others_intact(error: BaseException, at: int, kept: int) -> None:
    """What it raised is its result; samples before that are kept, and it is not called again."""
    world = World()

    def act(count: int) -> None:
        if count == at:
            raise error

    rivals = [world.rival("bad", 0.004, act), world.rival("good", 0.004)]
    samples = measure(rivals, EFFORT, random=Random(0))

    assert (error, kept, at) == (samples["bad"].error, len(samples["bad"].seconds), world.diary.count("bad"))
    assert (None, 5) == (samples["good"].error, len(samples["good"].seconds))


def test_an_interrupt_ends_everything() -> None:
    """Ctrl-C is for the person, not for a rival's record; garbage is collected again after it."""

    def act(count: int) -> None:
        raise KeyboardInterrupt

    world = World()
    with pytest.raises(KeyboardInterrupt):
        measure([world.rival("a", 0.004, act)], EFFORT, random=Random(0))

    assert True is gc.isenabled()


def test_the_output_that_is_kept_is_that_of_a_timed_call_of_the_last_sample() -> None:
    """So that what was timed can be judged."""
    world = World()
    samples = measure([world.rival("a", 0.004, lambda count: count)], EFFORT, random=Random(0))["a"]

    assert len(world.diary) == samples.seen


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_collection_is_off_while_the_clock_runs_and_as_before_afterwards(enabled: bool) -> None:
    """A collection in a sample would be timed with it."""
    seen = set()
    world = World()
    (gc.enable if enabled else gc.disable)()
    try:
        rival = world.rival("a", 0.004, lambda count: seen.add(gc.isenabled()))
        measure([rival], EFFORT, random=Random(0))
        assert ({False}, enabled) == (seen, gc.isenabled())
    finally:
        gc.enable()


def test_a_single_call_is_timed_and_its_output_kept() -> None:
    """For what was never there before."""
    world = World()
    rival = world.rival("a", 0.25, lambda count: count)

    assert (pytest.approx(0.25), 1) == (rival.one_call(), rival.seen())


@pytest.mark.parametrize("seen", [1, 2, 3])
def test_any_call_of_a_sample_can_be_looked_at(seen: int) -> None:
    """Not the last one only, which could be told from the others."""
    rival = World().rival("a", 0.25, lambda count: count)

    assert pytest.approx(0.25) == rival.sample(3, seen)
    assert 1 + seen == rival.seen()  # after the untimed call


def test_no_rivals_make_no_samples() -> None:
    """There is nothing to time."""
    assert {} == measure([], EFFORT, random=Random(0))
