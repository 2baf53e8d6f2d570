"""How often the clocks of an honest worker and of its parent disagree, and what is made of it.

    python benchmarks/clocks.py [PAIRS] [BUSY] [BUDGET]

Times the built-in implementations on `smoke`, each for BUDGET seconds (0.3), until PAIRS of an implementation
and a case are timed (1,000), beside BUSY endless loops of other processes (0), and asserts nothing. All
built-ins are honest: every refusal is a false one. Prints how many samples looked doubtful and how many
passes had to be proved, which is what the rate of false accusations in `harness/workers/rival.py`
is derived from.
"""

import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from statistics import median, quantiles

from convharness import Settings, discover, find_suite, run
from convharness.measure.stopwatch import Effort
from convharness.workers import remote
from convharness.workers.rival import CLOCKS_RATIO, RemoteRival

Ratios = list[float]

passes: list[Ratios] = []


class Watched(RemoteRival):
    """A rival that leaves a note of how much longer each of its samples took here than the worker told."""

    def _compare_clocks(self) -> str | None:
        passes.append([one.worked_s / one.told_s for one in self._samples])
        return super()._compare_clocks()


def main(pairs: int = 1000, busy: int = 0, budget_s: float = Effort.budget_s) -> None:
    """Print everything."""
    remote.RemoteRival = Watched  # type: ignore[misc]
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
    try:
        reasons = list(refusals(pairs, Effort(budget_s=budget_s)))
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
    report(pairs, reasons)


def refusals(pairs: int, effort: Effort) -> Iterator[str]:
    """Time a number of pairs and yield why some of them were refused."""
    implementations = discover().implementations
    timed = 0
    for seed in count():
        settings = Settings(level="quick", seed=seed, timed=True, effort=effort)
        for record in run([find_suite("smoke")], implementations, settings):
            verdict = record.verdict
            if verdict.failed:
                reason = f"{record.implementation.name} on {record.case.label}: {verdict.reason}"
                print(reason, flush=True)
                yield reason
            if record.measurement is not None or verdict.failed:
                timed += 1
                if timed % 100 == 0:
                    print(f"{timed} pairs", flush=True)
            if timed >= pairs:
                return


def report(pairs: int, reasons: list[str]) -> None:
    """Print shares and what was refused."""
    samples = [ratio for ratios in passes for ratio in ratios]
    doubtful = sum(ratio > CLOCKS_RATIO for ratio in samples)
    proved = sum(median(ratios) > CLOCKS_RATIO for ratios in passes if ratios)
    print(f"{pairs} pairs, {len(passes)} passes, {len(samples)} samples; {len(reasons)} refused")
    print(f"samples that took more than {CLOCKS_RATIO} times what was told: {doubtful}")
    print(f"passes that had to be proved: {proved}")
    cuts = quantiles(samples, n=1000)
    print(f"ratio: median {cuts[499]:.3f}, 99 % below {cuts[989]:.3f}, 99.9 % below {cuts[998]:.3f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]), *map(float, sys.argv[3:]))
