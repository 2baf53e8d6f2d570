"""What else went on in the machine while something was timed: facts from the system, before and after.

What a system does not tell is None. Nothing here is controlled; it is written into the record.
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
"""Processors that others must leave beside the threads that are timed: the harness itself needs some."""

_BUSY = ("user", "nice", "system", "irq", "softirq")
"""What a processor is busy with; user's has what guests use in it, and the others are idle or stolen."""

_LEAST_FOREIGN = 0.05
_TICKS_S = 0.03
"""Processor time of others is counted in hundredths of a second."""


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
    """What a block of measurements met with, in processors on average, and what was done about it.

    `foreign` is what others used, `stolen` what the host of a virtual machine gave to others, and
    `stalled` the share of time in which somebody waited for a processor. `repeated` samples and
    blocks were taken again because others had the processor; `disturbed` ones are kept nevertheless.
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
        """Return what there was between two moments in which we ourselves used `own_s`."""
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
    """Return as many of the processors that we may use as there are threads, others at every turn."""
    allowed = sorted(os.sched_getaffinity(0))
    count = min(threads, len(allowed))
    start = turn * count
    return [allowed[(start + index) % len(allowed)] for index in range(count)]


@contextmanager
def alone() -> Iterator[None]:
    """Wait until nobody else of this user measures on this machine, and keep others waiting meanwhile."""
    path = Path(tempfile.gettempdir()) / f"convharness-{os.getuid()}.lock"
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:  # no place for a lock is no reason not to measure
        yield
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def summary(blocks: list[Conditions], **counts: Any) -> dict[str, Any]:
    """Return the worst of some blocks as a record keeps it, rounded to what is known, with some counts."""
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
    """Return for how long somebody has waited for a processor, as Linux's pressure stall information says."""
    try:
        return int(Path("/proc/pressure/cpu").read_text("ascii").split("total=")[1].split()[0]) / 1e6
    except (OSError, IndexError, ValueError):
        return None


def _swapped_bytes() -> int:
    import psutil

    swap = psutil.swap_memory()
    return int(swap.sin + swap.sout)


def _throttled() -> int | None:
    """Return how often the first processor was slowed down because it was hot."""
    try:
        folder = Path("/sys/devices/system/cpu/cpu0/thermal_throttle")
        return int((folder / "core_throttle_count").read_text("ascii"))
    except (OSError, ValueError):
        return None


def megahertz() -> float | None:
    """Return the processors' present clock rate, as far as the system tells."""
    import psutil

    try:
        frequency = psutil.cpu_freq()
    except (OSError, NotImplementedError):
        return None
    return float(frequency.current) if frequency else None
