"""The stopwatch, with a clock that only calls advance: every figure is an equality."""

import pytest

from convharness.measure.stopwatch import Effort, Turn
from tests.harness.measure.world import World


@pytest.mark.parametrize(
    ("budget_s", "generations", "pass_s"),
    [
        (0.0115, 5, 0.002),
        (0.3, 5, 0.3 / 5.75),
        (1.0, 5, 1 / 5.75),
        (1.2, 6, 1.2 / 6.9),  # from here on there are more of them
        (2.0, 10, 2 / 11.5),
        (4.6, 10, 0.4),  # from here on they are longer
        (11.5, 10, 0.5),
        (60.0, 10, 0.5),  # and from here on neither
    ],
)
def test_a_budget_is_cut_into_passes(budget_s: float, generations: int, pass_s: float) -> None:
    """One for each of five to ten generations, but for 15 % that it takes to start them; up to 0.5 s each."""
    effort = Effort(budget_s=budget_s)

    assert (generations, pytest.approx(pass_s)) == (effort.generations, effort.pass_s)


@pytest.mark.parametrize(("call_s", "calls"), [(2**-14, 10), (2**-9, 2), (2**-7, 1), (2.0, 1)])
def test_however_short_a_warm_up_is_it_has_some_calls(call_s: float, calls: int) -> None:
    """Ten, two or one, as a call is short or long."""
    world = World()
    rival = world.rival("a", call_s)

    assert (call_s, call_s) == rival.warm_up(Effort(warmup_s=0.0))
    assert calls == len(world.diary)


def test_the_first_call_and_the_fastest_are_told_apart() -> None:
    """The first one loads and compiles."""
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
        ([8.0, 1.0, 2.0, 1.0, 1.0, 1.0], 1.0),  # caches that come back in the first one
        ([1.0, 2.0, 4.0, 8.0, 16.0, 32.0], 6.0),
        ([0.0, 8.0, 2.0, 6.0, 9.0, 9.0, 0.0, 4.0], 4.0),  # pairs: 4, 4, 9 and 2
        ([2.0, 2.0, 4.0, 4.0, 6.0, 6.0, 5.0], 4.5),  # and one that is left over
        ([1.0] * 12 + [9.0], 1.0),
        ([2.0, 1.0, 1.0, 1.0, 1.0, 1.0], 1.0),
        ([1.0, 1.0, 1.0, 2.0, 2.0, 2.0], 1.5),
    ],
)
def test_a_sample_is_the_median_of_its_parts(calls: list[float], seconds: float) -> None:
    """Six at the most, of equal numbers of calls; how long they lasted in all is known, too."""
    world = World()
    left = iter(calls)

    def act(count: int) -> None:
        world.now += next(left)

    rival = world.rival("a", 0.0, act)

    assert Turn(seconds) == rival.sample(len(calls), 1)
    assert (sum(calls), len(calls)) == (rival.lasted_s, len(world.diary))


@pytest.mark.parametrize(("number", "seen"), [(1, 1), (3, 1), (3, 2), (3, 3)])
def test_a_cold_sample_evicts_before_every_call(number: int, seen: int) -> None:
    """Each call is timed on its own; what emptying the caches takes only lasts."""
    world = World()
    rival = world.rival("a", 0.25, lambda count: count, evict=world.act("evict", 8.0))

    assert Turn(0.25) == rival.sample(number, seen)
    assert ["evict", "a"] * number == world.diary
    assert (8.25 * number, seen) == (rival.lasted_s, rival.seen())


@pytest.mark.parametrize("number", [1, 2, 6, 7, 13])
def test_any_call_of_a_sample_can_be_looked_at(number: int) -> None:
    """Not the last one only, which could be told from the others; in whichever part it is."""
    found = []
    for seen in range(1, number + 1):
        rival = World().rival("a", 0.25, lambda count: count)
        assert Turn(0.25) == rival.sample(number, seen)
        found.append(rival.seen())

    assert list(range(1, number + 1)) == found


def test_a_single_call_is_timed_and_its_output_kept() -> None:
    """For what was never there before."""
    world = World()
    rival = world.rival("a", 0.25, lambda count: count)

    assert (0.25, 1) == (rival.one_call(), rival.seen())
