"""Wrong kernels refused by time: `check`, the suites of features and corners alone, and assert_close.

    .venv/bin/python benchmarks/kills.py --time 10 --every 5

Each way asks each wrong kernel, one problem after the other, until it is refused or its time is up; so a
kernel costs up to three times `--time`. The ways are

- check: features, corner, sizes and random problems, in the order of what they promise, at level thorough;
- features, corner: these two suites in the order of their files, at level thorough;
- assert_close: torch.randn on random problems of usual shapes, beside F.conv2d in float64, with the default
  tolerances of torch.testing. Draws on which these refuse a right kernel are left out beforehand.

Wrong kernels are those of the zoo and one for each condition on the geometry. An error that a kernel raises,
or its end, counts if that is its mistake: a kernel of the zoo may just not be made for such a problem. All
runs in this process, with one thread.
"""

from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from math import ceil, inf
from random import Random
from time import perf_counter

import numpy as np

from convharness import Case, Implementation, Problem
from convharness.engine.schedule import by_promise
from convharness.execution.kernel_call import KernelError, bind
from convharness.machine.environment import limit_threads
from convharness.numerics.arrays import adapter
from convharness.numerics.operands import Operands
from convharness.oracle import Oracle
from convharness.problems.random_problems import random_suite
from convharness.problems.suite_files import find_suite
from convharness.zoo import WRONG
from convharness.zoo.convolution import convolve, made
from convharness.zoo.geometry import FAULTS, kernel_with

TIMES_S = (1, 3, 10, 30)
SHARES = (0.5, 0.9)
RANDOM = 200
USUAL = 1000


@dataclass(frozen=True)
class Suspect:
    """A wrong kernel, and whether it is one that raises, crashes or takes all memory."""

    kernel: Implementation
    ends: bool = False


Asked = Callable[[Suspect], Iterator[bool]]
"""A way of asking: yields for one problem after the other whether a kernel was refused."""


def suspects() -> list[Suspect]:
    """Return the wrong kernels: those of the zoo, and one for each condition on the geometry."""
    zoo = [Suspect(one.implementation, one.status in ("error", "crashed", "memory")) for one in WRONG]
    return [*zoo, *(Suspect(kernel_with(fault)) for fault in FAULTS)]


def by_oracle(cases: Iterable[Case]) -> Asked:
    """Return the way that judges cases in their order."""
    asked = list(cases)

    def ask(suspect: Suspect) -> Iterator[bool]:
        oracle = Oracle(level="thorough")
        for case in asked:
            verdict = oracle.judge(suspect.kernel, case)
            yield verdict.failed and (suspect.ends or verdict.status not in ("error", "crashed", "memory"))

    return ask


def by_assert_close(problems: Iterable[Problem]) -> Asked:
    """Return the way that draws from a normal distribution and compares with F.conv2d in float64."""
    import torch

    asked = list(enumerate(problems))

    def refused(kernel: Implementation, seed: int, problem: Problem) -> bool | None:
        """Say whether the output differs, or None where there is none."""
        torch.manual_seed(seed)
        x, weight = torch.randn(problem.input_shape), torch.randn(problem.weight_shape)
        bias = torch.randn(problem.out_channels) if problem.bias else None
        operands = Operands(x.numpy(), weight.numpy(), None if bias is None else bias.numpy())
        try:
            y = bind(kernel, problem, operands).output().y
            if y is None:
                return None
            actual = torch.from_numpy(np.array(y))
        except (KernelError, TypeError):
            return None
        expected = torch.conv2d(
            x.double(),
            weight.double(),
            None if bias is None else bias.double(),
            problem.stride,
            [before for before, _ in problem.pads],
            problem.dilation,
            problem.groups,
        )
        try:
            torch.testing.assert_close(actual, expected.float())
        except AssertionError:
            return True
        return False

    twin = made(convolve, "twin")
    fair = [drawn for drawn in asked if not refused(twin, *drawn)]

    def ask(suspect: Suspect) -> Iterator[bool]:
        for drawn in fair:
            found = refused(suspect.kernel, *drawn)
            yield suspect.ends if found is None else found

    return ask


def usual_problems(count: int, seed: int = 0) -> list[Problem]:
    """Return problems as people draw them: powers of two, square images, odd kernels, padding that fits."""
    random = Random(seed)
    found = []
    while len(found) < count:
        channels, kernel = random.choice((3, 8, 16, 32, 64)), random.choice((1, 3, 3, 5, 7))
        out_channels = random.choice((8, 16, 32, 64))
        groups = random.choice((1, 1, 1, 2, channels))
        size = random.choice((8, 14, 16, 28, 32, 56))
        if channels % groups or out_channels % groups or size < kernel:
            continue
        found.append(
            Problem(
                batch_size=random.choice((1, 2, 4, 8)),
                in_channels=channels,
                input_size=(size, size),
                out_channels=out_channels,
                kernel_size=(kernel, kernel),
                stride=random.choice((1, 1, 2)),
                padding=random.choice((0, kernel // 2)),
                groups=groups,
                bias=random.random() < 0.5,
            )
        )
    return found


def time_to_refuse(ask: Asked, suspect: Suspect, most_s: float) -> float:
    """Return the seconds until a kernel was refused, or infinity if it was not in time."""
    begin = perf_counter()
    for refused in ask(suspect):
        seconds = perf_counter() - begin
        if refused:
            return seconds
        if seconds > most_s:
            break
    return inf


def ways() -> dict[str, Asked]:
    """Return the ways of asking by name."""
    old = [case for name in ("features", "corner") for case in find_suite(name)]
    new = [*old, *find_suite("sizes"), *random_suite(f"random:{RANDOM}:0")]
    return {
        "check": by_oracle(case for _, case in by_promise((None, case) for case in new)),
        "features, corner": by_oracle(old),
        "assert_close": by_assert_close(usual_problems(USUAL)),
    }


def row_of(name: str, seconds: list[float], most_s: float) -> str:
    """Return the figures of a way: kernels refused within some times, a second, and when so many were."""
    ordered = sorted(seconds)
    within = [f"{sum(one <= limit for one in ordered):6}" for limit in TIMES_S if limit <= most_s]
    spent = sum(min(one, most_s) for one in ordered)
    rate = sum(one < inf for one in ordered) / spent
    needed = (ordered[ceil(share * len(ordered)) - 1] for share in SHARES)
    when = [f"{one:8.2f} s" if one < inf else f"{'never':>10}" for one in needed]
    return f"{name:18}{''.join(within)} {rate:9.3f} {''.join(when)}"


def main() -> None:
    """Ask each kernel in each way, and print who refused it by when."""
    parser = ArgumentParser(description="Wrong kernels refused by time.")
    parser.add_argument("--time", type=float, default=10.0, help="seconds for each kernel and way")
    parser.add_argument("--every", type=int, default=1, help="take every so many of the kernels")
    parser.add_argument("--missed", action="store_true", help="name those that were not refused")
    given = parser.parse_args()
    limit_threads(1)
    adapter("torch").limit_threads(1)
    asked = list(islice(suspects(), 0, None, given.every))
    print(f"{len(asked)} wrong kernels, up to {given.time:g} s each; refused within")
    head = "".join(f"{limit:4} s" for limit in TIMES_S if limit <= given.time)
    print(f"{'':18}{head}     per s      half    90 %")
    for name, ask in ways().items():
        seconds = [time_to_refuse(ask, suspect, given.time) for suspect in asked]
        print(row_of(name, seconds, given.time), flush=True)
        if given.missed:
            missed = (one.kernel.name for one, time in zip(asked, seconds, strict=True) if time == inf)
            print("   not refused:", ", ".join(missed))


if __name__ == "__main__":
    main()
