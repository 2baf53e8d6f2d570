"""Random problems: fresh geometry, the same for the same seed, within what is allowed."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from convharness import Problem
from convharness.plugins.support import allows
from convharness.problems.random_problems import MOST_MACS, random_problems

FAULTS: dict[str, Callable[[Problem], bool]] = {
    "more than 512 input channels": lambda p: p.in_channels > 512,
    "more than 256 output channels": lambda p: p.out_channels > 256,
    "a kernel of 6x6": lambda p: p.kernel_size == (6, 6),
    "a kernel of 8": lambda p: 8 in p.kernel_size,
    "a stride of 6": lambda p: 6 in p.stride,
    "a stride above the kernel": lambda p: any(s > k for s, k in zip(p.stride, p.kernel_size, strict=True)),
    "7 groups": lambda p: p.groups == 7,
    "an image of 17x17": lambda p: p.input_size == (17, 17),
    "a batch of 9 and more": lambda p: p.batch_size >= 9,
    "a dilation of 5": lambda p: 5 in p.dilation,
    "a padding of 8": lambda p: any(8 in pair for pair in p.pads),
    "a padding above the kernel": lambda p: any(
        max(pair) > k for pair, k in zip(p.pads, p.kernel_size, strict=True)
    ),
    "padding on one side": lambda p: any(before != after for before, after in p.pads),
    "groups of few inputs and a block of outputs": lambda p: (
        p.groups > 1 and p.out_channels // p.groups % 8 == 0 and p.in_channels // p.groups < 16
    ),
    "depthwise with a multiplier": lambda p: p.out_channels > p.groups == p.in_channels > 1,
    "an odd size under stride 2": lambda p: any(
        s == 2 and size % 2 for s, size in zip(p.stride, p.input_size, strict=True)
    ),
    "rows that leave a rest of 8": lambda p: p.output_size[-1] > 8 and p.output_size[-1] % 8 > 0,
    "an empty batch": lambda p: p.batch_size == 0,
    "1-D": lambda p: p.ndim == 1,
    "3-D": lambda p: p.ndim == 3,
    "reflect": lambda p: p.padding_mode == "reflect",
    "bfloat16": lambda p: p.dtype == "bfloat16",
}


@pytest.fixture(scope="module")
def thousand() -> list[Problem]:
    """Return the problems of five suites of 200."""
    return [problem for seed in range(5) for problem in random_problems(200, seed)]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_one_size_is_met_by_one_problem_in_a_hundred(fault: str, thousand: list[Problem]) -> None:
    """Conditions of real kernels' paths, none of which names a problem of ours."""
    assert sum(map(FAULTS[fault], thousand)) >= 10


def test_they_are_different_and_as_many_as_asked_for() -> None:
    """Not the same geometry in another type either."""
    problems = random_problems(200, 3)

    assert 200 == len({problem.replace(dtype="float32") for problem in problems})


def test_none_is_larger_than_a_small_layer(thousand: list[Problem]) -> None:
    """A few are as large as a layer; most cost little."""
    macs = sorted(problem.dense_macs for problem in thousand)

    assert 1_000_000 < macs[-1] <= MOST_MACS
    assert macs[-20] <= 1_000_000
    assert macs[500] < 30_000


def test_the_same_seed_gives_the_same_problems_and_more_of_them() -> None:
    """A suite of fifty begins with those of ten; another seed is another suite."""
    assert random_problems(10, 7) == random_problems(50, 7)[:10]
    assert random_problems(10, 7) != random_problems(10, 8)


def test_they_do_not_change_from_one_machine_or_process_to_the_next() -> None:
    """What is stored of a run names its problems by a seed; sets are sorted before one is drawn."""
    code = (
        "from convharness.problems.random_problems import random_problems\n"
        "print(*random_problems(3, 1), *random_problems(2, 1, {'dtype': frozenset({'float16', 'bfloat16'})}))"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONHASHSEED": hash_seed}
        ).stdout
        for hash_seed in ("1", "2")
    ]

    assert EXPECTED == printed[0].decode().split()
    assert printed[0] == printed[1]


EXPECTED = [
    "n1c1h21w22-o255k3d10-bfloat16",
    "n1c3w7-o15k6-float32",
    "n1c1h10w15-o5k1x7s5b-float32",
    "n1c1h21w21-o255k3d10-float16",
    "n1c3w7-o15k6-bfloat16",
]


@pytest.mark.parametrize(
    "allowed",
    [
        {"ndim": 1},
        {"ndim": (1, 3), "dtype": ("float16",)},
        {"kernel_size": (3, 3), "stride": [1, 2], "ndim": 2},
        {"kernel_size": [1, (3, 5)], "ndim": 2},
        {"in_channels": range(16, 1000, 16), "out_channels": {32, 64}},
        {"in_channels": 3, "groups": 1},
        {"groups": {2, 5}},
        {"batch_size": 1, "padding": 0, "dilation": 1, "stride": 1, "bias": False},
        {"padding": [1, (0, 2), ((0, 1), 3)], "ndim": 2, "padding_mode": ("zeros", "circular")},
        {"input_size": [(16, 16), 8], "ndim": 2},
    ],
)
def test_only_what_is_allowed_is_drawn(allowed: dict) -> None:
    """One value, alternatives, and one value per axis, as implementations declare them."""
    problems = random_problems(30, 0, allowed)

    assert 30 == len(problems)
    assert all(allows(name, value, problem) for problem in problems for name, value in allowed.items())


def test_dimensions_that_are_free_move_although_others_are_not() -> None:
    """A kernel that takes nothing but two arrays still meets many channels, batches and sizes."""
    fixed = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": False, "dtype": "float32"}
    problems = random_problems(100, 0, fixed)

    assert 10 <= sum(problem.batch_size > 8 for problem in problems)
    assert 5 <= sum(problem.in_channels > 64 for problem in problems)


def test_what_is_refused_is_left_out() -> None:
    """Conditions that no table of values states are asked of the implementation itself."""
    problems = random_problems(20, 0, {}, lambda problem: "odd" if problem.in_channels % 2 else None)

    assert 20 == len(problems)
    assert all(problem.in_channels % 2 == 0 for problem in problems)


def test_there_are_none_where_everything_is_refused() -> None:
    """The search ends."""
    asked = []

    assert [] == random_problems(5, 0, {}, lambda problem: asked.append(problem) or "no")
    assert 0 < len(asked) <= 200


def test_constraints_that_contradict_each_other_give_no_problems() -> None:
    """Three channels in two groups do not exist."""
    assert [] == random_problems(5, 0, {"in_channels": 3, "groups": 2})
