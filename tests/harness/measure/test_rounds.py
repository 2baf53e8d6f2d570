"""Rounds, with a clock that only calls advance: every figure is an equality.

Calls take powers of two, of which a clock of floats makes exact sums.
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
    """A rival that says how long a call takes and what its first samples come to; samples are numbered."""

    name = "a"

    def __init__(self, world: World, call_s: float, turns: Sequence[Turn] = ()) -> None:
        self.asked: list[int] = []
        self._world = world
        self._call_s = call_s
        self._turns = iter(turns)

    def warm_up(self, effort: Effort) -> tuple[float, float]:
        """Take the time of a call."""
        self._world.now += self._call_s
        return self._call_s, self._call_s

    def sample(self, number: int, seen: int) -> Turn:
        """Take a second, and note what was asked for."""
        self._world.now += 1.0
        self.asked.append(number)
        return next(self._turns, Turn(self._call_s))

    def seen(self) -> int:
        """Return which sample is looked at."""
        return len(self.asked)


class APass(Effort):
    """An effort whose passes take 0.1 s, whatever the budget."""

    pass_s = 0.1  # type: ignore[assignment]


EFFORT = APass(sample_s=0.004, warmup_s=0.01)
QUICK = 2**-8
"""Three calls make it warm, six make a sample, and three samples fill a pass."""


def test_a_sample_is_seconds_per_call() -> None:
    """As many calls as fill a sample, and the mean of them."""
    world = World()
    samples = measure([world.rival("a", QUICK)], EFFORT, random=Random(0), clock=world.clock)["a"]

    assert [QUICK] * 3 == samples.seconds
    assert (6, QUICK, QUICK, None) == (samples.number, samples.call_s, samples.first_call_s, samples.error)


@pytest.mark.parametrize(
    ("call_s", "warming", "number", "rounds"),
    [
        (2**-14, 164, 66, 22),  # 66 fill 4 ms
        (2**-11, 21, 8, 22),
        (2**-9, 6, 6, 7),  # two would fill them, but six have a median that minds none of them
        (2**-8, 3, 6, 3),
        (2**-7, 2, 1, 10),  # from 5 ms on a call stands for itself
        (2**-5, 1, 1, 3),  # three samples, whatever the pass
        (2**-4, 1, 1, 1),  # of what takes more than 50 ms one will do
        (8.0, 1, 1, 1),
    ],
)
def test_a_pass_has_so_many_calls(call_s: float, warming: int, number: int, rounds: int) -> None:
    """Those that make it warm, and samples of so many while there is time for one more."""
    world = World()
    samples = measure([world.rival("a", call_s)], EFFORT, random=Random(0), clock=world.clock)["a"]

    assert (number, rounds) == (samples.number, len(samples.seconds))
    assert warming + rounds * number == len(world.diary)
    assert len(world.diary) * call_s == samples.spent_s


@pytest.mark.parametrize(
    ("later_s", "number", "left_out"),
    [
        (2**-9, 1, 0),  # a sample of half the length will do
        (2**-10, 4, 1),
        (2**-16, 256, 1),
    ],
)
def test_a_slow_first_call_does_not_make_for_short_samples(
    later_s: float, number: int, left_out: int
) -> None:
    """It was all of the warm-up, and no measure; a sample that ends too early is left out."""
    world = World()
    slow_at_first = iter([2**-6])

    def act(count: int) -> None:
        world.now += next(slow_at_first, later_s)

    effort = APass(sample_s=2**-8, warmup_s=2**-8)
    samples = measure([world.rival("a", 0.0, act)], effort, random=Random(0), clock=world.clock)["a"]

    assert (2**-6, {later_s}, number) == (samples.first_call_s, set(samples.seconds), samples.number)
    assert 1 + left_out + number * len(samples.seconds) == len(world.diary)


def test_what_a_rival_waited_for_does_not_fill_its_sample() -> None:
    """A second passed each time, but nearly all of it before it had a processor."""
    world = World()
    rival = Waiting(world, 2**-7, [Turn(2**-10, 1.0 - 2**-10)] * 9)
    measure([rival], EFFORT, random=Random(0), clock=world.clock)

    assert [*[1] * 9, 5] == rival.asked[:10]


def test_what_a_rival_tells_of_its_samples_does_not_make_for_longer_ones() -> None:
    """How many calls the next pass begins with is told by the clock of this process alone."""
    world = World()
    rival = Waiting(world, 2**-7, [Turn(2**-30)] * 3)
    samples = measure([rival], EFFORT, random=Random(0), clock=world.clock)["a"]

    assert (2**-7, 2**-30) == (samples.call_s, samples.seconds[0])


def test_a_turn_is_a_rival_s_own() -> None:
    """Nobody else is called within it, and all of its calls are in its sample."""
    world = World()
    rivals = [world.rival(name, QUICK) for name in "abc"]
    measure(rivals, EFFORT, random=Random(0), clock=world.clock)
    warm_up, turns = world.diary[: 3 * 3], world.diary[3 * 3 :]

    assert {"a": 3, "b": 3, "c": 3} == {name: warm_up.count(name) for name in "abc"}
    assert [{name} for name in turns[::6]] == [set(turns[i : i + 6]) for i in range(0, len(turns), 6)]
    assert 3 * 3 * 6 == len(turns)


def test_a_clock_too_coarse_to_see_a_call_counts_it_once() -> None:
    """Nothing says how many would fill a sample."""
    tick = iter(range(10**6))
    world = World()
    rival = world.rival("a", 0.0, clock=lambda: next(tick) // 4 * 1.0)

    assert 1 == measure([rival], EFFORT, random=Random(0), clock=world.clock)["a"].number


def test_who_claims_to_take_no_time_gets_no_endless_samples() -> None:
    """Nothing is called in less than 20 ns."""
    world = World()
    samples = measure([Waiting(world, 1e-30)], EFFORT, random=Random(0), clock=world.clock)["a"]

    assert round(0.004 / 20e-9) == samples.number


@pytest.mark.parametrize("seed", range(5))
def test_every_round_has_each_rival_once_in_an_order_drawn_anew(seed: int) -> None:
    """Rounds are whole: no rival has two turns before another had one."""
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


def test_the_order_is_the_random_source_s() -> None:
    """The same seed, the same order; another seed, another one."""
    diaries = []
    for seed in (3, 3, 4):
        world = World()
        rivals = [world.rival(name, QUICK) for name in "abc"]
        measure(rivals, EFFORT, random=Random(seed), clock=world.clock)
        diaries.append(world.diary)

    assert diaries[0] == diaries[1]
    assert diaries[0] != diaries[2]


def test_a_slow_rival_does_not_cost_a_fast_one_its_rounds() -> None:
    """Who has used up its pass is left out of the later rounds, and pays for nobody else."""
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
        ("wwwwwwwww..", [8, 9, 10], 8, 1),  # the ninth one is kept all the same
        ("w" * 27, [8, 17, 26], 24, 3),
    ],
)
def test_a_sample_that_waited_is_taken_again_at_most_eight_times(
    turns: str, kept: list[int], repeated: int, disturbed: int
) -> None:
    """Others had the processor in those with a `w`; what is not kept leaves only its number."""
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
        (2**-8, 0.05 * 6 * 2**-8, 0),  # a twentieth of a sample of six calls
        (2**-8, 0.051 * 6 * 2**-8, 1),
        (2**-20, 0.05 * 4194 * 2**-20, 0),
        (2**-20, 0.051 * 4194 * 2**-20, 1),
    ],
)
def test_a_sample_waited_if_it_did_so_for_a_twentieth_of_its_time(
    call_s: float, waited_s: float, repeated: int
) -> None:
    """Less is a disturbance that it can bear."""
    world = World()
    rival = Waiting(world, call_s, [Turn(call_s, waited_s)])

    assert repeated == measure([rival], EFFORT, random=Random(0), clock=world.clock)["a"].repeated


@pytest.mark.parametrize(("waited_s", "repeated"), [(1e-4, 0), (1.01e-4, 1)])
def test_waking_up_is_no_disturbance(waited_s: float, repeated: int) -> None:
    """A wait of up to 0.1 ms is borne by the shortest of samples."""
    world = World()
    rival = Waiting(world, 2**-20, [Turn(2**-20, waited_s)])
    effort = APass(sample_s=1e-5)

    assert repeated == measure([rival], effort, random=Random(0), clock=world.clock)["a"].repeated


def test_a_slow_sample_is_never_taken_again() -> None:
    """It would take the time of others; that it was disturbed is told."""
    world = World()
    rival = Waiting(world, 2**-4, [Turn(2**-4, 1.0)])
    samples = measure([rival], EFFORT, random=Random(0), clock=world.clock)["a"]

    assert ([2**-4], 0, 1) == (samples.seconds, samples.repeated, samples.disturbed)


@pytest.mark.parametrize(
    ("known_s", "call_s", "number"),
    [
        (2**-11, 2**-9, 8),  # once it was as fast as that
        (2**-9, 2**-11, 8),  # it never was
        (2**-11, 2**-11, 8),
    ],
)
def test_what_is_known_of_earlier_passes_keeps_samples_of_one_length(
    known_s: float, call_s: float, number: int
) -> None:
    """The fastest call of all passes counts, and is told to the next one."""
    world = World()
    rivals = [world.rival("a", call_s), world.rival("other", 2**-9)]
    known = {"a": known_s}
    samples = measure(rivals, EFFORT, random=Random(0), known=known, clock=world.clock)

    assert (number, 6) == (samples["a"].number, samples["other"].number)
    assert (2**-11, 2**-9) == (samples["a"].call_s, samples["other"].call_s)


@pytest.mark.parametrize("call_s", [2**-14, 2**-8, 2**-5])
def test_with_cold_caches_a_sample_is_a_single_call(call_s: float) -> None:
    """However short: a second one would find what the first has left."""
    world = World()
    rival = world.rival("a", call_s, evict=world.act("evict", 2**-6))
    effort = APass(sample_s=0.004, warmup_s=0.0, cache="cold")
    samples = measure([rival], effort, random=Random(0), clock=world.clock)["a"]
    turns = world.diary[world.diary.index("evict") :]

    assert (1, {call_s}) == (samples.number, set(samples.seconds))
    assert ["evict", "a"] * len(samples.seconds) == turns


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), MemoryError()])
@pytest.mark.parametrize(("at", "kept"), [(1, 0), (4, 0), (5, 0), (10, 1)])
def test_a_rival_that_raises_leaves_the_others_intact(error: BaseException, at: int, kept: int) -> None:
    """What it raised is its result; samples before that are kept, and it is not called again."""
    world = World()

    def act(count: int) -> None:
        if count == at:
            raise error

    rivals = [world.rival("bad", QUICK, act), world.rival("good", QUICK)]
    samples = measure(rivals, EFFORT, random=Random(0), clock=world.clock)

    assert (error, kept, at) == (samples["bad"].error, len(samples["bad"].seconds), world.diary.count("bad"))
    assert (None, 3) == (samples["good"].error, len(samples["good"].seconds))
    assert at * QUICK == samples["bad"].spent_s


def test_what_cannot_be_looked_at_is_an_error_too() -> None:
    """Its samples are there, and its output is not."""
    world = World()
    error = RuntimeError("nothing there")

    def look(_: object) -> None:
        raise error

    rivals = [world.rival("bad", QUICK, look=look), world.rival("good", QUICK, lambda count: count)]
    samples = measure(rivals, EFFORT, random=Random(0), clock=world.clock)

    assert (error, None, 3) == (samples["bad"].error, samples["bad"].seen, len(samples["bad"].seconds))
    assert (None, 3) == (samples["good"].error, len(samples["good"].seconds))


@pytest.mark.parametrize("at", [1, 5])
def test_an_interrupt_ends_everything(at: int) -> None:
    """Ctrl-C is for the person, not for a rival's record; garbage is collected again after it."""
    world = World()

    def act(count: int) -> None:
        if count == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure([world.rival("a", QUICK, act)], EFFORT, random=Random(0), clock=world.clock)

    assert (True, at) == (gc.isenabled(), len(world.diary))


def test_what_is_seen_is_a_call_of_the_last_sample_and_any_of_them() -> None:
    """Nobody can know which: in forty passes it was each of the six."""
    found = set()
    for seed in range(40):
        world = World()
        rival = world.rival("a", QUICK, lambda count: count)
        samples = measure([rival], EFFORT, random=Random(seed), clock=world.clock)["a"]
        found.add(samples.seen - (len(world.diary) - samples.number))

    assert {1, 2, 3, 4, 5, 6} == found


def test_what_is_seen_is_looked_at_before_anybody_else_has_a_turn() -> None:
    """What is not there yet is missing then."""
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
    """A collection in a sample would be timed with it."""
    seen = set()
    world = World()
    (gc.enable if enabled else gc.disable)()
    try:
        rival = world.rival("a", QUICK, lambda count: seen.add(gc.isenabled()))
        measure([rival], EFFORT, random=Random(0), clock=world.clock)
        assert ({False}, enabled) == (seen, gc.isenabled())
    finally:
        gc.enable()


def test_no_rivals_make_no_samples() -> None:
    """There is nothing to time."""
    assert {} == measure([], EFFORT, random=Random(0))
