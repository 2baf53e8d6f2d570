"""The runner: every case × every implementation, where each failure is a record."""

import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import pytest

from convharness import Case, Problem, Record, Settings, Suite, implementation, plan, run
from convharness.engine.rival_state import TimingFailure
from convharness.machine.ceilings import Ceilings
from convharness.measure.stopwatch import Effort
from convharness.zoo.convolution import convolve, made
from tests.making import case_of, declared

EFFORT = Effort(sample_s=1e-5, budget_s=1e-9, warmup_s=0.0)  # three passes of three samples: the least
SAMPLES = 9
TIMED = Settings(level="quick", timed=True, effort=EFFORT)
RIGHT = made(convolve, "right")
CASES = (case_of("n1c2h4w4-o2k3-float32"), case_of("n1c2h4w4-o2k1-float32"))

BOUNDLESS = Ceilings(threads=1, gflops={"float32": 1e30}, gbytes_s=1e30, cached_gbytes_s=1e30)
SLUGGISH = Ceilings(threads=1, gflops={"float32": 1e-30}, gbytes_s=1e-30, cached_gbytes_s=1e-30)


@pytest.fixture(autouse=True)
def run_beside_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests run while another process measures, since these assert no times."""
    monkeypatch.setattr("convharness.engine.timing.alone", nullcontext)


@pytest.fixture(autouse=True)
def ceilings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Replace the ceilings of the machine by ones without bound, and return the thread counts asked for."""
    asked: list[int] = []
    monkeypatch.setattr(
        "convharness.engine.runner.ceilings_of", lambda threads: asked.append(threads) or BOUNDLESS
    )
    return asked


def records(
    *implementations: Any, settings: Settings | None = None, cases: tuple[Case, ...] = CASES[:1]
) -> list[Record]:
    """Return the records of a small suite."""
    return list(run([Suite("mine", cases)], implementations, settings))


def after(calls: int, act: Callable[[Any], Any]) -> Any:
    """Return an implementation that is right for `calls` calls, and does `act` afterwards."""
    count = 0

    def body(asked: Any) -> Any:
        nonlocal count
        count += 1
        return convolve(asked) if count <= calls else act(asked)

    return made(body, "turncoat")


def test_there_is_a_record_for_every_case_and_implementation_in_order() -> None:
    """The records come case by case, each with every implementation in order."""
    other = made(convolve, "other")
    found = [(record.case.label, record.implementation.name) for record in records(RIGHT, other, cases=CASES)]

    assert [(case.label, f"zoo.{name}") for case in CASES for name in ("right", "other")] == found


def test_an_implementation_made_in_this_process_is_judged_here() -> None:
    """An implementation without a file is judged in this process, even with several jobs."""
    found = records(RIGHT, settings=Settings(level="quick", jobs=2), cases=CASES)

    assert ["passed", "passed"] == [record.verdict.status for record in found]


def test_nothing_is_run_before_it_is_asked_for() -> None:
    """The first record is there before the second case is run."""
    seen = []

    def noted(asked: Any) -> Any:
        seen.append(asked.weight.shape[-1])
        return convolve(asked)

    stream = run([Suite("mine", CASES)], [made(noted)])
    assert [] == seen
    next(stream)
    assert {3, 4} == set(seen)  # 4 is that of a problem that is called in between


def test_an_implementation_is_asked_no_more_when_its_time_is_up() -> None:
    """Each verdict takes a second here; the one that fails the limit is the last, of every implementation."""
    suite = Suite("mine", tuple(case_of(f"n1c2h{size}w4-o2k3-float32") for size in (4, 5, 6, 7)))
    implementations = [RIGHT, made(convolve, "other")]
    settings = Settings(level="quick", time_s=1.5)
    clock = partial(next, map(float, count()))
    found = Counter(one.implementation.name for one in run([suite], implementations, settings, clock=clock))

    assert {"zoo.right": 2, "zoo.other": 2} == found


def test_a_suite_is_asked_of_the_implementations_that_it_is_for() -> None:
    """The others have no record of it."""
    suites = [Suite("all", CASES[:1]), Suite("one", CASES[1:], implementations=frozenset({"zoo.other"}))]
    found = run(suites, [RIGHT, made(convolve, "other")])

    assert [("all", "zoo.right"), ("all", "zoo.other"), ("one", "zoo.other")] == [
        (one.suite, one.implementation.name) for one in found
    ]


def test_a_suite_that_is_not_timed_is_judged() -> None:
    """Its records have no measurement though the run is timed."""
    (found,) = run([Suite("mine", CASES[:1], is_timed=False)], [RIGHT], TIMED)

    assert ("passed", None) == (found.verdict.status, found.measurement)


def test_without_timing_there_is_no_measurement() -> None:
    """A record of a run without timing has a verdict and no measurement."""
    record = records(RIGHT)[0]

    assert ("passed", None) == (record.verdict.status, record.measurement)


def test_an_implementation_that_passed_is_timed() -> None:
    """A passed implementation has at least three passes of three samples, and a plan has a planning time."""

    @plan
    def planned(weight, problem):
        return lambda x: convolve(_asked(x, weight, problem))

    called, plans = records(RIGHT, declared(planned), settings=TIMED)
    assert [[(0, 3), (1, 3), (2, 3)]] * 2 == [
        [(generation, len(samples)) for generation, samples in one.measurement.passes]
        for one in (called, plans)
    ]
    assert [None, True] == [one.measurement.plan_s and one.measurement.plan_s > 0 for one in (called, plans)]


def _asked(x: Any, weight: Any, problem: Problem) -> Any:
    from convharness.zoo.convolution import Asked

    return Asked(
        x, weight, None, problem.stride, problem.pads, problem.dilation, problem.groups, problem.padding_mode
    )


def test_an_implementation_that_failed_is_not_timed() -> None:
    """A record with a wrong result has no measurement."""

    def wrong(asked: Any) -> Any:
        return convolve(asked) + 1

    record = records(made(wrong), settings=TIMED)[0]
    assert ("wrong", None) == (record.verdict.status, record.measurement)


VERIFYING = 5  # calls of the quick level: the contract, and one per probe


@pytest.mark.parametrize(
    ("act", "status", "reason"),
    [
        (
            lambda asked: convolve(asked) + 1,
            "wrong",
            "right when verified, wrong when timed: y[0, 0, 0, 0] is ",
        ),
        (
            lambda asked: convolve(asked) * np.nan,
            "wrong",
            "right when verified, wrong when timed: y[0, 0, 0, 0] is nan",
        ),
        (
            lambda asked: np.zeros(3),
            "contract",
            "when timed: returned shape (3,), want (1, 2, 2, 2)",
        ),
        (lambda asked: None, "contract", "when timed: returned nothing, want numpy.ndarray"),
        (lambda asked: 1 / 0, "error", "when timed: ZeroDivisionError: division by zero"),
    ],
)
@pytest.mark.parametrize("calls", [VERIFYING, VERIFYING + 3])
def test_an_implementation_that_fails_while_timed_has_no_measurement(
    calls: int, act: Callable[[Any], Any], status: str, reason: str
) -> None:
    """A failure while timing changes the verdict and removes the measurement; the others are still timed."""
    bad, good = records(after(calls, act), RIGHT, settings=TIMED)

    assert (status, "at size", None) == (bad.verdict.status, bad.verdict.layer, bad.measurement)
    assert (bad.verdict.reason or "").startswith(reason)
    assert ("passed", SAMPLES) == (good.verdict.status, len(good.measurement.samples_s))


def test_a_failure_while_timing_is_reproduced_by_timing() -> None:
    """The reproducer of a failure while timing is `convharness time` on the same problem."""
    record = records(after(VERIFYING, lambda asked: None), settings=TIMED)[0]

    command = "convharness time --implementation zoo.turncoat --problem n1c2h4w4-o2k3-float32"
    command += " --level quick --seed 0"
    assert command == record.verdict.reproduce


def test_a_chain_that_fails_while_timing_names_a_command_that_runs_the_chain() -> None:
    """The reproducer of a chain that failed while timing runs the whole chain."""
    chain = Case("two layers", (Problem.parse("c2h4w4-o3k1"), Problem.parse("c3h4w4-o2k3")))
    record = records(after(2 * VERIFYING, lambda asked: convolve(asked) + 1), settings=TIMED, cases=(chain,))[
        0
    ]
    words = shlex.split(record.verdict.reproduce or "")

    assert "wrong" == record.verdict.status
    assert ["convharness", "time"] == words[:2]
    assert "two layers" == words[words.index("--case") + 1]


def test_a_missing_library_is_a_record_with_the_command_that_installs_it() -> None:
    """The record of an implementation whose library is missing names the command that installs it."""

    @implementation(library="no_such_library_here")
    def never(x, weight):
        raise RuntimeError("it ran")

    verdict = records(declared(never))[0].verdict
    reason = "no_such_library_here is not installed; run: pip install no_such_library_here"
    assert ("unavailable", reason) == (verdict.status, verdict.reason)


def test_an_exception_does_not_affect_other_implementations() -> None:
    """The record of an implementation that raises names the exception, and the next one passes."""

    def leaves(asked: Any) -> Any:
        raise SystemExit(0)

    bad, good = records(made(leaves), RIGHT)
    assert ("error", "SystemExit: 0", "passed") == (
        bad.verdict.status,
        bad.verdict.reason,
        good.verdict.status,
    )


def test_the_reference_plugin_can_be_timed_beside_the_others() -> None:
    """The reference plugin has no record, and its samples are in the measurements of the others."""
    found = records(RIGHT, settings=Settings(timed=True, reference=True, effort=EFFORT))

    assert 1 == len(found)
    assert [0, 1, 2] == [generation for generation, _ in found[0].measurement.reference]
    assert () == records(RIGHT, settings=TIMED)[0].measurement.reference


def test_a_time_faster_than_the_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time beyond the ceilings breaks the contract, is not kept, and is reproduced by timing."""
    monkeypatch.setattr("convharness.engine.runner.ceilings_of", lambda threads: SLUGGISH)
    monkeypatch.setattr("convharness.engine.runner.measured_ceilings", lambda threads: None)
    record = records(RIGHT, settings=TIMED)[0]

    assert ("contract", "at size", None) == (
        record.verdict.status,
        record.verdict.layer,
        record.measurement,
    )
    assert (record.verdict.reason or "").startswith("when timed: took ")
    assert ["convharness", "time"] == shlex.split(record.verdict.reproduce or "")[:2]


def test_ceilings_are_measured_again_before_a_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ceilings are measured again once in a run before a time is refused, and the new ones count."""
    asked: list[int] = []
    monkeypatch.setattr("convharness.engine.runner.ceilings_of", lambda threads: SLUGGISH)
    monkeypatch.setattr(
        "convharness.engine.runner.measured_ceilings", lambda threads: asked.append(threads) or BOUNDLESS
    )
    found = records(RIGHT, settings=TIMED, cases=CASES)

    assert ([1], ["passed"] * len(CASES)) == (asked, [record.verdict.status for record in found])


def test_with_cold_caches_nothing_is_too_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time with cold caches is not compared with the ceilings, which are those of warm ones."""
    monkeypatch.setattr("convharness.engine.runner.ceilings_of", lambda threads: SLUGGISH)
    monkeypatch.setattr("convharness.machine.caches.evicting_bytes", lambda: 4096)
    settings = replace(TIMED, effort=replace(EFFORT, cache="cold"))
    record = records(RIGHT, settings=settings)[0]

    assert ("passed", {1}) == (record.verdict.status, set(record.measurement.numbers))


@pytest.mark.parametrize(("settings", "asked"), [(TIMED, [1]), (Settings(level="quick"), [])])
def test_the_machine_s_ceilings_are_in_every_record_that_has_a_time(
    settings: Settings, asked: list[int], ceilings: list[int]
) -> None:
    """Ceilings are asked for once in a run that times, and are in each of its records."""
    found = records(RIGHT, made(convolve, "other"), settings=settings, cases=CASES)

    assert asked == ceilings
    assert [BOUNDLESS if asked else None] * 4 == [record.ceilings for record in found]


def test_a_case_is_timed_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timing gets the effort, seed, baseline, reference and workers of the run, and what passed."""
    asked: list[Any] = []

    def time_case(case: Case, chosen: Sequence[Any], effort: Effort, **how: Any) -> dict[str, TimingFailure]:
        asked.append((case, [one.name for one in chosen], effort, how))
        return {one.name: TimingFailure("error", "when timed: no") for one in chosen}

    monkeypatch.setattr("convharness.engine.runner.time_case", time_case)
    settings = replace(TIMED, seed=7, threads=2, baseline="zoo.right", reference=True)
    records(RIGHT, made(lambda asked: convolve(asked) + 1, "wrong"), settings=settings)
    ((case, names, effort, how),) = asked

    assert (CASES[0], ["zoo.right"], EFFORT) == (case, names, effort)
    assert (7, "zoo.right", True, 2) == (
        how["seed"],
        how["baseline"],
        how["reference"],
        how["pool"].threads,
    )


def test_a_chain_is_timed_as_a_whole_and_its_last_output_checked() -> None:
    """A chain of right layers passes within a bound that allows for the errors of earlier layers."""
    chain = Case("chain", (Problem.parse("c8h6w6-o8k3"), Problem.parse("c8h4w4-o2k3b")))
    record = records(RIGHT, settings=TIMED, cases=(chain,))[0]

    assert ("passed", SAMPLES) == (record.verdict.status, len(record.measurement.samples_s))


def test_the_same_seed_gives_the_same_verdicts() -> None:
    """Two runs with the same seed give equal verdicts."""
    settings = Settings(seed=3)

    assert [one.verdict for one in records(RIGHT, settings=settings)] == [
        one.verdict for one in records(RIGHT, settings=settings)
    ]
