"""What the harness itself costs: start-up, verdicts per second, time beside the kernels, reports.

    .venv/bin/python benchmarks/harness_speed.py

Prints a table; each figure is the median of some repetitions on this machine, now.
"""

import subprocess
import sys
from dataclasses import replace
from random import Random
from statistics import median
from time import perf_counter

import msgspec

from convharness import Problem, Settings, discover, find_suite, run
from convharness.measure.rounds import measure
from convharness.measure.stopwatch import Effort, Stopwatch
from convharness.oracle import Oracle
from convharness.problems.suite import Case
from convharness.reports.formats import FORMATS, render
from convharness.reports.report import Report
from convharness.runs.run import Run

REPETITIONS = 5


def seconds(action, repetitions=REPETITIONS):
    """Return the median time of an action."""
    taken = []
    for _ in range(repetitions):
        start = perf_counter()
        action()
        taken.append(perf_counter() - start)
    return median(taken)


def start_up():
    """Time new processes: an empty one, the import, help, and the list."""
    commands = {
        "python -c pass": ["-c", "pass"],
        "import convharness": ["-c", "import convharness"],
        "convharness --help": ["-m", "convharness", "--help"],
        "convharness list": ["-m", "convharness", "list"],
    }
    for name, words in commands.items():
        taken = seconds(
            lambda words=words: subprocess.run(
                [sys.executable, *words], stdout=subprocess.DEVNULL, check=True
            )
        )
        print(f"{name:42} {taken * 1e3:8.0f} ms")


def verdicts():
    """Time judging small problems: with the data made anew, and with it kept for the next implementation."""
    one, other = discover(entry_points=False).select(["numpy_arrays.im2col", "numpy_arrays.tensordot"])
    cases = find_suite("features").cases
    oracle = Oracle()
    start = perf_counter()
    for case in cases:
        oracle.judge(one, case)
    first = perf_counter() - start
    shared = Case("shared", (Problem.parse("n1c4h9w11-o6k3-float32"),))
    oracle.judge(one, shared)
    second = seconds(lambda: oracle.judge(other, shared), 50)
    print(f"{'verdict on a small problem':42} {first / len(cases) * 1e3:8.2f} ms")
    print(f"{'… when its data is there already':42} {second * 1e3:8.2f} ms")


def overhead():
    """Compare the time in timed calls with the time that measuring takes, for busy waits of known length."""
    for length in (20e-6, 1e-3):

        def wait(length=length):
            end = perf_counter() + length
            while perf_counter() < end:
                pass

        rivals = [Stopwatch(str(index), wait) for index in range(4)]
        start = perf_counter()
        taken = measure(rivals, Effort(), random=Random(0))
        wall = perf_counter() - start
        timed = sum(sum(one.seconds) * one.number for one in taken.values())
        print(f"{f'timed calls of {length * 1e6:g} µs over the wall time':42} {timed / wall:8.0%}")


def reports():
    """Time each format on a run of some size, and on ten times as many records.

    Every record has the samples of one case: formats take as long for these as for its own.
    """
    implementations = discover(entry_points=False).select(["numpy_arrays.im2col", "numpy_arrays.tensordot"])
    this = Run("run", "2026-01-01T00:00:00+00:00", "", {}, Settings())
    suite = find_suite("features")
    timed = Settings(level="quick", timed=True, effort=Effort(budget_s=0.01))
    first = next(run([replace(suite, cases=suite.cases[:1])], implementations, timed))
    judged = run([suite], implementations, Settings(level="quick"))
    records = [replace(one, measurement=first.measurement) if one.verdict.ok else one for one in judged]
    rows = [this.row(record) for record in records]
    more = [
        msgspec.structs.replace(row, implementation=f"{row.implementation}{copy}")
        for row in rows
        for copy in range(10)
    ]
    for name in ("table", "json", "csv", "markdown", "junit", "html"):
        times = [
            seconds(lambda some=some, name=name: render(name, Report(some, [this]), FORMATS), 3)
            for some in (rows, more)
        ]
        small, large = (taken * 1e3 for taken in times)
        print(f"{f'{name} of {len(rows)} and {len(more)} records':42} {small:8.0f} ms {large:8.0f} ms")


if __name__ == "__main__":
    start_up()
    verdicts()
    overhead()
    reports()
