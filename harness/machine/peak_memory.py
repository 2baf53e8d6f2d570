"""How much memory a call takes: the high-water mark of its process, as Linux keeps it.

Every page counts, whoever allocates it (NumPy, PyTorch, C or Python), at the price of a resolution
of pages, and of not seeing what fits into memory that the process has already.
"""

import ctypes
import gc
import os
from collections.abc import Callable
from pathlib import Path

_RESET_PEAK = "5"  # proc(5), /proc/pid/clear_refs


def peak_of(call: Callable[[], object]) -> int | None:
    """Return how many bytes more than before a call had at its peak, its result included; None if unknown.

    What was freed before is given back to the system first, so that using it again counts. So does
    what is new in the process's own tables, a few pages.
    """
    call()  # what is made once is made now
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text(_RESET_PEAK, "ascii")
        before = _resident("VmHWM")
        call()
        return max(0, _resident("VmHWM") - before)
    except (OSError, AttributeError, ValueError):
        return None


def _resident(name: str) -> int:
    """Return a figure of this process's memory in bytes."""
    for line in Path(f"/proc/{os.getpid()}/status").read_text("ascii", "replace").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"the system does not tell {name}")
