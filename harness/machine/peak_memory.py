"""How much memory a call takes: the high-water mark of its process, as Linux keeps it.

Every page counts, from any allocator (NumPy, PyTorch, C or Python). The resolution is one page, and
an allocation that fits into memory that the process already holds is not seen.
"""

import ctypes
import gc
import os
from collections.abc import Callable
from pathlib import Path

_RESET_PEAK = "5"  # proc(5), /proc/pid/clear_refs


def peak_of(call: Callable[[], object]) -> int | None:
    """Return the bytes by which memory grows during a call, its result included; None if unknown.

    Freed memory is returned to the system first, so that using it again counts. A few pages of the
    process's own tables count, too.
    """
    call()  # allocates what is allocated only once
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text(_RESET_PEAK, "ascii")
        before = resident("VmHWM")
        call()
        return max(0, resident("VmHWM") - before)
    except (OSError, AttributeError, ValueError):
        return None


def resident(name: str) -> int:
    """Return a figure of this process's memory in bytes, by its name in proc(5); raises `ValueError`."""
    for line in Path(f"/proc/{os.getpid()}/status").read_text("ascii", "replace").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"/proc/self/status has no line {name}")
