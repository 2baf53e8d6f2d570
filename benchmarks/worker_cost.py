"""What a process per implementation costs: starting it, asking it, handing arrays over, judging through it.

    python benchmarks/worker_cost.py

Prints seconds and ratios that were measured side by side, and asserts nothing.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from convharness import Case, Problem, discover
from convharness.execution.local_host import LocalHost
from convharness.machine.environment import limit_threads
from convharness.numerics.operands import reals
from convharness.oracle import Oracle
from convharness.workers import Limits, WorkerPool
from convharness.workers.protocol.requests import Ping
from convharness.workers.remote import RemoteHost
from convharness.workers.spawn import spawned

LIBRARIES = {
    "numpy": "numpy_arrays.tensordot",
    "scipy.signal": "scipy_signal.correlate_direct",
    "scipy.ndimage": "scipy_ndimage.correlate",
    "torch": "pytorch.native",
}
SMALL = Problem.parse("n2c3h6w7-o4k3p1-float32")
PAYLOAD = Problem.parse("n8c64h112w112-o1k1-float32")


def main() -> None:
    """Print everything."""
    limit_threads(1)
    registry = discover()
    print("Starting a worker, its library included")
    for library, name in LIBRARIES.items():
        (one,) = registry.select([name])
        start_s = median(lambda one=one: started(one), 5)
        print(f"  {library:<15} {start_s * 1e3:8.0f} ms")

    (one,) = registry.select(["numpy_arrays.tensordot"])
    host = host_of(one)
    host.bind(SMALL, reals(SMALL, 0))
    print("A round trip without payload")
    times = [seconds(lambda: host.ask(Ping())) for _ in range(5000)]
    usual, most = (np.quantile(times, share) * 1e6 for share in (0.5, 0.95))
    print(f"  median {usual:.0f} µs, 95 % below {most:.0f} µs")

    print("Handing over, for a 1×1 convolution to one channel")
    operands = reals(PAYLOAD, 0)
    size = operands.x.nbytes
    copy_s = median(operands.x.copy, 9)
    bind_s = median(lambda: host.bind(PAYLOAD, operands), 9)
    print(f"  {size / 2**20:.0f} MiB in {bind_s * 1e3:.1f} ms, {size / bind_s / 1e9:.1f} GB/s")
    print(f"  {bind_s / copy_s:.1f} times as long as a copy in NumPy")
    host.close()

    print("A verdict on a small problem, in this process and through a worker")
    case = Case(str(SMALL), (SMALL,))
    with WorkerPool() as pool:
        for level in ("quick", "standard", "thorough"):
            here, there = Oracle(level=level, host=LocalHost), Oracle(level=level, host=pool.host)
            for oracle in (here, there):
                oracle.judge(one, case)
            pairs = [
                [seconds(partial(oracle.judge, one, case)) for oracle in (here, there)] for _ in range(9)
            ]
            here_s, there_s = (statistics.median(column) for column in zip(*pairs, strict=True))
            both = f"{here_s * 1e3:6.1f} ms and {there_s * 1e3:6.1f} ms"
            print(f"  {level:<9} {both}, ratio {there_s / here_s:.2f}")


def started(one) -> None:
    """Start a worker, wait for its library, and end it."""
    host = host_of(one)
    host.ask(Ping())
    host.close()


def host_of(one) -> RemoteHost:
    """Return a host whose worker is started with its first request."""
    return RemoteHost(one, Limits(), 1, partial(spawned, Limits(), 1))


def seconds(act: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def median(act: Callable[[], object], times: int) -> float:
    """Return the median of how long something takes."""
    return statistics.median(seconds(act) for _ in range(times))


if __name__ == "__main__":
    main()
