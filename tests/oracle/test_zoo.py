"""The oracle refuses each mutant with status, layer and reason, and no right kernel."""

from functools import cache
from itertools import product

import numpy as np
import pytest

from convharness import Case, Implementation, Problem
from convharness.oracle import Oracle
from convharness.oracle.selftest import PROBLEMS
from convharness.oracle.verdict import FAILURES, Verdict
from convharness.zoo import RIGHT, RIGHT_ON, WRONG, Mutant, Oddity
from convharness.zoo.convolution import Asked, convolve, made, rounded

TWIN = made(convolve, "twin")

SHOWING = sorted({str(mutant.problem) for mutant in WRONG})[::3]
"""A third of the problems that show a mistake; `selftest` asks right kernels on more."""

# Mutants that only many calls, several threads, a guard page or sparse numbers show.
ONLY_THOROUGHLY = (
    "one_call_in_ninety",
    "scratch_shared_by_threads",
    "peeks_beyond_its_input",
    "sums_decide_what_is_empty",
    "sparse_inputs_in_a_list",
    "empty_filters_shift_the_others",
    "padded_image_shared",
    "accumulators_shared",
    "geometry_by_input_shape",
    "large_inputs_read_on",
    "large_problems_share_their_scratch",
    "sparse_inputs_by_rows",
    "blocks_that_sum_to_zero_skipped",
)


@cache
def oracle(level: str, seed: int) -> Oracle:
    """Return the oracle of a level and a seed, which keeps the data of the latest problems."""
    return Oracle(level=level, seed=seed)


def judge(
    implementation: Implementation, problem: Problem, level: str = "standard", seed: int = 0
) -> Verdict:
    """Return the oracle's verdict on one problem."""
    return oracle(level, seed).judge(implementation, Case(str(problem), (problem,)))


@pytest.mark.parametrize("mutant", [one for one in WRONG if str(one) not in ONLY_THOROUGHLY][::2], ids=str)
def test_a_wrong_kernel_is_refused_at_the_standard_level_on_any_data(mutant: Mutant) -> None:
    """Every second mutant, but those that need more, is refused at the standard level with other data."""
    assert judge(mutant.implementation, mutant.problem, "standard", seed=1).failed


@pytest.mark.parametrize("mutant", WRONG, ids=str)
def test_a_wrong_kernel_is_refused_with_a_reason_and_a_reproducer(mutant: Mutant) -> None:
    """Each mutant gets its status and layer, a reason of one line, and the command that shows it again."""
    verdict = judge(mutant.implementation, mutant.problem, "thorough")

    assert verdict.status in ({mutant.status} if mutant.status else FAILURES)
    assert verdict.layer == (mutant.layer or verdict.layer)
    command = f"convharness verify --implementation {mutant.implementation.name} --problem {mutant.problem}"
    assert 1 == len((verdict.reason or "").splitlines())
    assert f"{command} --level thorough --seed 0" == verdict.reproduce


@pytest.mark.parametrize("one", [*(one.implementation for one in (*WRONG, *RIGHT_ON)), *RIGHT], ids=str)
def test_every_kernel_says_what_it_is(one: Implementation) -> None:
    """Each mutant and each unusual kernel has a description of one sentence."""
    assert one.description.endswith(".")


def test_no_two_kernels_have_the_same_name() -> None:
    """The names of mutants and unusual kernels are unique."""
    names = [*(one.implementation.name for one in (*WRONG, *RIGHT_ON)), *(one.name for one in RIGHT)]

    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("problem", SHOWING)
def test_the_twin_passes_where_others_fail(problem: str) -> None:
    """The right kernel passes on problems that show a mutant's mistake."""
    assert "passed" == judge(TWIN, Problem.parse(problem), "thorough").status


@pytest.mark.parametrize(
    ("problem", "level"), [*product(PROBLEMS, ["thorough"]), *product(PROBLEMS[:1], ["quick", "standard"])]
)
@pytest.mark.parametrize("implementation", RIGHT, ids=lambda one: one.name.removeprefix("zoo."))
def test_a_right_kernel_passes(implementation: Implementation, problem: str, level: str) -> None:
    """Each unusual kernel passes when it is asked everything, and at each level, or is unsupported."""
    verdict = judge(implementation, Problem.parse(problem), level)

    assert verdict.status in ("passed", "unsupported"), verdict.reason


@pytest.mark.parametrize("odd", RIGHT_ON, ids=str)
def test_a_kernel_that_is_unusual_on_some_problems_passes_there(odd: Oddity) -> None:
    """Each kernel that is unusual on some problems alone passes on one of them, with every question."""
    verdict = judge(odd.implementation, odd.problem, "thorough")

    assert "passed" == verdict.status, verdict.reason


@pytest.mark.parametrize("implementation", RIGHT, ids=lambda one: one.name.removeprefix("zoo."))
def test_the_error_of_a_right_kernel_is_within_the_bound(implementation: Implementation) -> None:
    """The error of a right kernel is at most the bound beside it."""
    verdict = judge(implementation, Problem.parse(PROBLEMS[0]))

    assert verdict.status == "unsupported" or verdict.error_u <= verdict.error_bound_u


@pytest.mark.parametrize("operand", ["x", "weight"])
def test_one_operand_that_lost_its_last_bit_is_refused(operand: str) -> None:
    """A kernel that rounds an operand to 23 bits is refused."""

    def one_bit_less(asked: Asked) -> object:
        """Return what 23 bits give."""
        return convolve(asked.but(**{operand: rounded(getattr(asked, operand), 23)}))

    assert judge(made(one_bit_less), Problem.parse("n2c3h6w7-o4k3-float32"), "quick").failed


def test_tf32_is_refused_quickly_on_many_channels() -> None:
    """A kernel with inputs of eleven bits is refused at the quick level on many channels."""

    def tf32(asked: Asked) -> object:
        """Return what 11 bits give."""
        return convolve(asked.but(x=rounded(asked.x, 11), weight=rounded(asked.weight, 11)))

    assert judge(made(tf32), Problem.parse("n1c256h4w4-o8k3-float32"), "quick").failed


@pytest.mark.parametrize("place", [(0, 0, 0, 0), (1, 2, 3, 4), (0, 3, 2, 1)])
def test_one_wrong_element_is_named(place: tuple[int, ...]) -> None:
    """A verdict names the wrong element, its value and the right one."""

    def off_by_one_bit(asked: Asked) -> object:
        """Return one element that is off by its last bit."""
        y = convolve(asked)
        if y.shape == (2, 4, 4, 5):
            y[place] = np.nextafter(y[place], np.float32(np.inf))
        return y

    verdict = judge(made(off_by_one_bit), Problem.parse("n2c3h6w7-o4k3-float32"))
    assert str(list(place)) == verdict.where
    assert (verdict.reason or "").startswith(f"y[{', '.join(map(str, place))}] is ")
