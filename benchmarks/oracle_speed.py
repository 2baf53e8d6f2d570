"""Verdicts per second and kills, beside what people do: one draw, F.conv2d in float64, assert_close.

    .venv/bin/python benchmarks/oracle_speed.py

Both judge the same implementations on the same problems, and then the zoo. Times alternate in one
run; the ratio is that of the medians. "first" includes drawing the data of a problem, "kept" has it.
"""

from functools import partial
from statistics import median
from time import perf_counter

from convharness import Case, Problem, discover
from convharness.execution.kernel_call import KernelError, bind
from convharness.machine.environment import limit_threads
from convharness.numerics.arrays import adapter
from convharness.numerics.operands import reals
from convharness.oracle import LEVELS, Oracle
from convharness.oracle.selftest import PROBLEMS as SELFTEST_PROBLEMS
from convharness.zoo import RIGHT, WRONG

PROBLEMS = [
    Problem.parse(text)
    for text in (
        "n2c3h7w6-o4k3p1b-float32",
        "n1c4h9w11-o6k3s2p1g2-float32",
        "n2c16h14w14-o16k3p1-float32",
        "n1c64h28w28-o64k3p1-float32",
    )
]
NAMES = ("numpy_arrays.im2col", "numpy_arrays.shift_add", "pytorch.conv", "pytorch.shift_add")
ROUNDS = 5


def reference(problem, operands):
    """Return F.conv2d's answer in float64, or that of its 1-D or 3-D sister."""
    import torch
    from torch.nn.functional import pad

    hand_over = adapter("torch").hand_over
    x, weight = hand_over(operands.x).double(), hand_over(operands.weight).double()
    bias = None if operands.bias is None else hand_over(operands.bias).double()
    pads = [side for pair in reversed(problem.pads) for side in pair]
    mode = {"zeros": "constant"}.get(problem.padding_mode, problem.padding_mode)
    x = pad(x, pads, mode=mode) if any(side > 0 for side in pads) or mode == "constant" else x
    convolve = (torch.conv1d, torch.conv2d, torch.conv3d)[problem.ndim - 1]
    return convolve(x, weight, bias, problem.stride, 0, problem.dilation, problem.groups)


def usual_verdict(one, problem, seed=0):
    """Say whether one random draw compares close, with the default tolerances of torch.testing."""
    import torch

    operands = reals(problem, seed)
    try:
        y = adapter(one.arrays).take_back(bind(one, problem, operands).output())
        actual = adapter("torch").hand_over(y.copy())
        expected = reference(problem, operands).to(actual.dtype)
        torch.testing.assert_close(actual, expected)
    except (KernelError, AssertionError, Exception):  # noqa: BLE001 whatever is wrong is a refusal
        return False
    return True


def seconds(call):
    """Return how long a call takes."""
    begin = perf_counter()
    call()
    return perf_counter() - begin


def speed(implementations):
    """Print what a verdict costs."""
    print(f"{'problem':34} {'level':9} {'first':>9} {'kept':>9} {'usual':>9}   kept/usual")
    for problem in PROBLEMS:
        case = Case(str(problem), (problem,))
        for level in LEVELS:
            first, kept, usual = [], [], []
            for one in implementations:
                if one.refuses(problem):
                    continue
                Oracle(level="quick").judge(one, case)  # libraries load, kernels compile
                usual_verdict(one, problem)
                for _ in range(ROUNDS):
                    oracle = Oracle(level=level)
                    first.append(seconds(partial(oracle.judge, one, case)))
                    kept.append(seconds(partial(oracle.judge, one, case)))
                    usual.append(seconds(partial(usual_verdict, one, problem)))
            figures = [median(times) for times in (first, kept, usual)]
            cells = " ".join(f"{1e3 * figure:6.2f} ms" for figure in figures)
            print(f"{problem!s:34} {level:9} {cells}   {figures[1] / figures[2]:6.1f}")


def kills():
    """Print what each lets through of the zoo."""
    print(f"\n{'on the zoo':20} wrong refused   right refused")
    usual = sum(not usual_verdict(mutant.implementation, mutant.problem) for mutant in WRONG)
    problems = [Problem.parse(text) for text in SELFTEST_PROBLEMS]
    probes = [(one, problem) for one in RIGHT for problem in problems if not one.refuses(problem)]
    alarms = {one.name for one, problem in probes if not usual_verdict(one, problem)}
    print(f"{'assert_close':20} {usual:5} of {len(WRONG)}   {len(alarms):5} of {len(RIGHT)}")
    for level in LEVELS:
        oracle = Oracle(level=level)
        killed = sum(
            oracle.judge(mutant.implementation, Case("", (mutant.problem,))).failed for mutant in WRONG
        )
        alarms = {one.name for one, problem in probes if oracle.judge(one, Case("", (problem,))).failed}
        print(f"{level:20} {killed:5} of {len(WRONG)}   {len(alarms):5} of {len(RIGHT)}")


def main():
    """Measure one after the other, with one thread."""
    implementations = [one for one in discover(entry_points=False).implementations if one.name in NAMES]
    limit_threads(1)
    adapter("torch").limit_threads(1)
    speed(implementations)
    kills()


if __name__ == "__main__":
    main()
