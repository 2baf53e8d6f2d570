"""What else went on: hand-made counters before and after, and what a record says of them."""

import contextlib
import fcntl
import os
import subprocess
import tempfile
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from convharness.machine import interference
from convharness.machine.interference import Conditions, Snapshot, alone, processors_in_turn, summary

BEFORE = Snapshot(
    at_s=100.0,
    busy_s=50.0,
    stolen_s=1.0,
    stalled_s=2.0,
    swapped_bytes=4096,
    throttled=7,
    megahertz=2400.0,
    load=0.5,
)


@pytest.fixture(autouse=True)
def four_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process have four processors."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})


def met(*, own_s: float = 0.0, threads: int = 1, **after: Any) -> Conditions:
    """Return what there was when two seconds have passed."""
    return Conditions.between(
        BEFORE, replace(BEFORE, **{"at_s": 102.0, **after}), own_s=own_s, threads=threads
    )


def test_where_nothing_went_on_nothing_is_told() -> None:
    """But how the machine is."""
    calm = Conditions(stalled=0.0, throttled=0, megahertz=2400.0, load_before=0.5, load_after=0.5)

    assert calm == met()


def test_differences_are_per_second_that_has_passed() -> None:
    """Processors on average: what was busy without us, and what the host of a virtual machine took."""
    found = met(busy_s=55.0, own_s=2.0, stolen_s=1.5, stalled_s=2.25, load=1.75, megahertz=1800.0)

    assert (1.5, 0.25, 0.125) == (found.foreign, found.stolen, found.stalled)
    assert (0.5, 1.75, 1800.0) == (found.load_before, found.load_after, found.megahertz)


def test_events_are_counted() -> None:
    """Bytes that were swapped, and times that the processor was too hot."""
    found = met(swapped_bytes=12288, throttled=9)

    assert (8192, 2) == (found.swapped_bytes, found.throttled)


def test_nobody_uses_less_than_nothing() -> None:
    """Counters of hundredths may say that we used more than there was."""
    found = met(busy_s=50.0, own_s=0.5, stolen_s=0.875)

    assert (0.0, 0.0, False) == (found.foreign, found.stolen, found.is_disturbed)


@pytest.mark.parametrize("side", ["before", "after"])
def test_what_the_system_does_not_tell_is_none(side: str) -> None:
    """On either side."""
    silent = replace(BEFORE, stalled_s=None, throttled=None, megahertz=None)
    sides = (silent, BEFORE) if side == "before" else (BEFORE, silent)
    found = Conditions.between(*sides, own_s=0.0, threads=1)

    assert (None, None) == (found.stalled, found.throttled)
    assert (2400.0 if side == "before" else None) == found.megahertz


def test_two_snapshots_at_once_divide_nothing_by_zero() -> None:
    """A coarse clock may have stood still."""
    assert 0.0 == Conditions.between(BEFORE, BEFORE, own_s=0.0, threads=1).foreign


@pytest.mark.parametrize(
    ("threads", "foreign", "is_disturbed"),
    [
        (1, 2.25, False),  # of four processors three are left, and three quarters of one are ours
        (1, 2.25 + 2**-20, True),
        (2, 1.25, False),
        (2, 1.25 + 2**-20, True),
        (4, 0.03125, False),  # where nothing is left, a twentieth is nothing
        (4, 0.0625, True),
        (9, 0.03125, False),
        (9, 0.0625, True),
    ],
)
def test_others_disturb_where_they_leave_too_few_processors(
    threads: int, foreign: float, is_disturbed: bool
) -> None:
    """What is timed needs its threads, and the harness three quarters of a processor."""
    assert is_disturbed == met(busy_s=50.0 + 2 * foreign, threads=threads).is_disturbed


@pytest.mark.parametrize(("busy_s", "is_disturbed"), [(0.025, False), (0.0375, True)])
def test_a_short_time_is_not_held_to_hundredths_of_a_second(busy_s: float, is_disturbed: bool) -> None:
    """Three of them may be the counters' own, though of an eighth of a second they are a quarter."""
    found = met(at_s=100.125, busy_s=50.0 + busy_s, threads=4)

    assert (is_disturbed, pytest.approx(8 * busy_s)) == (found.is_disturbed, found.foreign)


@pytest.mark.parametrize(
    ("threads", "turns"),
    [
        (1, [[2], [3], [5], [7], [2]]),
        (2, [[2, 3], [5, 7], [2, 3]]),
        (3, [[2, 3, 5], [7, 2, 3], [5, 7, 2]]),
        (4, [[2, 3, 5, 7]] * 3),
        (9, [[2, 3, 5, 7]] * 3),
    ],
)
def test_threads_have_other_processors_at_every_turn(
    threads: int, turns: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of those that we may use, as many as there are threads, or all."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {7, 5, 3, 2})

    assert turns == [processors_in_turn(threads, turn) for turn in range(len(turns))]


def can_lock(folder: Path) -> bool:
    """Say whether another one could measure now."""
    (path,) = folder.glob("*.lock")
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_whoever_measures_is_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others wait until it is done, however that comes about; then the next one is."""
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    found = []
    for _ in range(2):
        with contextlib.suppress(ValueError), alone():
            found.append(can_lock(tmp_path))
            raise ValueError
        found.append(can_lock(tmp_path))

    assert [False, True, False, True] == found


def test_the_lock_is_not_inherited_by_what_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is left behind would keep everybody waiting."""
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    with alone():
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    is_free = can_lock(tmp_path)
    child.kill()
    child.wait()

    assert is_free


@pytest.mark.parametrize("place", ["missing", "a link"])
def test_without_a_place_for_a_lock_measuring_goes_on(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is a link of somebody else's followed."""
    if place == "a link":
        (tmp_path / f"convharness-{os.getuid()}.lock").symlink_to(tmp_path / "target")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / ("" if place == "a link" else "no")))
    reached = []
    with alone():
        reached.append(True)

    assert ([True], False) == (reached, (tmp_path / "target").exists())


def test_a_record_has_the_worst_of_all_passes_and_some_counts() -> None:
    """Rounded to what is known."""
    blocks = [
        Conditions(foreign=0.123, stolen=0.0004, stalled=None, swapped_bytes=5, load_before=2.0),
        Conditions(foreign=0.789, stolen=0.0126, stalled=0.25, megahertz=2400.4, is_disturbed=True),
        Conditions(foreign=0.4, throttled=3, load_after=2.129, megahertz=2399.0, is_disturbed=True),
    ]

    assert {
        "foreign_processors": 0.79,
        "stolen_processors": 0.013,
        "stalled_fraction": 0.25,
        "swapped_bytes": 5,
        "throttled": 3,
        "megahertz": 2400,
        "load_average": 2.13,
        "disturbed_blocks": 2,
        "repeated_samples": 4,
        "processors": 0.5,
    } == summary(blocks, repeated_samples=4, processors=0.5)


def test_without_passes_nothing_is_known() -> None:
    """And nothing was disturbed."""
    found = summary([])

    assert {None, 0} == set(found.values())
    assert 0 == found["disturbed_blocks"]


Times = namedtuple(  # noqa: PYI024 it is psutil's
    "Times", "user nice system idle iowait irq softirq steal guest guest_nice"
)


def test_a_processor_is_busy_when_it_is_neither_idle_nor_stolen(monkeypatch: pytest.MonkeyPatch) -> None:
    """What guests use is in the user's time already, and counts once."""
    monkeypatch.setattr(psutil, "cpu_times", lambda: Times(64, 32, 16, 1000, 500, 8, 4, 300, 48, 16))
    found = Snapshot.now()

    assert (64 + 32 + 16 + 8 + 4, 300) == (found.busy_s, found.stolen_s)


def test_a_system_that_tells_less_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """As macOS does."""
    few = namedtuple("few", "user nice system idle")  # noqa: PYI024 it is psutil's
    monkeypatch.setattr(psutil, "cpu_times", lambda: few(8, 4, 2, 1000))
    found = Snapshot.now()

    assert (14, 0.0) == (found.busy_s, found.stolen_s)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\nfull avg10=0 total=7\n", 2.5),
        ("nothing of the kind\n", None),
        ("", None),
        (None, None),
    ],
)
def test_pressure_is_read_in_microseconds(
    text: str | None, seconds: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of somebody, not of all; None where the system has no such file."""
    if text is not None:
        (tmp_path / "cpu").write_text(text, "ascii")
    monkeypatch.setattr(interference, "Path", lambda name: tmp_path / Path(name).name)

    assert seconds == Snapshot.now().stalled_s


@pytest.mark.parametrize(("text", "count"), [("12\n", 12), ("many\n", None), (None, None)])
def test_throttling_is_counted_where_the_system_counts(
    text: str | None, count: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual machine does not."""
    if text is not None:
        (tmp_path / "core_throttle_count").write_text(text, "ascii")
    monkeypatch.setattr(interference, "Path", lambda name: tmp_path)

    assert count == Snapshot.now().throttled


def _raises() -> None:
    raise OSError("no such file")


@pytest.mark.parametrize(
    ("answer", "megahertz"),
    [(lambda: SimpleNamespace(current=2500.5), 2500.5), (lambda: None, None), (_raises, None)],
)
def test_the_clock_rate_is_what_the_system_says(
    answer: Any, megahertz: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it says anything."""
    monkeypatch.setattr(psutil, "cpu_freq", answer)

    assert megahertz == Snapshot.now().megahertz


def test_counters_do_not_run_backwards() -> None:
    """Those of this very machine."""
    before, after = Snapshot.now(), Snapshot.now()

    assert [True] * 4 == [
        getattr(before, name) <= getattr(after, name)
        for name in ("at_s", "busy_s", "stolen_s", "swapped_bytes")
    ]
