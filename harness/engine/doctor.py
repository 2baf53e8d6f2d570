"""The machine examined: what it is and can do, what disturbs measurements on it, what to do about that."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from textwrap import wrap
from typing import Any

from ..machine import caches, calibration, environment
from ..machine.ceilings import Ceilings
from ..machine.interference import Conditions, Snapshot
from ..plugins.registry import Registry
from ..workers import ceilings_of
from .timer_selftest import Marks

_LOOK_S = 0.5
_BUSY = 0.1
_STOLEN = 0.01

_WIDTH, _INDENT = 100, 12

_COARSE_S = 1e-6
"""A clock that moves in larger steps cannot time short kernels."""


@dataclass(frozen=True)
class Finding:
    """One fact of the machine; `advice` is what to do where it harms measurements."""

    about: str
    fact: str
    advice: str | None = None

    def row(self) -> dict[str, Any]:
        """Return it as a row of a table."""
        return asdict(self)


def examine(registry: Registry, threads: int = 1) -> Iterator[Finding]:
    """Yield the facts of the machine, from what it is to how well it measures."""
    yield from _machine()
    yield from _clock()
    yield from _processors(threads)
    yield from _other_load(threads)
    yield from _memory()
    yield from _libraries(threads)
    yield from _limits(ceilings_of(threads))
    yield _timer(calibration.read("timer", threads, Marks))
    for one in registry.unavailable:
        yield Finding("unavailable", one.family, one.reason)
    for mistake in registry.broken:
        yield Finding("unavailable", str(mistake), "put the file right")


def screen_of(findings: Sequence[Finding]) -> str:
    """Return findings as text: each subject once, and advice below its fact."""
    lines = []
    before = ""
    for one in findings:
        lines += wrap(
            one.fact,
            _WIDTH,
            initial_indent=f"{'' if one.about == before else one.about:{_INDENT}}",
            subsequent_indent=" " * _INDENT,
        )
        if one.advice:
            lines += wrap(
                one.advice, _WIDTH, initial_indent=f"{'':{_INDENT}}→ ", subsequent_indent=" " * (_INDENT + 2)
            )
        before = one.about
    return "".join(f"{line}\n" for line in lines)


def _machine() -> Iterator[Finding]:
    facts = environment.machine_facts()
    virtual = "a virtual machine" if "hypervisor" in environment.cpu_flags() else "no hypervisor seen"
    yield Finding("machine", f"{environment.machine()}: {facts['cpu']}, {virtual}")
    yield Finding("machine", f"{facts['system']} {facts['kernel']}, {facts['memory_gib']} GiB of memory")
    sizes = ", ".join(f"{size // 1024:,} KiB" for size in caches.sizes()) or "not known"
    empties = f"--cache cold writes {caches.evicting_bytes() // 2**20} MiB before each call"
    yield Finding("caches", f"{sizes}; {empties}")


def _clock() -> Iterator[Finding]:
    step = _clock_step()
    source = _read("/sys/devices/system/clocksource/clocksource0/current_clocksource") or "not known"
    slow = source not in ("tsc", "not known", "arch_sys_counter")
    coarse = step > _COARSE_S
    advice = (
        f"clock source {source} is slow to read; tsc would be better where the system offers it"
        if slow
        else "too coarse for kernels of microseconds"
        if coarse
        else None
    )
    yield Finding("clock", f"source {source}, two readings {step * 1e9:.0f} ns apart at the least", advice)


def _clock_step() -> float:
    """Return the smallest difference between two readings that are not the same."""
    readings = [time.perf_counter() for _ in range(20_000)]
    return min(after - before for before, after in pairwise(readings) if after > before)


def _processors(threads: int) -> Iterator[Finding]:
    allowed = len(os.sched_getaffinity(0))
    total = os.cpu_count() or allowed
    few = (
        f"use at most {allowed} threads: {threads} cannot run at the same time" if threads > allowed else None
    )
    yield Finding("processors", f"{allowed} of {total} may be used", few)
    if limit := _cgroup_limit():
        yield Finding("processors", f"the container may use {limit:.2g} at a time", _too_few(limit, threads))
    together = _read("/sys/devices/system/cpu/smt/active") == "1"
    yield Finding("processors", f"two threads share a core: {'yes' if together else 'no'}")
    governor = _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    now = Snapshot.now().megahertz
    rate = f"{now:,.0f} MHz now" if now else "clock rate not known"
    advice = "set it to 'performance'" if governor not in (None, "performance") else None
    yield Finding(
        "processors", f"{rate}, governor {governor or 'not known (as in most virtual machines)'}", advice
    )


def _too_few(limit: float, threads: int) -> str | None:
    return "the container is paused whenever it has used its share; raise it" if limit < threads + 1 else None


def _other_load(threads: int) -> Iterator[Finding]:
    """Yield what other processes do on this machine right now."""
    before, own = Snapshot.now(), time.process_time()
    time.sleep(_LOOK_S)
    met = Conditions.between(before, Snapshot.now(), own_s=time.process_time() - own, threads=threads)
    busy = (
        "end it, or measure later: samples that it disturbs are taken again" if met.foreign > _BUSY else None
    )
    fact = f"other processes use {met.foreign:.2f} processors, load {met.load_after:.2f}"
    yield Finding("other load", fact, busy)
    stolen = (
        "the host of this virtual machine is busy; nothing can be done here" if met.stolen > _STOLEN else None
    )
    yield Finding("other load", f"the hypervisor takes {met.stolen:.1%} of a processor", stolen)
    stalled = "not known" if met.stalled is None else f"{met.stalled:.1%} of the time"
    yield Finding("other load", f"a process waited for a processor: {stalled}")
    if met.throttled is not None:
        yield Finding("other load", f"slowed down by heat {met.throttled} times in {_LOOK_S:g} s")


def _memory() -> Iterator[Finding]:
    import psutil

    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    full = "close something: a machine that swaps cannot time anything" if memory.percent > 90 else None
    yield Finding(
        "memory", f"{memory.available / 2**30:.1f} GiB free, {swap.used / 2**30:.1f} GiB swapped out", full
    )
    huge = _read("/sys/kernel/mm/transparent_hugepage/enabled") or "not known"
    yield Finding("memory", f"transparent huge pages: {huge}")


def _libraries(threads: int) -> Iterator[Finding]:
    facts = environment.describe(threads)
    versions = ", ".join(f"{name} {version}" for name, version in facts["libraries"].items())
    yield Finding("libraries", f"Python {facts['python']}, {versions}")
    for pool in facts["pools"]:
        yield Finding(
            "libraries", f"{pool['internal_api']} {pool['version']}, {_threads(pool['num_threads'])}"
        )


def _limits(found: Ceilings | None) -> Iterator[Finding]:
    if found is None:
        yield Finding("ceilings", "could not be measured")
        return
    rates = ", ".join(f"{dtype} {rate:,.3g}" for dtype, rate in found.gflops.items())
    yield Finding("ceilings", f"Gflop/s ({_threads(found.threads)}): {rates}")
    yield Finding(
        "ceilings", f"{found.gbytes_s:.3g} GB/s in memory, {found.cached_gbytes_s:.3g} GB/s in cache"
    )


def _threads(number: int) -> str:
    return "1 thread" if number == 1 else f"{number} threads"


def _timer(marks: Marks | None) -> Finding:
    if marks is None:
        return Finding("timer", "not tested on this machine", "convharness selftest --timing")
    return Finding("timer", f"{marks} (tested {marks.measured_at[:10]})")


def _cgroup_limit() -> float | None:
    """Return how many processors the control group may use at a time, or None where it may use all."""
    words = (_read("/sys/fs/cgroup/cpu.max") or "max").split()
    return None if words[0] == "max" else int(words[0]) / int(words[1])


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text("utf-8").strip()
    except OSError:
        return None
