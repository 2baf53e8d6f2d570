"""The memory layer: nothing read beside the inputs, nothing written there, nothing used unwritten."""

import ctypes
import faulthandler
import mmap
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array, adapter
from ..tensors import Operands
from ..verdict import Verdict
from .contract import BreachError

if TYPE_CHECKING:
    from .trial import Trial

_CANARY_BYTES = 4096
_POISONS = (np.nan, 1e30)
_M_PERTURB = -6  # malloc.h
_CHILD_S = 0.5
"""How long a child may take, on top of twenty calls: longer means that it hangs."""

_SMALL_BYTES = 1024
"""Up to here NumPy, and the C library, keep freed blocks for the next who asks for that size."""


def check(trial: "Trial") -> Iterator[Verdict]:
    """Call between canaries, in poisoned memory, and at the edge of what may be read."""
    trial = trial.small or trial
    operands, true = trial.deal(trial.sharp)
    for poison in _POISONS[: 2 if trial.is_thorough else 1]:
        blocks: list[tuple[Array, bytes]] = []
        given = _between_canaries(trial, operands, poison, blocks)
        y = trial.output(operands, given)
        if any(block.tobytes() != before for block, before in blocks):
            raise BreachError("wrote into memory beside its inputs")
        yield trial.compared("memory", y, true, exact=True, given=f"{poison} around its inputs")
    for poison in _POISONS[: 2 if trial.is_thorough else 1]:
        with poisoned_heap(trial.implementation.arrays, poison):
            y = trial.output(operands)
        yield trial.compared("memory", y, true, exact=True, given=f"{poison} in fresh memory")
    if trial.is_thorough:
        yield _at_the_edge(trial, operands)


def _between_canaries(
    trial: "Trial", operands: Operands, poison: float, blocks: list[tuple[Array, bytes]]
) -> Operands:
    """Return the operands in the middle of larger blocks; `blocks` gets what lies beside them."""

    def surrounded(array: Array, layout: str = "contiguous") -> Array:
        stored = np.moveaxis(array, 1, -1) if layout == "channels_last" else array
        room = max(_CANARY_BYTES, stored.nbytes) // stored.itemsize // 16 * 16
        block = np.full(2 * room + stored.size, _as_type(poison, stored.dtype), stored.dtype)
        inner = block[room : room + stored.size].reshape(stored.shape)
        inner[...] = stored
        blocks.extend((side, side.tobytes()) for side in (block[:room], block[room + stored.size :]))
        return np.moveaxis(inner, -1, 1) if layout == "channels_last" else inner

    return Operands(
        surrounded(operands.x, trial.implementation.layout),
        surrounded(operands.weight),
        None if operands.bias is None else surrounded(operands.bias),
    )


def _as_type(poison: float, dtype: np.dtype[Any]) -> float:
    """Return a poison that the type can hold."""
    return poison if np.isnan(poison) or dtype != np.float16 else 3e4


@contextmanager
def poisoned_heap(library: str, poison: float) -> Iterator[None]:
    """Fill memory that is about to be allocated, so that whoever uses it unwritten shows.

    The allocator fills large blocks while this lasts; small ones, which libraries keep for reuse,
    are filled by allocating and freeing them.
    """
    mallopt = _mallopt()
    # Fresh blocks get the complement's low byte: 0xff makes every float a NaN, 0x71 some 1e30.
    mallopt(_M_PERTURB, 0x100 if np.isnan(poison) else 0x8E)
    try:
        _spoil_small_blocks(library, poison)
        yield
    finally:
        mallopt(_M_PERTURB, 0)


def _spoil_small_blocks(library: str, poison: float) -> None:
    blocks = [np.full(size, poison, np.float32) for size in range(1, _SMALL_BYTES // 4)]
    if library != "numpy":
        fresh = adapter(library).fresh
        blocks += [fresh(block) for block in blocks]
    blocks.clear()


@cache
def _mallopt() -> Any:
    """Return the C library's `mallopt`, or what does nothing where there is none."""
    try:
        return ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return lambda *_: 0


def _at_the_edge(trial: "Trial", operands: Operands) -> Verdict:
    """Let the inputs end, then begin, where memory ends: in a child, which may crash.

    Only one step beyond such an edge can be seen, and only where the system has `fork`.
    """
    passed = Verdict("passed", seed=trial.bank.seed)
    if not hasattr(os, "fork") or not sys.platform.startswith("linux") or operands.x.size == 0:
        return passed
    begin = time.monotonic()
    trial.output(operands)  # what is made once is made before the fork
    limit = _CHILD_S + 20 * (time.monotonic() - begin)
    for edge in ("end", "start"):
        given = _guarded(trial, operands, edge)
        ended = _in_a_child(partial(trial.output, operands, given), limit)
        if os.WIFSIGNALED(ended):
            name = signal.Signals(os.WTERMSIG(ended)).name
            if name == "SIGKILL":  # it hung, which many a library does in the child of a fork
                return passed
            beyond = "beyond the end" if edge == "end" else "before the start"
            return trial.failure(
                "crashed", f"was ended by {name} when it read {beyond} of an input", "memory"
            )
    return passed


def _in_a_child(work: Callable[[], object], limit: float) -> int:
    """Run something in a forked child and return its wait status; after the limit it is killed."""
    child = os.fork()
    if child == 0:  # pragma: no cover: another process
        try:
            faulthandler.disable()
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            work()
        finally:
            os._exit(0)
    end = time.monotonic() + limit
    pause = 0.0005
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(pause)
        pause = min(2 * pause, 0.02)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def _guarded(trial: "Trial", operands: Operands, edge: str) -> Operands:
    """Return the operands, each at the edge of pages that may not be touched."""

    def guarded(array: Array, layout: str = "contiguous") -> Array:
        stored = np.moveaxis(array, 1, -1) if layout == "channels_last" else array
        page = mmap.PAGESIZE
        pages = -(-stored.nbytes // page)
        region = mmap.mmap(-1, (pages + 2) * page)
        address = ctypes.addressof(ctypes.c_char.from_buffer(region))
        protect = ctypes.CDLL(None).mprotect
        for guard in (0, pages + 1):
            protect(ctypes.c_void_p(address + guard * page), page, 0)
        start = page if edge == "start" else (pages + 1) * page - stored.nbytes
        inner = np.frombuffer(region, stored.dtype, stored.size, start).reshape(stored.shape)
        inner[...] = stored
        return np.moveaxis(inner, -1, 1) if layout == "channels_last" else inner

    return Operands(
        guarded(operands.x, trial.implementation.layout),
        guarded(operands.weight),
        None if operands.bias is None else guarded(operands.bias),
    )
