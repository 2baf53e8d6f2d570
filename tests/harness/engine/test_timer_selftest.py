"""The timer's own test: kernels that do exactly so many units of work, and what trials of them say."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convharness import HarnessError, Implementation, Measurement, Problem, Registry
from convharness.engine import timer_selftest
from convharness.engine.rival_state import TimingFailure
from convharness.engine.timer_selftest import KERNELS, Marks, Trial, kernel_rows, marks, smallest, trials
from convharness.measure.decisions import Decision, decide
from convharness.measure.stopwatch import Effort
from convharness.oracle import Oracle
from convharness.plugins.discovery import held_by
from convharness.zoo import paces as zoo
from tests.making import case_of

# The zoo


@pytest.fixture(scope="module")
def held() -> Registry:
    """Return the kernels as workers load them."""
    return held_by(Path(zoo.__file__), "file", "paces")


def test_all_of_them_can_be_loaded_by_a_worker(held: Registry) -> None:
    """By their file alone: three kinds, with a base of 20 units and one of 100."""
    names = [f"paces.{name}" for kind in zoo.KINDS for base in zoo.BASES for name in zoo.names_of(kind, base)]

    assert ((), ()) == (held.broken, held.unavailable)
    assert sorted(names) == sorted(one.name for one in held.implementations)


@pytest.mark.parametrize(
    ("base", "units"),
    [
        (100, {"": 100, "_again": 100, "1": 101, "2": 102, "5": 105, "10": 110}),
        (20, {"": 20, "_again": 20, "5": 21, "10": 22}),  # 1 % of 20 is no unit
    ],
)
def test_a_kind_has_a_base_the_same_again_and_slow_downs_of_whole_units(
    base: int, units: dict[str, int]
) -> None:
    """Of 1, 2, 5 and 10 %, where that is a whole number."""
    assert list(units.values()) == list(zoo.names_of("kind", base).values())
    assert {name: units for name, units in zoo.names_of("kind", base).items() if "again" not in name} == {
        f"kind_{units}": units for units in units.values()
    }
    assert base == zoo.names_of("kind", base)[f"kind_{base}_again"]


@pytest.mark.parametrize("units", [1, 20, 102])
def test_a_kernel_does_the_whole_work_so_many_times(units: int) -> None:
    """And hands out what the last of them gave; what the one before gave is gone by then."""
    made = []

    def unit(x: object, weight: object) -> int:
        made.append((x, weight))
        return len(made)

    assert units == zoo._paced(unit, units)("x", "weight", 1)
    assert [("x", "weight")] * units == made


def test_identical_pairs_have_the_same_code() -> None:
    """But for the name by which they are known."""
    for kind in zoo.KINDS:
        for base in zoo.BASES:
            one, again = (getattr(zoo, f"{kind}_{base}{ending}") for ending in ("", "_again"))
            assert one.__code__ is again.__code__
            assert [cell.cell_contents for cell in one.__closure__] == [
                cell.cell_contents for cell in again.__closure__
            ]


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_can_do_the_problem_that_makes_it_so_long(kernel: str, held: Registry) -> None:
    """At each of its paces."""
    kind, base = kernel.split(maxsplit=1)[0].split("_")
    names = [f"paces.{name}" for name in zoo.names_of(kind, int(base))]
    problem = Problem.parse(KERNELS[kernel])

    assert {None} == {one.refuses(problem) for one in held.select(names)}
    assert len(names) == len(held.select(names))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("product_20", "n2c4h4w4-o3k1-float32"),
        ("product_21", "n1c4h4w4-o4k1-float32"),
        ("scaling_20", "n2c3h4w5-o3k1g3-float32"),
        ("scaling_22", "n1c8h8w8-o8k1g8-float64"),
        ("loops_20", "n1c1h5w6-o1k1-float32"),
        ("loops_21", "n1c1h14w14-o1k1-float32"),
    ],
)
def test_they_are_right(name: str, text: str, held: Registry) -> None:
    """What is wrong would not be timed."""
    (one,) = held.select([f"paces.{name}"])
    verdict = Oracle(level="standard").judge(one, case_of(text))

    assert ("passed", None) == (verdict.status, verdict.reason)


@pytest.mark.parametrize(("name", "text"), [("scaling_100", "n1c8h8w8-o8k1"), ("loops_100", "n1c2h8w8-o1k1")])
def test_what_they_cannot_do_they_refuse(name: str, text: str, held: Registry) -> None:
    """A scaling needs a channel per group, a loop a single one."""
    (one,) = held.select([f"paces.{name}"])

    assert one.refuses(Problem.parse(text)) is not None


# Trials, of an engine that is made up

SLOW = Decision("slower", 1.05 * exp(0.01), 1.04, 1.07, p=1e-6, detectable=0.02)
FAST = Decision("faster", 0.97, 0.96, 0.98, p=1e-3, detectable=0.01)
SAME = Decision("same", 1.0, 0.99, 1.01, p=0.9, detectable=0.03)
UNKNOWN = Decision("cannot tell", 1.1)

FOUND = Trial("product_100", 0, 0.05, SLOW, base_s=1e-4, kernel_s=2.0, wall_s=8.0)
MISSED = replace(FOUND, decision=SAME)
MISTAKEN = replace(FOUND, decision=FAST)
QUIET = replace(FOUND, slowdown=0.0, decision=SAME)
ALARM = replace(FOUND, slowdown=0.0, decision=FAST)


@pytest.mark.parametrize(
    ("trial", "is_found", "is_right"),
    [
        (FOUND, True, True),
        (MISSED, False, False),
        (MISTAKEN, True, False),
        (QUIET, False, True),
        (ALARM, True, False),
        (replace(QUIET, decision=UNKNOWN), False, True),
        (replace(FOUND, decision=UNKNOWN), False, False),
    ],
)
def test_what_is_found_is_right_or_not(trial: Trial, is_found: bool, is_right: bool) -> None:
    """A difference in the wrong direction is found, and wrong."""
    assert (is_found, is_right) == (trial.is_found, trial.is_right)


def test_an_error_is_that_of_the_ratio() -> None:
    """A logarithm: 5 % were planted, and a percent more found."""
    assert (pytest.approx(0.01), pytest.approx(log(1 / 1.05))) == (FOUND.error, MISSED.error)
    assert 0.0 == replace(QUIET, decision=Decision("cannot tell")).error


def test_a_trial_is_a_flat_row() -> None:
    """The word of its decision has a name of its own."""
    row = FOUND.row()

    assert ("slower", 0.05, 1e-6, 2.0, pytest.approx(0.01)) == tuple(
        row[name] for name in ("decision", "slowdown", "p", "kernel_s", "error")
    )
    assert not [value for value in row.values() if isinstance(value, dict)]


def test_marks_count_what_was_found_and_what_was_right() -> None:
    """Pairs of numbers: how many of how many; time is counted once for all pairs of a kernel's trial."""
    other = replace(FOUND, kernel="loops_100", slowdown=0.1, kernel_s=6.0, wall_s=8.0)
    found = [FOUND, MISSED, MISTAKEN, QUIET, QUIET, ALARM, other]
    errors = [one.error for one in found]
    told = marks(found, 0.5, (0.02, None), threads=2)

    assert (2, 0.5, 7, (1, 3)) == (told.threads, told.budget_s, told.pairs, told.false_positives)
    assert {"0.05": (1, 3), "0.1": (1, 1)} == dict(told.detected)
    assert (pytest.approx(np.mean(errors)), pytest.approx(np.sqrt(np.mean(np.square(errors))))) == (
        told.bias,
        told.error,
    )
    assert (8.0 / 16.0, 0.02, None) == (told.kernel_share, told.smallest_10_s, told.smallest_60_s)


def test_marks_are_a_sentence() -> None:
    """For people."""
    told = Marks("2026-01-01", 1, 0.5, 10, (1, 4), {"0.05": (5, 6)}, 0.001, 0.0123, 0.5, 0.02, 0.0051)

    assert (
        "1 of 4 identical pairs called different; slow-downs seen: 5% in 5 of 6; bias +0.10%, error 1.23%;"
        " 50% of the time in timed calls; the smallest slow-down that can be seen: 2.00% in 10 s,"
        " 0.51% in 60 s"
    ) == str(told)


def test_a_row_per_kernel_says_what_was_found_of_each_slow_down() -> None:
    """How often of how often, how exactly, and how large a difference would have been seen."""
    steady = replace(FOUND, kernel="loops_100", slowdown=0.1, base_s=3e-4)
    first, second = kernel_rows([FOUND, MISSED, QUIET, steady])

    assert {
        "kernel": "product_100",
        "call": "100 µs",
        "identical": "0/1",
        "+5%": "1/2",
        "+10%": "",
        "bias": f"{exp((0.01 + log(1 / 1.05) + 0.0) / 3) - 1:+.2%}",
        "visible": "3.0%",
        "in timed calls": "25%",
    } == first
    assert ("loops_100", "300 µs", "", "1/1") == tuple(
        second[name] for name in ("kernel", "call", "identical", "+10%")
    )


LUCK = (0.001, -0.001, 0.002, -0.002, 0.0)


class Engine:
    """What times a case: every kernel takes its units of microseconds, but for some luck of its processes."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str], Effort, str | None]] = []

    def time_case(
        self,
        case: Any,
        rivals: Sequence[Implementation],
        effort: Effort,
        *,
        baseline: str | None,
        **how: Any,
    ) -> dict[str, Measurement | TimingFailure]:
        """Return what is measured; the base has a twin."""
        self.asked.append((str(case), [one.name for one in rivals], effort, baseline))
        found: dict[str, Measurement | TimingFailure] = {}
        for one in rivals:
            units = float(one.name.removesuffix("_again").rpartition("_")[2])
            passes = self.passes(units, LUCK)
            twin = self.passes(units, LUCK[::-1]) if one.name == baseline else ()
            found[one.name] = Measurement(passes, [10] * 5, twin=twin)
        return found

    @staticmethod
    def passes(units: float, luck: Sequence[float]) -> tuple[tuple[int, tuple[float, ...]], ...]:
        """Return four samples in each of five processes."""
        return tuple((generation, (units * 1e-6 * exp(one),) * 4) for generation, one in enumerate(luck))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Return an engine in the place of the real one."""
    made = Engine()
    monkeypatch.setattr(timer_selftest, "time_case", made.time_case)
    return made


def test_trials_compare_every_pace_with_the_base(engine: Engine) -> None:
    """The identical pair, all slow-downs, and the base with its twin: what was planted is what is found."""
    (found,) = trials(["product_100"], budget_s=0.7, repetitions=1, seed=0)

    assert [0.0, 0.01, 0.02, 0.05, 0.1, 0.0] == [one.slowdown for one in found]
    assert [1.0, 1.01, 1.02, 1.05, 1.1, 1.0] == [pytest.approx(one.decision.ratio) for one in found]
    assert ["same", "slower", "slower", "slower", "slower", "same"] == [one.decision.word for one in found]
    assert [pytest.approx(100e-6)] * 6 == [one.base_s for one in found]
    ((case, names, effort, baseline),) = engine.asked
    assert (KERNELS["product_100"], "paces.product_100", 0.7) == (case, baseline, effort.budget_s)
    assert sorted(f"paces.{name}" for name in zoo.names_of("product", 100)) == sorted(names)


def test_the_margin_of_trials_is_the_distance_of_the_twin(engine: Engine) -> None:
    """What the same kernel shows by itself is noise; of the twin alone it is the least."""
    engine.passes = lambda units, luck: Engine.passes(units * (1 + 0.03 * (luck != LUCK)), LUCK)
    (found,) = trials(["product_20"], budget_s=0.7, repetitions=1, seed=0)

    assert [pytest.approx(0.03)] * 3 + [0.005] == [one.decision.margin for one in found]
    assert ["cannot tell", "slower", "slower", "slower"] == [one.decision.word for one in found]
    assert (0.0, pytest.approx(1.03)) == (found[-1].slowdown, found[-1].decision.ratio)


@pytest.mark.usefixtures("engine")
def test_the_share_of_timed_calls_is_of_all_time() -> None:
    """Four rivals and a twin, of 5 × 4 samples of ten calls each."""
    readings = map(float, range(0, 100, 10))
    (found,) = trials(["product_20"], budget_s=0.7, repetitions=1, seed=0, clock=partial(next, readings))
    timed = 5 * 4 * 10 * (20 + 20 + 21 + 22 + 20) * 1e-6

    assert {10.0} == {one.wall_s for one in found}
    assert timed == pytest.approx(found[0].kernel_s, rel=1e-2)


def test_every_kernel_and_repetition_is_a_trial_of_its_own(engine: Engine) -> None:
    """In turns, so that a disturbance is everybody's."""
    found = list(trials(["product_20", "loops_100"], budget_s=0.5, repetitions=2, seed=3))

    assert [("product_20", 0), ("loops_100", 0), ("product_20", 1), ("loops_100", 1)] == [
        (some[0].kernel, some[0].repetition) for some in found
    ]
    assert [4, 6, 4, 6] == [len(some) for some in found]
    assert 4 == len(engine.asked)


@pytest.mark.parametrize("within_s", [10.0, 60.0])
def test_the_smallest_slow_down_is_that_of_a_pair_in_so_much_time(within_s: float, engine: Engine) -> None:
    """Which is shared by the pair and a twin; nothing but the budget ends it."""
    base = Engine.passes(100, LUCK)

    assert decide(base, base).detectable == smallest(0, within_s)
    ((_, names, effort, baseline),) = engine.asked
    assert ["paces.product_100", "paces.product_100_again"] == sorted(names)
    assert (within_s / 3, "paces.product_100") == (effort.budget_s, baseline)
    assert effort.precision < 5e-4


def test_a_kernel_that_cannot_be_timed_is_an_error(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are right: whoever says otherwise is to be told by name."""

    def fails(*words: Any, **how: Any) -> dict[str, TimingFailure]:
        return {"paces.product_20": TimingFailure("contract", "when timed: no")}

    monkeypatch.setattr(timer_selftest, "time_case", fails)
    with pytest.raises(
        HarnessError, match=r"^paces\.product_20, which is right, could not be timed: when timed: no$"
    ):
        next(trials(["product_20"], budget_s=0.5, repetitions=1, seed=0))


def test_the_real_engine_times_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """In processes of their own, and as briefly as it can: what it finds is its own affair."""
    monkeypatch.setattr("convharness.engine.timing.alone", nullcontext)  # whoever else measures may go on
    (found,) = trials(["product_20"], budget_s=0.003, repetitions=1, seed=0)

    assert [0.0, 0.05, 0.1, 0.0] == [one.slowdown for one in found]
    assert [True] * 4 == [0 < one.kernel_s < one.wall_s for one in found]
    assert None not in [one.decision.detectable for one in found]
