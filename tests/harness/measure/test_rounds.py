"""Rounds, with a clock that only calls advance, so that every figure is exact.

Calls take powers of two in seconds, whose sums are exact in floats.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest

from convharness.measure.rounds import measure
from convharness.measure.stopwatch import Effort, Turn
from tests.harness.measure.world import World


class Waiting:
    """A rival with given seconds per call and given first turns; samples are numbered."""

    name = "a"

    def __init__(self, world: World, call_s: float, turns: Sequence[Turn] = ()) -> None:
        self.asked: list[int] = []
        self._world = world
        self._call_s = call_s
        self._turns = iter(turns)

    def warm_up(self, effort: Effort) -> tuple[float, float]:
        """Advance the clock by one call."""
        self._world.now += self._call_s
        return self._call_s, self._call_s

    def sample(self, number: int, seen: int) -> Turn:
        """Advance the clock by a second, and record the number of calls asked for."""
        self._world.now += 1.0
        self.asked.append(number)
        return next(self._turns, Turn(self._call_s))

    def seen(self) -> int:
        """Return the number of the sample whose output is looked at."""
        return len(self.asked)


class APass(Effort):
    """An effort whose passes take 0.1 s, with any budget."""

    pass_s = 0.1  # type: ignore[assignment]


EFFORT = APass(sample_s=0.004, warmup_s=0.01)
QUICK = 2**-8
"""The seconds of a call of which three are the warm-up, six a sample, and three samples a pass."""


def test_a_sample_is_seconds_per_call() -> None:
    """A sample is the mean seconds per call of as many calls as fill it."""
    world = World()
    samples = measure([world.rival("a", QUICK)], EFFORT, random=Random(0), clock=world.clock)["a"]

    assert [QUICK] * 3 == samples.seconds
    assert (6, QUICK, QUICK, None) == (samples.number, samples.call_s, samples.first_call_s, samples.error)


@pytest.mark.parametrize(
    ("call_s", "warming", "number", "rounds"),
    [
        (2**-14, 164, 66, 22),  # 66 fill 4 ms
        (2**-11, 21, 8, 22),
        (2**-9, 6, 6, 7),  # two fill a sample, but six have a robust median
        (2**-8, 3, 6, 3),
        (2**-7, 2, 1, 10),  # from 5 ms on a sample is one call
        (2**-5, 1, 1, 3),  # three samples, even beyond the pass
        (2**-4, 1, 1, 1),  # one sample of calls over 50 ms
        (8.0, 1, 1, 1),
    ],
)
def test_the_calls_of_a_pass_follow_from_their_duration(
    call_s: float, warming: int, number: int, rounds: int
) -> None:
    """A pass has the calls of its warm-up and of samples while there is time for another one."""
    world = World()
    samples = measure([world.rival("a", call_s)], EFFORT, random=Random(0), clock=world.clock)["a"]

    assert (number, rounds) == (samples.number, len(samples.seconds))
    assert warming + rounds * number == len(world.diary)
    assert len(world.diary) * call_s == samples.spent_s


@pytest.mark.parametrize(
    ("later_s", "number", "left_out"),
    [
        (2**-9, 1, 0),  # a sample of half the length is kept
        (2**-10, 4, 1),
        (2**-16, 256, 1),
    ],
)
def test_a_slow_first_call_does_not_lead_to_short_samples(later_s: float, number: int, left_out: int) -> None:
    """After a warm-up of one slow call, a sample that ends too early is left out and lengthened."""
    world = World()
    slow_at_first = iter([2**-6])

    def act(count: int) -> None:
        world.now += next(slow_at_first, later_s)

    effort = APass(sample_s=2**-8, warmup_s=2**-8)
    samples = measure([world.rival("a", 0.0, act)], effort, random=Random(0), clock=world.clock)["a"]

    assert (2**-6, {later_s}, number) == (samples.first_call_s, set(samples.seconds), samples.number)
    assert 1 + left_out + number * len(samples.seconds) == len(world.diary)


def test_waiting_does_not_fill_a_sample() -> None:
    """The time for which a rival waited for a CPU does not count towards the length of its sample."""
    world = World()
    rival = Waiting(world, 2**-7, [Turn(2**-10, 1.0 - 2**-10)] * 9)
    measure([rival], EFFORT, random=Random(0), clock=world.clock)

    assert [*[1] * 9, 5] == rival.asked[:10]


def test_reported_times_do_not_lengthen_samples() -> None:
    """The number of calls for the next pass follows from the clock of this process alone."""
    world = World()
    rival = Waiting(world, 2**-7, [Turn(2**-30)] * 3)
    samples = measure([rival], EFFORT, random=Random(0), clock=world.clock)["a"]

    assert (2**-7, 2**-30) == (samples.call_s, samples.seconds[0])


def test_a_turn_has_calls_of_one_rival_only() -> None:
    """A turn has calls of one rival only, and all of its calls are in its sample."""
    world = World()
    rivals = [world.rival(name, QUICK) for name in "abc"]
    measure(rivals, EFFORT, random=Random(0), clock=world.clock)
    warm_up, turns = world.diary[: 3 * 3], world.diary[3 * 3 :]

    assert {"a": 3, "b": 3, "c": 3} == {name: warm_up.count(name) for name in "abc"}
    assert [{name} for name in turns[::6]] == [set(turns[i : i + 6]) for i in range(0, len(turns), 6)]
    assert 3 * 3 * 6 == len(turns)


def test_a_clock_too_coarse_for_a_call_gives_samples_of_one_call() -> None:
    """A clock too coarse for a call gives samples of one call."""
    tick = iter(range(10**6))
    world = World()
    rival = world.rival("a", 0.0, clock=lambda: next(tick) // 4 * 1.0)

    assert 1 == measure([rival], EFFORT, random=Random(0), clock=world.clock)["a"].number


def test_the_calls_of_a_sample_are_limited() -> None:
    """A sample has no more calls than 20 ns each fill, even if the rival reports less time."""
    world = World()
    samples = measure([Waiting(world, 1e-30)], EFFORT, random=Random(0), clock=world.clock)["a"]

    assert round(0.004 / 20e-9) == samples.number


@pytest.mark.parametrize("seed", range(5))
def test_every_round_has_each_rival_once_in_a_random_order(seed: int) -> None:
    """A round has each rival once, in an order drawn for it."""
    world = World()
    turns: list[str] = []
    rivals = [world.rival(name, QUICK, context=_noted(turns, name)) for name in "abcd"]
    measure(rivals, EFFORT, random=Random(seed), clock=world.clock)
    warm_up, *rounds = ("".join(turns[start : start + 4]) for start in range(0, len(turns), 4))

    assert ["abcd"] * 4 == ["".join(sorted(one)) for one in (warm_up, *rounds)]
    assert 1 < len(set(rounds))


def _noted(turns: list[str], name: str) -> Callable[[], Any]:
    @contextmanager
    def context() -> Iterator[None]:
        turns.append(name)
        yield

    return context


def test_the_order_follows_from_the_random_source() -> None:
    """The same seed gives the same order, and another seed another one."""
    diaries = []
    for seed in (3, 3, 4):
        world = World()
        rivals = [world.rival(name, QUICK) for name in "abc"]
        measure(rivals, EFFORT, random=Random(seed), clock=world.clock)
        diaries.append(world.diary)

    assert diaries[0] == diaries[1]
    assert diaries[0] != diaries[2]


def test_a_slow_rival_does_not_cost_a_fast_one_its_rounds() -> None:
    """A slow rival that has used its pass is left out of later rounds, and a fast one has all of its own."""
    world = World()
    rivals = [world.rival("fast", 2**-11), world.rival("slow", 2**-4)]
    samples = measure(rivals, EFFORT, random=Random(0), clock=world.clock)

    assert (22, 1) == (len(samples["fast"].seconds), len(samples["slow"].seconds))
    assert 2 * 2**-4 == samples["slow"].spent_s


@pytest.mark.parametrize(
    ("turns", "kept", "repeated", "disturbed"),
    [
        ("...", [0, 1, 2], 0, 0),
        ("w...", [1, 2, 3], 1, 0),
        (".w.ww.", [0, 2, 5], 3, 0),
        ("wwwwwwww...", [8, 9, 10], 8, 0),
        ("wwwwwwwww..", [8, 9, 10], 8, 1),  # the ninth one is kept
        ("w" * 27, [8, 17, 26], 24, 3),
    ],
)
def test_a_sample_that_waited_is_repeated_at_most_eight_times(
    turns: str, kept: list[int], repeated: int, disturbed: int
) -> None:
    """A sample that waited for a CPU (`w`) is repeated up to eight times, and the ninth is kept."""
    world = World()
    seconds = [QUICK + 2**-20 * place for place in range(len(turns))]
    waits = [float(turn == "w") for turn in turns]
    rival = Waiting(world, QUICK, [Turn(*turn) for turn in zip(seconds, waits, strict=True)])
    samples = measure([rival], EFFORT, random=Random(0), clock=world.clock)["a"]

    assert [seconds[place] for place in kept] == samples.seconds
    assert (repeated, disturbed) == (samples.repeated, samples.disturbed)
    assert [len(turns)] * 2 == [len(rival.asked), samples.seen]


@pytest.mark.parametrize(
    ("call_s", "waited_s", "repeated"),
    [
        (2**-8, 0.05 * 6 * 2**-8, 0),  # 5 % of a sample of six calls
        (2**-8, 0.051 * 6 * 2**-8, 1),
        (2**-20, 0.05 * 4194 * 2**-20, 0),
        (2**-20, 0.051 * 4194 * 2**-20, 1),
    ],
)
def test_a_sample_that_waited_for_over_5_percent_is_repeated(
    call_s: float, waited_s: float, repeated: int
) -> None:
    """A sample is repeated if it waited for more than 5 % of its time."""
    world = World()
    rival = Waiting(world, call_s, [Turn(call_s, waited_s)])

    assert repeated == measure([rival], EFFORT, random=Random(0), clock=world.clock)["a"].repeated


@pytest.mark.parametrize(("waited_s", "repeated"), [(1e-4, 0), (1.01e-4, 1)])
def test_a_wait_of_up_to_100_us_is_accepted(waited_s: float, repeated: int) -> None:
    """A wait of up to 0.1 ms, the time to wake up, does not repeat even a short sample."""
    world = World()
    rival = Waiting(world, 2**-20, [Turn(2**-20, waited_s)])
    effort = APass(sample_s=1e-5)

    assert repeated == measure([rival], effort, random=Random(0), clock=world.clock)["a"].repeated


def test_a_slow_sample_is_not_repeated() -> None:
    """A slow sample that waited is not repeated, and counts as disturbed."""
    world = World()
    rival = Waiting(world, 2**-4, [Turn(2**-4, 1.0)])
    samples = measure([rival], EFFORT, random=Random(0), clock=world.clock)["a"]

    assert ([2**-4], 0, 1) == (samples.seconds, samples.repeated, samples.disturbed)


@pytest.mark.parametrize(
    ("known_s", "call_s", "number"),
    [
        (2**-11, 2**-9, 8),  # an earlier pass was faster
        (2**-9, 2**-11, 8),  # no earlier pass was as fast
        (2**-11, 2**-11, 8),
    ],
)
def test_samples_keep_the_length_of_earlier_passes(known_s: float, call_s: float, number: int) -> None:
    """The length of samples follows from the fastest call of all passes so far."""
    world = World()
    rivals = [world.rival("a", call_s), world.rival("other", 2**-9)]
    known = {"a": known_s}
    samples = measure(rivals, EFFORT, random=Random(0), known=known, clock=world.clock)

    assert (number, 6) == (samples["a"].number, samples["other"].number)
    assert (2**-11, 2**-9) == (samples["a"].call_s, samples["other"].call_s)


@pytest.mark.parametrize("call_s", [2**-14, 2**-8, 2**-5])
def test_with_cold_caches_a_sample_is_a_single_call(call_s: float) -> None:
    """A sample with cold caches is one call, since a second one would find its data in the caches."""
    world = World()
    rival = world.rival("a", call_s, evict=world.act("evict", 2**-6))
    effort = APass(sample_s=0.004, warmup_s=0.0, cache="cold")
    samples = measure([rival], effort, random=Random(0), clock=world.clock)["a"]
    turns = world.diary[world.diary.index("evict") :]

    assert (1, {call_s}) == (samples.number, set(samples.seconds))
    assert ["evict", "a"] * len(samples.seconds) == turns


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), MemoryError()])
@pytest.mark.parametrize(("at", "kept"), [(1, 0), (4, 0), (5, 0), (10, 1)])
def test_an_exception_of_a_rival_does_not_affect_the_others(error: BaseException, at: int, kept: int) -> None:
    """A rival that raises keeps its samples and its error, and is not called again; others go on."""
    world = World()

    def act(count: int) -> None:
        if count == at:
            raise error

    rivals = [world.rival("bad", QUICK, act), world.rival("good", QUICK)]
    samples = measure(rivals, EFFORT, random=Random(0), clock=world.clock)

    assert (error, kept, at) == (samples["bad"].error, len(samples["bad"].seconds), world.diary.count("bad"))
    assert (None, 3) == (samples["good"].error, len(samples["good"].seconds))
    assert at * QUICK == samples["bad"].spent_s


def test_an_output_that_cannot_be_looked_at_is_an_error() -> None:
    """A rival whose output cannot be read has an error and its samples."""
    world = World()
    error = RuntimeError("nothing there")

    def look(_: object) -> None:
        raise error

    rivals = [world.rival("bad", QUICK, look=look), world.rival("good", QUICK, lambda count: count)]
    samples = measure(rivals, EFFORT, random=Random(0), clock=world.clock)

    assert (error, None, 3) == (samples["bad"].error, samples["bad"].seen, len(samples["bad"].seconds))
    assert (None, 3) == (samples["good"].error, len(samples["good"].seconds))


@pytest.mark.parametrize("at", [1, 5])
def test_an_interrupt_ends_the_pass(at: int) -> None:
    """KeyboardInterrupt ends the pass, and garbage is collected again after it."""
    world = World()

    def act(count: int) -> None:
        if count == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure([world.rival("a", QUICK, act)], EFFORT, random=Random(0), clock=world.clock)

    assert (True, at) == (gc.isenabled(), len(world.diary))


def test_the_kept_output_is_of_a_random_call_of_the_last_sample() -> None:
    """The output that is kept is of a call of the last sample, drawn at random."""
    found = set()
    for seed in range(40):
        world = World()
        rival = world.rival("a", QUICK, lambda count: count)
        samples = measure([rival], EFFORT, random=Random(seed), clock=world.clock)["a"]
        found.add(samples.seen - (len(world.diary) - samples.number))

    assert {1, 2, 3, 4, 5, 6} == found


def test_an_output_is_looked_at_before_the_next_turn() -> None:
    """An output is looked at before another rival has a turn, so that late work shows."""
    world = World()
    rivals = [world.rival(name, QUICK, look=world.act(f"look at {name}")) for name in "ab"]
    measure(rivals, EFFORT, random=Random(0), clock=world.clock)
    looked = [index for index, word in enumerate(world.diary) if word.startswith("look")]

    assert [f"look at {world.diary[index - 1]}" for index in looked] == [
        world.diary[index] for index in looked
    ]
    assert ["look at a", "look at b"] == sorted(world.diary[index] for index in looked)


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_collection_is_off_while_the_clock_runs_and_as_before_afterwards(enabled: bool) -> None:
    """Garbage collection is off while calls are timed, and afterwards as it was before."""
    seen = set()
    world = World()
    (gc.enable if enabled else gc.disable)()
    try:
        rival = world.rival("a", QUICK, lambda count: seen.add(gc.isenabled()))
        measure([rival], EFFORT, random=Random(0), clock=world.clock)
        assert ({False}, enabled) == (seen, gc.isenabled())
    finally:
        gc.enable()


def test_a_pass_without_rivals_has_no_samples() -> None:
    """A pass without rivals has no samples."""
    assert {} == measure([], EFFORT, random=Random(0))
