"""Tools that time the same pairs of kernels, for as long each: what do they claim, and is it true?

    .venv/bin/python benchmarks/timers.py --budget 5 --repetitions 3 --output timers.csv
    .venv/bin/python benchmarks/timers.py --summarise timers.csv

The kernels are those of tests/zoo/paces.py, of which one is known to take 1.02 times as long as
another, or exactly as long. Every tool runs in the processes in which it really runs, with one thread,
and has the budget for a pair, all starts of processes included. Each has two rules, which read the same
times: its default, and one that ignores what is below a factor (--factor). The ratio is the tool's own.

asv         `asv continuous` as it comes: 2 rounds, in each a process of either kernel, the second round
            in reverse order; 0.1 s of warm-up, up to 5 samples of 10 ms or more. `asv compare` decides,
            with its default factor and with ours. Ratio of medians. It takes what it takes, which is
            1 to 3 s, and leaves the rest of the budget.
asv-rounds  The same with as many rounds as the budget has room for (-a rounds=N), which is how asv's
            documentation would have a machine's drift averaged out.
torch       `Timer.blocked_autorange` of one kernel after the other in one process, each for half of
            what the start has left of the budget. The tool decides nothing, thus the rule is ours: a
            test on the blocks' times, alone and with the factor. Ratio of medians.
pyperf      `pyperf.Runner` with a process that calibrates and some that measure, one kernel after the
            other. The default of 20 processes with 3 values of 0.1 s each comes down to what fits:
            first fewer processes; from 10 on 2 values, as with --fast; when the 3 processes that
            --fast takes at least are too many, shorter values (--min-time), and again as many
            processes as fit. `pyperf compare_to` decides, as it comes and with --min-speed. Ratio of
            means.
convharness The engine of this project, with a third rival that is the same as one of the two, and up to
            ten processes each. It decides beyond the noise floor, or beyond the factor.

The pairs are shuffled, and so are the tools for each pair: they follow each other, so that none has a
quieter machine. A claim on two identical kernels is false, and so is one in the wrong direction.
Kernel time is what was spent in calls that the figures come from: no warm-up, no calibration.
"""

import csv
import importlib.util
import inspect
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import cache, partial
from math import ceil, log2
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic, perf_counter

# The tools' processes import this file, too: what not all of them need is imported where it is used.

# In the order of their times, from 20 µs to 20 ms. All outputs are small: where memory puts larger ones
# makes the same kernel several per cent slower or faster for the life of a process. What a call does
# once, whatever its units, makes the slowdowns of the shortest a little smaller than they are said to be.
KERNELS = (
    ("product", 20, "n1c4h4w4-o4k1-float32"),
    ("scaling", 100, "n1c8h8w8-o8k1g8-float32"),
    ("loops", 100, "n1c1h14w14-o1k1-float32"),
    ("product", 100, "n1c128h6w6-o128k1-float32"),
    ("loops", 100, "n1c1h28w28-o1k1-float32"),
    ("product", 100, "n1c384h8w8-o384k1-float32"),
)
RULES = {
    "asv": "Mann-Whitney p < 0.002 (or, of few samples, 99 % intervals apart), and medians beyond 1.1",
    "asv-rounds": "the same",
    "torch": "Mann-Whitney p < 0.05 on the blocks' times, two-sided",
    "pyperf": "Student's t on the values of all processes, 95 %, two-sided",
    "convharness": "the verdict of the engine",
}
CLAIMS = {True: "slower", False: "nothing", None: "faster"}


@dataclass(frozen=True)
class Pair:
    """Two kernels, and how many times as long the other takes as the base."""

    base: str
    other: str
    problem: str
    truth: float


@dataclass(frozen=True)
class Outcome:
    """What a tool says of a pair: `slower` is None if it claims that the other is faster."""

    slower: bool | None
    ratio: float
    kernel_s: float
    wall_s: float


def claim(*, slower, faster):
    """Return what a tool claims, from what it says in either direction."""
    return True if slower else None if faster else False


def ruled(usual, beyond, factor):
    """Return what a tool's default rule says, and what the one says that ignores less than a factor."""
    return {"default": usual, f"beyond {factor:g}": beyond}


# The kernels


@cache
def paces():
    """Load the kernels."""
    path = Path(__file__).parent.parent / "tests" / "zoo" / "paces.py"
    specification = importlib.util.spec_from_file_location("paces", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def bound(name, problem):
    """Return a kernel as a call without arguments, for the shapes of a problem."""
    import numpy as np

    from convharness import Problem

    kernel, problem = getattr(paces(), name), Problem.parse(problem)
    random = np.random.default_rng(0)
    shapes = problem.input_shape, problem.weight_shape
    operands = [random.standard_normal(shape, dtype=problem.dtype) for shape in shapes]
    groups = {"groups": problem.groups} if "groups" in inspect.signature(kernel).parameters else {}
    return partial(kernel, *operands, **groups)


@cache
def call_s(name, problem):
    """Return about how long a kernel takes."""
    call, times, end = bound(name, problem), [], perf_counter() + 0.05
    while len(times) < 5 or perf_counter() < end:
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return median(times)


def pairs():
    """Return each base with itself again, and with the slowdowns that it has."""
    for kind, base, problem in KERNELS:
        first, *others = paces().names_of(kind, base).items()
        for name, units in others:
            yield Pair(first[0], name, problem, units / first[1])


# asv


def by_asv(base, other, problem, budget_s, factor, most=2):
    """Let asv's runner measure, as `asv continuous` calls it, and `asv compare` decide."""
    from asv.commands.compare import _is_result_better as is_better

    start = perf_counter()
    results = asv_results(base, other, problem, budget_s, most)
    wall_s = perf_counter() - start
    (first, first_facts), (second, second_facts) = both = [asv_figures(one) for one in results]
    kernel_s = sum(facts["number"] * sum(samples) for _, (facts, samples) in both)

    def outcome(factor):
        slower = is_better(first, second, first_facts, second_facts, factor)
        faster = is_better(second, first, second_facts, first_facts, factor)
        return Outcome(claim(slower=slower, faster=faster), second / first, kernel_s, wall_s)

    return ruled(outcome(1.1), outcome(factor), factor)


def asv_results(base, other, problem, budget_s, most):
    """Return both kernels' results after a number of rounds, or the fewer that fit (2 at least)."""
    from asv.results import Results

    start, results = perf_counter(), {name: Results.unnamed() for name in (base, other)}
    with TemporaryDirectory() as folder:
        suites = {name: asv_benchmarks(Path(folder) / "suite", name, problem) for name in results}
        for rounds in range(1, most + 1):
            asv_round(suites, results, rounds)
            if rounds > 1 and (perf_counter() - start) * (rounds + 1) / rounds > budget_s:
                break
    return results.values()


def asv_round(suites, results, number):
    """Add the samples of a round, back and forth as asv goes through commits: a drift meets both alike."""
    from asv.runner import run_benchmarks

    keywords = {"record_samples": True, "append_samples": number > 1, "run_rounds": [1]}
    for name in suites if number % 2 else reversed(suites):
        run_benchmarks(suites[name], asv_environment(), results[name], **keywords)
        if any(results[name].errcode.values()):
            raise RuntimeError("".join(results[name].stderr.values()))


def asv_benchmarks(folder, name, problem):
    """Write a suite with one benchmark, and return it as asv keeps it."""
    from asv.benchmarks import Benchmarks
    from asv.config import Config

    # A setup() would make asv measure one call a sample, however short it is.
    lines = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})",
        f"from timers import bound; call = bound({name!r}, {problem!r})",
        "def time_kernel(): call()",
    )
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    (folder / f"{name}.py").write_text("\n".join(lines), encoding="utf-8")
    configuration = Config()
    configuration.benchmark_dir = str(folder)
    facts = {"params": [], "type": "time", "unit": "seconds", "version": "1", "rounds": 2}
    return Benchmarks(configuration, [{"name": f"{name}.time_kernel", **facts}])


@cache
def asv_environment():
    """Return the environment of asv that is this interpreter."""
    from asv.config import Config
    from asv.environment import ExistingEnvironment

    return ExistingEnvironment(Config(), "same", {}, {})


def asv_figures(results):
    """Return the median that asv reports, and the statistics and samples that it compares."""
    (name,) = results.get_all_result_keys()
    reads = results.get_result_value, results.get_result_stats, results.get_result_samples
    (value,), (facts,), (samples,) = (read(name, []) for read in reads)
    return value, (facts, samples)


# torch


def by_torch(base, other, problem, budget_s, factor):
    """Let torch's timer measure in a process of its own, and Mann-Whitney's test decide."""
    from scipy.stats import mannwhitneyu

    start = perf_counter()
    *blocks, _ = run_torch(base, other, problem, monotonic() + budget_s - torch_end_s())
    wall_s = perf_counter() - start
    first, second = ([time / number for time in times] for number, times in blocks)
    ratio, is_sure = median(second) / median(first), mannwhitneyu(first, second).pvalue < 0.05
    kernel_s = sum(sum(times) for _, times in blocks)

    def outcome(factor):
        said = claim(slower=is_sure and ratio > factor, faster=is_sure and ratio < 1 / factor)
        return Outcome(said, ratio, kernel_s, wall_s)

    return ruled(outcome(1), outcome(factor), factor)


def run_torch(base, other, problem, deadline):
    """Return what torch's process prints."""
    words = [*own("torch"), base, other, problem, str(deadline)]
    return json.loads(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout)


@cache
def torch_end_s():
    """Return how long a process that has loaded torch takes for its end."""
    kind, base, problem = KERNELS[0]
    name, again, *_ = paces().names_of(kind, base)
    *_, ended = run_torch(name, again, problem, 0)
    return monotonic() - ended


def torch_process(base, other, problem, deadline):
    """Measure both kernels until the deadline; print the calls in a block, the blocks, and the time."""
    from torch.utils.benchmark import Timer

    timers = [Timer("call()", globals={"call": bound(name, problem)}) for name in (base, other)]
    run_s = max((float(deadline) - monotonic()) / 2, 0.2)  # 0.2 s is the tool's default
    measured = [timer.blocked_autorange(min_run_time=run_s) for timer in timers]
    print(json.dumps([*((one.number_per_run, one.raw_times) for one in measured), monotonic()]))


# pyperf


def by_pyperf(base, other, problem, budget_s, factor):
    """Let pyperf's runner measure, and `pyperf compare_to` decide."""
    import pyperf
    from pyperf._compare import CompareData, CompareResult

    options = pyperf_options(budget_s, call_s(base, problem))
    start = perf_counter()
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "times.json")
        run_pyperf(base, other, problem, *options, f"--output={path}")
        suite = pyperf.BenchmarkSuite.load(path)
    wall_s = perf_counter() - start
    both = [suite.get_benchmark(name) for name in (base, other)]
    runs = [run for one in both for run in one.get_runs()]
    kernel_s = sum(run.get_total_loops() * sum(run.values) for run in runs)

    def outcome(least):
        result = CompareResult(*map(CompareData, (base, other), both), least)
        sure, ratio = result.significant, result.norm_mean
        return Outcome(claim(slower=sure and ratio > 1, faster=sure and ratio < 1), ratio, kernel_s, wall_s)

    return ruled(outcome(None), outcome(100 * (factor - 1)), factor)


def run_pyperf(base, other, problem, *options):
    """Run pyperf's manager, which starts the processes that measure."""
    from convharness.machine.environment import thread_variables

    inherited = f"--inherit-environ={','.join(thread_variables(1))}"
    words = [*own("pyperf"), base, other, problem, "--quiet", inherited, *options]
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)


def pyperf_process(base, other, problem, *options):
    """Be pyperf's manager, or a worker, which measures the kernel that the manager asks for."""
    import pyperf

    runner = pyperf.Runner(program_args=(__file__, "pyperf", base, other, problem))
    task = runner.parse_args(options).worker_task
    for index, name in enumerate((base, other)):
        # The manager calls nothing, and a worker calls one: neither has to load more.
        runner.bench_func(name, bound(name, problem) if task == index else None)


def pyperf_options(budget_s, call_s):
    """Return the first plan that fits, or else the least."""
    plans = [
        (processes, 3 if processes > 10 else 2, 0.1 / 2**halvings)
        for halvings in range(6)
        for processes in range(20, 2, -1)
    ]
    fitting = (plan for plan in plans if pyperf_wall_s(*plan, call_s) <= budget_s)
    processes, values, min_time = next(fitting, plans[-1])
    return f"--processes={processes}", f"--values={values}", f"--min-time={min_time}"


def pyperf_wall_s(processes, values, min_time, call_s):
    """Return how long pyperf is going to take for two kernels."""
    manager_s, worker_s = pyperf_starts_s()
    value_s = call_s * 2 ** ceil(log2(max(min_time / call_s, 1)))  # it doubles the number of calls
    # The calibration's doublings take about as long as one more value; each process warms up with one.
    calls_s = value_s * (values + 2 + processes * (values + 1))
    return manager_s + 2 * ((processes + 1) * worker_s + calls_s)


@cache
def pyperf_starts_s():
    """Return what the manager and a worker take that measure next to nothing."""
    kind, base, problem = KERNELS[0]
    name, again, *_ = paces().names_of(kind, base)

    def wall_s(processes):
        start = perf_counter()
        run_pyperf(name, again, problem, "--loops=1", "--values=1", "--warmups=0", f"--processes={processes}")
        return perf_counter() - start

    few, many = min(wall_s(1) for _ in range(2)), wall_s(3)
    worker_s = (many - few) / 4
    return few - 2 * worker_s, worker_s


# convharness

STARTS_S = 1.0
NEVER_ENOUGH = 1e-4  # a precision that is never reached: the budget decides


def by_convharness(base, other, problem, budget_s, factor):
    """Let the project's own engine measure and decide; a third rival is its noise floor."""
    from convharness import Problem
    from convharness.engine.timing import time_case
    from convharness.measure.decisions import decide, noise_floor
    from convharness.measure.stopwatch import Effort
    from convharness.plugins.discovery import held_by
    from convharness.problems.suite import Case
    from convharness.workers import WorkerPool

    names = f"paces.{base}", f"paces.{other}"
    held = {one.name: one for one in held_by(Path(paces().__file__), "file", "paces").implementations}
    effort = Effort(budget_s=max(0.3, (budget_s - STARTS_S) / 3), precision=NEVER_ENOUGH)
    case, random = Case("pair", (Problem.parse(problem),)), Random(f"{names} {perf_counter()}")
    start = perf_counter()
    with WorkerPool() as pool:
        outcomes = time_case(case, [held[name] for name in names], effort, seed=0, random=random, pool=pool)
    wall_s = perf_counter() - start
    first, second = (outcomes[name] for name in names)
    twinned = first if first.twin else second
    floor = noise_floor(twinned.passes, twinned.twin)
    kernel_s = first.timed_s + second.timed_s + twinned.timed_s  # its twin's calls are as many

    def outcome(margin):
        word = decide(second.passes, first.passes, margin=margin)
        slower = claim(slower=word.word == "slower", faster=word.word == "faster")
        return Outcome(slower, word.ratio, kernel_s, wall_s)

    return ruled(outcome(floor), outcome(max(floor, factor - 1)), factor)


# All of them

TOOLS = {
    "asv": by_asv,
    "asv-rounds": partial(by_asv, most=sys.maxsize),
    "torch": by_torch,
    "pyperf": by_pyperf,
    "convharness": by_convharness,
}
PROCESSES = {"torch": torch_process, "pyperf": pyperf_process}


def own(process):
    """Return the command that runs this script as a tool's process."""
    return sys.executable, __file__, process


def trials(chosen, tools, repetitions, random):
    """Yield each pair with each tool a number of times, in random order, a pair's tools after each other."""
    for repetition in range(repetitions):
        for pair in random.sample(chosen, len(chosen)):
            for tool in random.sample(tools, len(tools)):
                yield repetition, pair, tool


def measure(arguments):
    """Yield what each rule of each tool says of each pair."""
    chosen = [pair for pair in pairs() if fnmatchcase(pair.other, arguments.kernel)]
    if not chosen:
        raise SystemExit(f"no kernel matches {arguments.kernel}")
    tools = list(dict.fromkeys(arguments.tool or TOOLS))
    prepare(chosen, tools)
    for repetition, pair, tool in trials(chosen, tools, arguments.repetitions, Random(arguments.seed)):
        act = TOOLS[tool]
        outcomes = act(pair.base, pair.other, pair.problem, arguments.budget, arguments.factor)
        for rule, outcome in outcomes.items():
            told = {**asdict(outcome), "slower": CLAIMS[outcome.slower]}
            trial = {"repetition": repetition, "budget_s": arguments.budget, "tool": tool, "rule": rule}
            found = f"{outcome.ratio:.4f} {told['slower']}"
            print(f"{tool:11} {rule:12} {pair.other:18} {pair.problem:26} {found}", file=sys.stderr)
            yield {**trial, **asdict(pair), **told}


def prepare(chosen, tools):
    """Load and measure what no tool is to pay for in its first trial."""
    for pair in chosen:
        call_s(pair.base, pair.problem)
    ready = {"asv": asv_environment, "torch": torch_end_s, "pyperf": pyperf_starts_s}
    for name in ready.keys() & {tool.removesuffix("-rounds") for tool in tools}:
        ready[name]()


def stored(rows, path):
    """Yield the rows, having written each to a file, so that a run that is cut short leaves its own."""
    with path.open("w", newline="", encoding="utf-8") as file:
        for row in rows:
            writer = csv.DictWriter(file, row)
            if not file.tell():
                writer.writeheader()
            writer.writerow(row)
            file.flush()
            yield row


# What came out


def report(frame):
    """Print what the tools claimed, how far off their ratios were, and what it cost."""
    frame["slowdown"] = (frame.truth - 1).round(6)
    frame["error"] = 100 * (frame.ratio / frame.truth - 1)
    print(f"{', '.join(f'{budget:g} s' for budget in frame.budget_s.unique())} for a pair and a tool")
    print("\nClaims: on identical kernels, of a slowdown, in the wrong direction")
    print(frame.groupby(["tool", "rule"]).apply(claims).to_string())
    for tool in sorted(frame.tool.unique()):
        print(f"{tool} by default: {RULES[tool]}")
    ratios = frame[frame.rule == "default"]
    print("\nError of the ratio in %, cost of a pair")
    print(ratios.groupby("tool").apply(figures).round(2).to_string())
    print("\nRoot of the mean squared error in %, by kernel")
    kernels = ratios.base + " " + ratios.problem
    print(ratios.error.groupby([kernels, ratios.tool]).agg(rms).unstack().round(2).to_string())


def claims(some):
    """Return how often a rule claimed what."""
    import pandas as pd

    said, slowdown = some.slower, some.slowdown
    found = {f"{step:+.0%}": of(said[slowdown == step] == "slower") for step in sorted(set(slowdown)) if step}
    false = {"identical": of(said[slowdown == 0] != "nothing")}
    return pd.Series({**false, **found, "wrong way": of(said[slowdown > 0] == "faster")})


def of(flags):
    """Return how many of how many."""
    return f"{flags.sum()} of {len(flags)}" + (f" ({flags.mean():.0%})" if len(flags) else "")


def figures(some):
    """Return a tool's bias and scatter, and what it took."""
    import pandas as pd

    bias = {"median": some.error.median(), "mean": some.error.mean(), "rms": rms(some.error)}
    share = some.kernel_s.sum() / some.wall_s.sum()
    return pd.Series(
        {**bias, "wall s": some.wall_s.mean(), "longest s": some.wall_s.max(), "kernels/wall": share}
    )


def rms(errors):
    """Return the root of the mean square."""
    return (errors**2).mean() ** 0.5


def options():
    """Return what the command line says."""
    from argparse import ArgumentParser, RawDescriptionHelpFormatter

    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    add = partial(parser.add_argument, metavar="X")
    add("--budget", type=float, default=5, help="seconds for a pair and a tool (default: 5)")
    add("--repetitions", type=int, default=1, help="trials of each pair with each tool (default: 1)")
    add(
        "--tool",
        action="append",
        choices=TOOLS,
        help=f"may be repeated; of {', '.join(TOOLS)} (default: all)",
    )
    add("--kernel", default="*", help="glob of the other kernel, such as 'scaling_*' or '*_again'")
    add("--factor", type=float, default=1.02, help="the least slowdown of interest (default: 1.02)")
    add("--seed", type=int, default=0, help="of the order (default: 0)")
    add("--output", type=Path, help="write the raw outcomes to this file (CSV)")
    add("--summarise", type=Path, nargs="+", help="measure nothing, read the outcomes from these files")
    return parser.parse_args()


def main():
    """Measure, or read what was measured, and print what came out."""
    from convharness.machine.environment import thread_variables

    os.environ.update(thread_variables(1))  # before NumPy loads, here and in every process

    import pandas as pd

    arguments = options()
    if arguments.summarise:
        report(pd.concat(map(pd.read_csv, arguments.summarise), ignore_index=True))
        return
    rows = measure(arguments)
    report(pd.DataFrame(stored(rows, arguments.output) if arguments.output else rows))


if __name__ == "__main__":
    _, *words = sys.argv
    if words and words[0] in PROCESSES:
        PROCESSES[words[0]](*words[1:])
    else:
        main()
