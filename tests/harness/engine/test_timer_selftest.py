"""The selftest of the timer: kernels of known units of work, and how trials of them are scored."""

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

# The kernels of known cost


@pytest.fixture(scope="module")
def held() -> Registry:
    """Return the kernels, loaded as workers load them."""
    return held_by(Path(zoo.__file__), "file", "paces")


def test_a_worker_can_load_all_kernels_from_their_file(held: Registry) -> None:
    """The file of the kernels can be loaded by itself and holds three kinds with two bases each."""
    names = [f"paces.{name}" for kind in zoo.KINDS for base in zoo.BASES for name in zoo.names_of(kind, base)]

    assert ((), ()) == (held.broken, held.unavailable)
    assert sorted(names) == sorted(one.name for one in held.implementations)


@pytest.mark.parametrize(
    ("base", "units"),
    [
        (100, {"": 100, "_again": 100, "1": 101, "2": 102, "5": 105, "10": 110}),
        (20, {"": 20, "_again": 20, "5": 21, "10": 22}),  # 1 % of 20 is not a whole number of units
    ],
)
def test_a_kind_has_its_base_twice_and_slow_downs_of_whole_units(base: int, units: dict[str, int]) -> None:
    """A kind has its base, the base again, and the slow-downs of 1, 2, 5 and 10 % that are whole units."""
    assert list(units.values()) == list(zoo.names_of("kind", base).values())
    assert {name: units for name, units in zoo.names_of("kind", base).items() if "again" not in name} == {
        f"kind_{units}": units for units in units.values()
    }
    assert base == zoo.names_of("kind", base)[f"kind_{base}_again"]


@pytest.mark.parametrize("units", [1, 20, 102])
def test_a_kernel_repeats_the_whole_work_once_per_unit(units: int) -> None:
    """A kernel does the whole work once for each unit, and returns the last result."""
    made = []

    def unit(x: object, weight: object) -> int:
        made.append((x, weight))
        return len(made)

    assert units == zoo._paced(unit, units)("x", "weight", 1)
    assert [("x", "weight")] * units == made


def test_identical_pairs_have_the_same_code() -> None:
    """The kernels of an identical pair have the same code and differ in their names alone."""
    for kind in zoo.KINDS:
        for base in zoo.BASES:
            one, again = (getattr(zoo, f"{kind}_{base}{ending}") for ending in ("", "_again"))
            assert one.__code__ is again.__code__
            assert [cell.cell_contents for cell in one.__closure__] == [
                cell.cell_contents for cell in again.__closure__
            ]


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_supports_the_problem_that_it_is_timed_on(kernel: str, held: Registry) -> None:
    """Each kernel supports its problem, with each number of units."""
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
def test_the_kernels_pass_the_oracle(name: str, text: str, held: Registry) -> None:
    """The kernels of known cost pass, since a wrong kernel would not be timed."""
    (one,) = held.select([f"paces.{name}"])
    verdict = Oracle(level="standard").judge(one, case_of(text))

    assert ("passed", None) == (verdict.status, verdict.reason)


@pytest.mark.parametrize(("name", "text"), [("scaling_100", "n1c8h8w8-o8k1"), ("loops_100", "n1c2h8w8-o1k1")])
def test_the_kernels_refuse_unsupported_problems(name: str, text: str, held: Registry) -> None:
    """The scaling kernel refuses more than one channel per group, the loop kernel more than one channel."""
    (one,) = held.select([f"paces.{name}"])

    assert one.refuses(Problem.parse(text)) is not None


# Trials, on a simulated engine

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
def test_a_trial_is_found_and_right(trial: Trial, is_found: bool, is_right: bool) -> None:
    """A difference is found if it is decided, and right only in the true direction."""
    assert (is_found, is_right) == (trial.is_found, trial.is_right)


def test_the_error_of_a_trial_is_the_logarithm_of_its_ratios() -> None:
    """The error of a trial is the logarithm of the found ratio over the planted one, or 0 without a ratio."""
    assert (pytest.approx(0.01), pytest.approx(log(1 / 1.05))) == (FOUND.error, MISSED.error)
    assert 0.0 == replace(QUIET, decision=Decision("cannot tell")).error


def test_a_trial_is_a_flat_row() -> None:
    """The row of a trial is flat, with the word of its decision as `decision`."""
    row = FOUND.row()

    assert ("slower", 0.05, 1e-6, 2.0, pytest.approx(0.01)) == tuple(
        row[name] for name in ("decision", "slowdown", "p", "kernel_s", "error")
    )
    assert not [value for value in row.values() if isinstance(value, dict)]


def test_marks_count_what_was_found_and_what_was_right() -> None:
    """Marks count false positives and detected slow-downs as pairs of numbers, and time once per trial."""
    other = replace(FOUND, kernel="loops_100", slowdown=0.1, kernel_s=6.0, wall_s=8.0)
    found = [FOUND, MISSED, MISTAKEN, QUIET, QUIET, ALARM, other]
    errors = [one.error for one in found]
    marked = marks(found, 0.5, (0.02, None), threads=2)

    assert (2, 0.5, 7, (1, 3)) == (marked.threads, marked.budget_s, marked.pairs, marked.false_positives)
    assert {"0.05": (1, 3), "0.1": (1, 1)} == dict(marked.detected)
    assert (pytest.approx(np.mean(errors)), pytest.approx(np.sqrt(np.mean(np.square(errors))))) == (
        marked.bias,
        marked.error,
    )
    assert (8.0 / 16.0, 0.02, None) == (marked.kernel_share, marked.smallest_10_s, marked.smallest_60_s)


def test_marks_are_a_sentence() -> None:
    """Marks have a text for the terminal."""
    marked = Marks("2026-01-01", 1, 0.5, 10, (1, 4), {"0.05": (5, 6)}, 0.001, 0.0123, 0.5, 0.02, 0.0051)

    assert (
        "1 of 4 identical pairs called different; slow-downs seen: 5% in 5 of 6; bias +0.10%, error 1.23%;"
        " 50% of the time in timed calls; the smallest slow-down that can be seen: 2.00% in 10 s,"
        " 0.51% in 60 s"
    ) == str(marked)


def test_a_row_per_kernel_says_what_was_found_of_each_slow_down() -> None:
    """The row of a kernel has the share found of each slow-down, the bias and the visible slow-down."""
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
    """A simulated engine: a call takes its units in microseconds, times a factor for each process."""

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
        """Return the simulated measurements; the baseline has an A/A control."""
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
    """Replace the engine by a simulated one."""
    made = Engine()
    monkeypatch.setattr(timer_selftest, "time_case", made.time_case)
    return made


def test_trials_compare_every_kernel_with_its_base(engine: Engine) -> None:
    """Trials compare the base with its copy, all slow-downs and its control, and find the planted ratios."""
    (found,) = trials(["product_100"], budget_s=0.7, repetitions=1, seed=0)

    assert [0.0, 0.01, 0.02, 0.05, 0.1, 0.0] == [one.slowdown for one in found]
    assert [1.0, 1.01, 1.02, 1.05, 1.1, 1.0] == [pytest.approx(one.decision.ratio) for one in found]
    assert ["same", "slower", "slower", "slower", "slower", "same"] == [one.decision.word for one in found]
    assert [pytest.approx(100e-6)] * 6 == [one.base_s for one in found]
    ((case, names, effort, baseline),) = engine.asked
    assert (KERNELS["product_100"], "paces.product_100", 0.7) == (case, baseline, effort.budget_s)
    assert sorted(f"paces.{name}" for name in zoo.names_of("product", 100)) == sorted(names)


def test_the_margin_of_trials_is_the_difference_of_the_control(engine: Engine) -> None:
    """The margin of a trial is the difference of the A/A control; for the control it is the least margin."""
    engine.passes = lambda units, luck: Engine.passes(units * (1 + 0.03 * (luck != LUCK)), LUCK)
    (found,) = trials(["product_20"], budget_s=0.7, repetitions=1, seed=0)

    assert [pytest.approx(0.03)] * 3 + [0.005] == [one.decision.margin for one in found]
    assert ["cannot tell", "slower", "slower", "slower"] == [one.decision.word for one in found]
    assert (0.0, pytest.approx(1.03)) == (found[-1].slowdown, found[-1].decision.ratio)


@pytest.mark.usefixtures("engine")
def test_the_share_of_timed_calls_is_of_all_time() -> None:
    """The time in timed calls is that of all rivals and the control: 5 × 4 samples of ten calls each."""
    readings = map(float, range(0, 100, 10))
    (found,) = trials(["product_20"], budget_s=0.7, repetitions=1, seed=0, clock=partial(next, readings))
    timed = 5 * 4 * 10 * (20 + 20 + 21 + 22 + 20) * 1e-6

    assert {10.0} == {one.wall_s for one in found}
    assert timed == pytest.approx(found[0].kernel_s, rel=1e-2)


def test_every_kernel_and_repetition_is_a_trial_of_its_own(engine: Engine) -> None:
    """Trials take the kernels in turn within each repetition, so that a disturbance affects all alike."""
    found = list(trials(["product_20", "loops_100"], budget_s=0.5, repetitions=2, seed=3))

    assert [("product_20", 0), ("loops_100", 0), ("product_20", 1), ("loops_100", 1)] == [
        (some[0].kernel, some[0].repetition) for some in found
    ]
    assert [4, 6, 4, 6] == [len(some) for some in found]
    assert 4 == len(engine.asked)


@pytest.mark.parametrize("within_s", [10.0, 60.0])
def test_the_smallest_slow_down_is_that_of_a_pair_in_a_given_time(within_s: float, engine: Engine) -> None:
    """The smallest visible slow-down is that of an identical pair and a control that share the given time."""
    base = Engine.passes(100, LUCK)

    assert decide(base, base).detectable == smallest(0, within_s)
    ((_, names, effort, baseline),) = engine.asked
    assert ["paces.product_100", "paces.product_100_again"] == sorted(names)
    assert (within_s / 3, "paces.product_100") == (effort.budget_s, baseline)
    assert effort.precision < 5e-4


def test_a_kernel_that_cannot_be_timed_is_an_error(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that cannot be timed, though it is right, is an error that names it."""

    def fails(*words: Any, **how: Any) -> dict[str, TimingFailure]:
        return {"paces.product_20": TimingFailure("contract", "when timed: no")}

    monkeypatch.setattr(timer_selftest, "time_case", fails)
    with pytest.raises(
        HarnessError, match=r"^paces\.product_20, which is right, could not be timed: when timed: no$"
    ):
        next(trials(["product_20"], budget_s=0.5, repetitions=1, seed=0))


def test_the_real_engine_times_all_kernels_of_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real engine times each kernel in processes, with a budget as small as can be."""
    monkeypatch.setattr(
        "convharness.engine.timing.alone", nullcontext
    )  # other processes may measure meanwhile
    (found,) = trials(["product_20"], budget_s=0.003, repetitions=1, seed=0)

    assert [0.0, 0.05, 0.1, 0.0] == [one.slowdown for one in found]
    assert [True] * 4 == [0 < one.kernel_s < one.wall_s for one in found]
    assert None not in [one.decision.detectable for one in found]
