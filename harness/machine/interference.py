"""Interference: what other processes did while something was timed, from the system's counters.

A counter that the system does not have is None. Nothing is controlled here, only recorded.
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SPARE = 0.75
"""The processors that must stay free beside the timed threads: the harness itself needs some."""

_BUSY = ("user", "nice", "system", "irq", "softirq")
"""The kinds of time in which a processor works ("user" includes guests'); the others are idle or stolen."""

_LEAST_FOREIGN = 0.05
_TICKS_S = 0.03
"""The system counts processor time in hundredths of a second."""


@dataclass(frozen=True)
class Snapshot:
    """The counters of the machine at one moment; seconds are processor seconds since it started."""

    at_s: float
    busy_s: float
    stolen_s: float
    stalled_s: float | None
    swapped_bytes: int
    throttled: int | None
    megahertz: float | None
    load: float

    @classmethod
    def now(cls) -> "Snapshot":
        """Read the counters."""
        import psutil

        times = psutil.cpu_times()
        return cls(
            at_s=time.perf_counter(),
            busy_s=sum(getattr(times, name, 0.0) for name in _BUSY),
            stolen_s=getattr(times, "steal", 0.0),
            stalled_s=_stalled_s(),
            swapped_bytes=_swapped_bytes(),
            throttled=_throttled(),
            megahertz=megahertz(),
            load=os.getloadavg()[0],
        )


@dataclass(frozen=True)
class Conditions:
    """What disturbed a block of measurements, in processors on average.

    `foreign` is what other processes used, `stolen` what the host of a virtual machine gave to others,
    and `stalled` the share of time in which some process waited for a processor. A block `is_disturbed`
    where other processes used processors that it needed.
    """

    foreign: float = 0.0
    stolen: float = 0.0
    stalled: float | None = None
    swapped_bytes: int = 0
    throttled: int | None = None
    megahertz: float | None = None
    load_before: float = 0.0
    load_after: float = 0.0
    is_disturbed: bool = False

    @classmethod
    def between(cls, before: Snapshot, after: Snapshot, *, own_s: float, threads: int) -> "Conditions":
        """Return what happened between two snapshots in which the harness and its workers used `own_s`."""
        passed = max(after.at_s - before.at_s, 1e-9)
        foreign = max(0.0, (after.busy_s - before.busy_s - own_s) / passed)
        spare = len(os.sched_getaffinity(0)) - threads - _SPARE
        return cls(
            foreign=foreign,
            stolen=max(0.0, (after.stolen_s - before.stolen_s) / passed),
            stalled=_rate(before.stalled_s, after.stalled_s, passed),
            swapped_bytes=after.swapped_bytes - before.swapped_bytes,
            throttled=None
            if before.throttled is None or after.throttled is None
            else after.throttled - before.throttled,
            megahertz=after.megahertz,
            load_before=before.load,
            load_after=after.load,
            is_disturbed=foreign > max(_LEAST_FOREIGN, spare, _TICKS_S / passed),
        )


def processors_in_turn(threads: int, turn: int) -> list[int]:
    """Return as many of the allowed processors as there are threads, different ones at every turn."""
    allowed = sorted(os.sched_getaffinity(0))
    count = min(threads, len(allowed))
    start = turn * count
    return [allowed[(start + index) % len(allowed)] for index in range(count)]


@contextmanager
def alone() -> Iterator[None]:
    """Hold this user's lock for measuring on this machine; wait while another process holds it."""
    path = Path(tempfile.gettempdir()) / f"convharness-{os.getuid()}.lock"
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:  # without a place for a lock measure without one
        yield
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def summary(blocks: list[Conditions], **counts: Any) -> dict[str, Any]:
    """Return the worst of some blocks as a record keeps it, rounded to significant digits, with counts."""
    worst: dict[str, Any] = {
        "foreign_processors": _worst(blocks, lambda block: block.foreign, 2),
        "stolen_processors": _worst(blocks, lambda block: block.stolen, 3),
        "stalled_fraction": _worst(blocks, lambda block: block.stalled, 3),
        "swapped_bytes": _worst(blocks, lambda block: block.swapped_bytes, 0),
        "throttled": _worst(blocks, lambda block: block.throttled, 0),
        "megahertz": _worst(blocks, lambda block: block.megahertz, 0),
        "load_average": _worst(blocks, lambda block: max(block.load_before, block.load_after), 2),
        "disturbed_blocks": sum(block.is_disturbed for block in blocks),
    }
    return {**worst, **counts}


def _worst(blocks: list[Conditions], of: Callable[[Conditions], float | None], digits: int) -> float | None:
    known = [value for block in blocks if (value := of(block)) is not None]
    return round(max(known), digits) if known else None


def _rate(before: float | None, after: float | None, passed: float) -> float | None:
    return None if before is None or after is None else (after - before) / passed


def _stalled_s() -> float | None:
    """Return how long some process has waited for a processor, from Linux's pressure stall information."""
    try:
        return int(Path("/proc/pressure/cpu").read_text("ascii").split("total=")[1].split()[0]) / 1e6
    except (OSError, IndexError, ValueError):
        return None


def _swapped_bytes() -> int:
    import psutil

    swap = psutil.swap_memory()
    return int(swap.sin + swap.sout)


def _throttled() -> int | None:
    """Return how often the first processor was throttled because it was hot."""
    try:
        folder = Path("/sys/devices/system/cpu/cpu0/thermal_throttle")
        return int((folder / "core_throttle_count").read_text("ascii"))
    except (OSError, ValueError):
        return None


def megahertz() -> float | None:
    """Return the processors' present clock rate, None if unknown."""
    import psutil

    try:
        frequency = psutil.cpu_freq()
    except (OSError, NotImplementedError):
        return None
    return float(frequency.current) if frequency else None
