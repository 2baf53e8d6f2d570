"""The stopwatch, with a clock that only calls advance, so that every figure is exact."""

import pytest

from convharness.measure.stopwatch import Effort, Turn
from tests.harness.measure.world import World


@pytest.mark.parametrize(
    ("budget_s", "generations", "pass_s"),
    [
        (0.0115, 5, 0.002),
        (0.3, 5, 0.3 / 5.75),
        (1.0, 5, 1 / 5.75),
        (1.2, 6, 1.2 / 6.9),  # from here on there are more generations
        (2.0, 10, 2 / 11.5),
        (4.6, 10, 0.4),  # from here on passes are longer
        (11.5, 10, 0.5),
        (60.0, 10, 0.5),  # from here on neither grows
    ],
)
def test_a_budget_is_cut_into_passes(budget_s: float, generations: int, pass_s: float) -> None:
    """A budget less 15 % for starting processes has five to ten generations of up to 0.5 s."""
    effort = Effort(budget_s=budget_s)

    assert (generations, pytest.approx(pass_s)) == (effort.generations, effort.pass_s)


@pytest.mark.parametrize(("call_s", "calls"), [(2**-14, 10), (2**-9, 2), (2**-7, 1), (2.0, 1)])
def test_the_shortest_warm_up_has_some_calls(call_s: float, calls: int) -> None:
    """The shortest warm-up has ten, two or one calls, for short, medium and long ones."""
    world = World()
    rival = world.rival("a", call_s)

    assert (call_s, call_s) == rival.warm_up(Effort(warmup_s=0.0))
    assert calls == len(world.diary)


def test_a_warm_up_returns_the_first_and_the_fastest_call() -> None:
    """A warm-up returns the times of the first call, which loads and compiles, and of the fastest."""
    world = World()
    slow_at_first = iter([2.0, 0.5, 0.25, 0.5])

    def act(count: int) -> None:
        world.now += next(slow_at_first)

    rival = world.rival("a", 0.0, act)
    assert (2.0, 0.25) == rival.warm_up(Effort(warmup_s=3.25))


@pytest.mark.parametrize(
    ("calls", "seconds"),
    [
        ([2.0], 2.0),
        ([8.0, 1.0, 2.0, 1.0, 1.0, 1.0], 1.0),  # the first call refills the caches
        ([1.0, 2.0, 4.0, 8.0, 16.0, 32.0], 6.0),
        ([0.0, 8.0, 2.0, 6.0, 9.0, 9.0, 0.0, 4.0], 4.0),  # pairs: 4, 4, 9 and 2
        ([2.0, 2.0, 4.0, 4.0, 6.0, 6.0, 5.0], 4.5),  # and one left over
        ([1.0] * 12 + [9.0], 1.0),
        ([2.0, 1.0, 1.0, 1.0, 1.0, 1.0], 1.0),
        ([1.0, 1.0, 1.0, 2.0, 2.0, 2.0], 1.5),
    ],
)
def test_a_sample_is_the_median_of_its_parts(calls: list[float], seconds: float) -> None:
    """A sample is the median of at most six parts of equal numbers of calls, and keeps its duration."""
    world = World()
    left = iter(calls)

    def act(count: int) -> None:
        world.now += next(left)

    rival = world.rival("a", 0.0, act)

    assert Turn(seconds) == rival.sample(len(calls), 1)
    assert (sum(calls), len(calls)) == (rival.lasted_s, len(world.diary))


@pytest.mark.parametrize(("number", "seen"), [(1, 1), (3, 1), (3, 2), (3, 3)])
def test_a_cold_sample_evicts_before_every_call(number: int, seen: int) -> None:
    """A cold sample evicts the caches before each call, outside its time."""
    world = World()
    rival = world.rival("a", 0.25, lambda count: count, evict=world.act("evict", 8.0))

    assert Turn(0.25) == rival.sample(number, seen)
    assert ["evict", "a"] * number == world.diary
    assert (8.25 * number, seen) == (rival.lasted_s, rival.seen())


@pytest.mark.parametrize("number", [1, 2, 6, 7, 13])
def test_any_call_of_a_sample_can_be_looked_at(number: int) -> None:
    """The output of any call of a sample can be kept, not the last alone."""
    found = []
    for seen in range(1, number + 1):
        rival = World().rival("a", 0.25, lambda count: count)
        assert Turn(0.25) == rival.sample(number, seen)
        found.append(rival.seen())

    assert list(range(1, number + 1)) == found


def test_a_single_call_is_timed_and_its_output_kept() -> None:
    """A single call is timed, and its output is kept."""
    world = World()
    rival = world.rival("a", 0.25, lambda count: count)

    assert (0.25, 1) == (rival.one_call(), rival.seen())
