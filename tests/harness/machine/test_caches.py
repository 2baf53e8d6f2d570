"""Caches: their sizes, how many bytes evict them, and the writes that do so."""

from pathlib import Path

import numpy as np
import pytest

from convharness.machine import caches
from convharness.machine.caches import Evictor, evicting_bytes

KIB, MIB = 2**10, 2**20


def write_caches(folder: Path, *facts: tuple[str, str]) -> None:
    """Write the files in which the system lists the caches of its first CPU: type and size of each."""
    for index, (kind, size) in enumerate(facts):
        (folder / f"index{index}").mkdir()
        (folder / f"index{index}" / "type").write_text(f"{kind}\n", "utf-8")
        (folder / f"index{index}" / "size").write_text(f"{size}\n", "utf-8")


@pytest.mark.parametrize(
    ("facts", "sizes"),
    [
        (
            [("Data", "32K"), ("Instruction", "64K"), ("Unified", "2048K"), ("Unified", "16M")],
            (32 * KIB, 2 * MIB, 16 * MIB),
        ),
        ([("Unified", "1G"), ("Data", "48K")], (48 * KIB, 2**30)),
        ([("Data", "32K"), ("Data", "32K")], (32 * KIB,)),
        ([("Unified", "4096")], (4096,)),
        ([], ()),
    ],
)
def test_sizes_are_those_of_caches_that_hold_data(
    facts: list[tuple[str, str]], sizes: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sizes are those of caches that hold data, in bytes, from the smallest to the largest."""
    write_caches(tmp_path, *facts)
    monkeypatch.setattr(caches, "Path", lambda name: tmp_path)

    assert sizes == caches.sizes.__wrapped__()


def test_a_cache_without_a_size_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache without a size is left out, and the others are listed."""
    write_caches(tmp_path, ("Data", "32K"), ("Unified", "1M"))
    (tmp_path / "index1" / "size").unlink()
    monkeypatch.setattr(caches, "Path", lambda name: tmp_path)

    assert (32 * KIB,) == caches.sizes.__wrapped__()


@pytest.mark.parametrize(
    ("sizes", "evicting"),
    [
        ((), 16 * MIB),
        ((32 * KIB, MIB), 16 * MIB),  # never less
        ((32 * KIB, MIB, 12 * MIB), 24 * MIB),  # twice the largest
        ((32 * KIB, MIB, 32 * MIB), 64 * MIB),
        ((48 * KIB, 2 * MIB, 105 * MIB), 16 * MIB),  # four times the one below, as many share it
        ((48 * KIB, 8 * MIB, 256 * MIB), 32 * MIB),
        ((48 * KIB, 40 * MIB, 256 * MIB), 64 * MIB),  # never more
        ((100 * MIB,), 64 * MIB),
    ],
)
def test_the_bytes_that_evict_follow_from_the_caches(
    sizes: tuple[int, ...], evicting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evicting takes twice the largest cache, or four times the next smaller one, of 16 to 64 MiB."""
    monkeypatch.setattr(caches, "sizes", lambda: sizes)

    assert evicting == evicting_bytes()


def test_every_byte_is_written_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte of the evictor's memory is written each time, since reading would not evict everything."""
    monkeypatch.setattr(caches, "evicting_bytes", lambda: 4096)
    evict = Evictor()
    for _ in range(3):
        evict()

    assert (4096, [3] * 512) == (evict._memory.nbytes, evict._memory.tolist())
    assert np.int64 == evict._memory.dtype
