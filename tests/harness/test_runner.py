"""The runner: every case × every implementation, and whatever goes wrong is a record."""

import shlex
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convharness import Case, Problem, Record, Settings, Suite, implementation, plan, run
from convharness.sampling import Effort
from convharness.zoo.convolution import convolve, made
from tests.making import case_of, declared

EFFORT = Effort(rounds=3, least_rounds=1, sample_s=1e-5, budget_s=0.01, warmup_s=0.0)
TIMED = Settings(level="quick", timed=True, effort=EFFORT)
RIGHT = made(convolve, "right")
CASES = (case_of("n1c2h4w4-o2k3-float32"), case_of("n1c2h4w4-o2k1-float32"))


def records(
    *implementations: Any, settings: Settings | None = None, cases: tuple[Case, ...] = CASES[:1]
) -> list[Record]:
    """Return the records of a small suite."""
    return list(run([Suite("mine", cases)], implementations, settings))


def after(calls: int, act: Callable[[Any], Any]) -> Any:
    """Return an implementation that is right for so many calls, and does something else from then on."""
    count = 0

    def body(asked: Any) -> Any:
        nonlocal count
        count += 1
        return convolve(asked) if count <= calls else act(asked)

    return made(body, "turncoat")


def test_there_is_a_record_for_every_case_and_implementation_in_order() -> None:
    """Case by case, each with every implementation."""
    other = made(convolve, "other")
    found = [(record.case.label, record.implementation.name) for record in records(RIGHT, other, cases=CASES)]

    assert [(case.label, f"zoo.{name}") for case in CASES for name in ("right", "other")] == found


def test_what_was_made_here_is_judged_here_however_many_could_judge() -> None:
    """No other process could load it."""
    found = records(RIGHT, settings=Settings(level="quick", jobs=2), cases=CASES)

    assert ["passed", "passed"] == [record.verdict.status for record in found]


def test_nothing_is_run_before_it_is_asked_for() -> None:
    """Records are a stream: the first one is there before the second case is touched."""
    seen = []

    def noted(asked: Any) -> Any:
        seen.append(asked.weight.shape[-1])
        return convolve(asked)

    stream = run([Suite("mine", CASES)], [made(noted)])
    assert [] == seen
    next(stream)
    assert {3} == set(seen)


def test_without_timing_there_is_no_measurement() -> None:
    """A verdict alone."""
    record = records(RIGHT)[0]

    assert ("passed", None) == (record.verdict.status, record.measurement)


def test_what_passed_is_timed() -> None:
    """As many samples as the effort says, and planning time where there is a plan."""

    @plan
    def planned(weight, problem):
        return lambda x: convolve(_asked(x, weight, problem))

    called, plans = records(RIGHT, declared(planned), settings=TIMED)
    assert [(1, 3), (1, 3)] == [
        (min(1, one.measurement.number), len(one.measurement.samples_s)) for one in (called, plans)
    ]
    assert [None, True] == [one.measurement.plan_s and one.measurement.plan_s > 0 for one in (called, plans)]


def _asked(x: Any, weight: Any, problem: Problem) -> Any:
    from convharness.zoo.convolution import Asked

    return Asked(
        x, weight, None, problem.stride, problem.pads, problem.dilation, problem.groups, problem.padding_mode
    )


def test_what_failed_is_not_timed() -> None:
    """A wrong result has no speed."""

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
def test_what_goes_wrong_while_it_is_timed_has_no_time(
    calls: int, act: Callable[[Any], Any], status: str, reason: str
) -> None:
    """The others are timed all the same, and the verdict sinks."""
    bad, good = records(after(calls, act), RIGHT, settings=TIMED)

    assert (status, "at size", None) == (bad.verdict.status, bad.verdict.layer, bad.measurement)
    assert (bad.verdict.reason or "").startswith(reason)
    assert ("passed", 3) == (good.verdict.status, len(good.measurement.samples_s))


def test_a_failure_while_timing_is_reproduced_by_timing() -> None:
    """The command is `time`, on the same problem."""
    record = records(after(VERIFYING, lambda asked: None), settings=TIMED)[0]

    command = "convharness time --implementation zoo.turncoat --problem n1c2h4w4-o2k3-float32"
    command += " --level quick --seed 0"
    assert command == record.verdict.reproduce


def test_a_chain_that_fails_while_timing_names_a_command_that_runs_the_chain() -> None:
    """The last layer alone would not show it."""
    chain = Case("two layers", (Problem.parse("c2h4w4-o3k1"), Problem.parse("c3h4w4-o2k3")))
    record = records(after(2 * VERIFYING, lambda asked: convolve(asked) + 1), settings=TIMED, cases=(chain,))[
        0
    ]
    words = shlex.split(record.verdict.reproduce or "")

    assert "wrong" == record.verdict.status
    assert ["convharness", "time"] == words[:2]
    assert "two layers" == words[words.index("--case") + 1]


def test_a_missing_library_is_a_record_with_the_command_that_installs_it() -> None:
    """Nothing is run."""

    @implementation(library="no_such_library_here")
    def never(x, weight):
        raise RuntimeError("it ran")

    verdict = records(declared(never))[0].verdict
    reason = "no_such_library_here is not installed; run: pip install no_such_library_here"
    assert ("unavailable", reason) == (verdict.status, verdict.reason)


def test_one_that_raises_leaves_the_others_intact() -> None:
    """Its record says what it raised."""

    def leaves(asked: Any) -> Any:
        raise SystemExit(0)

    bad, good = records(made(leaves), RIGHT)
    assert ("error", "SystemExit: 0", "passed") == (
        bad.verdict.status,
        bad.verdict.reason,
        good.verdict.status,
    )


def test_the_engine_s_own_reference_can_be_a_yardstick() -> None:
    """Timed in the same rounds, in nobody's record but beside everybody's samples."""
    found = records(RIGHT, settings=Settings(timed=True, yardstick=True, effort=EFFORT))

    assert 1 == len(found)
    assert 1 <= len(found[0].measurement.yardstick_s) <= 3
    assert () == records(RIGHT, settings=TIMED)[0].measurement.yardstick_s


def test_a_chain_is_timed_as_a_whole_and_its_last_output_checked() -> None:
    """Right layers pass together, within the bound that errors of the first allow the second."""
    chain = Case("chain", (Problem.parse("c8h6w6-o8k3"), Problem.parse("c8h4w4-o2k3b")))
    record = records(RIGHT, settings=TIMED, cases=(chain,))[0]

    assert ("passed", 3) == (record.verdict.status, len(record.measurement.samples_s))


def test_the_same_seed_gives_the_same_verdicts() -> None:
    """A run can be repeated."""
    settings = Settings(seed=3)

    assert [one.verdict for one in records(RIGHT, settings=settings)] == [
        one.verdict for one in records(RIGHT, settings=settings)
    ]
