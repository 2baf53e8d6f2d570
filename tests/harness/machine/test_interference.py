"""Interference: differences between given counters, and how a record summarises them."""

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
def four_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process have four CPUs."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})


def met(*, own_s: float = 0.0, threads: int = 1, **after: Any) -> Conditions:
    """Return the conditions after two seconds."""
    return Conditions.between(
        BEFORE, replace(BEFORE, **{"at_s": 102.0, **after}), own_s=own_s, threads=threads
    )


def test_conditions_without_interference_have_no_differences() -> None:
    """Conditions without interference have the state of the machine and no differences."""
    calm = Conditions(stalled=0.0, throttled=0, megahertz=2400.0, load_before=0.5, load_after=0.5)

    assert calm == met()


def test_differences_are_per_second_that_has_passed() -> None:
    """Interference is given in CPUs on average: of other processes, and stolen by the host."""
    found = met(busy_s=55.0, own_s=2.0, stolen_s=1.5, stalled_s=2.25, load=1.75, megahertz=1800.0)

    assert (1.5, 0.25, 0.125) == (found.foreign, found.stolen, found.stalled)
    assert (0.5, 1.75, 1800.0) == (found.load_before, found.load_after, found.megahertz)


def test_events_are_counted() -> None:
    """Swapped bytes and throttling events are counted."""
    found = met(swapped_bytes=12288, throttled=9)

    assert (8192, 2) == (found.swapped_bytes, found.throttled)


def test_foreign_cpus_are_never_negative() -> None:
    """Coarse counters that report less than was used give 0 CPUs of other processes."""
    found = met(busy_s=50.0, own_s=0.5, stolen_s=0.875)

    assert (0.0, 0.0, False) == (found.foreign, found.stolen, found.is_disturbed)


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_figure_that_the_system_does_not_report_is_none(side: str) -> None:
    """A figure that the system does not report, before or after, is None."""
    silent = replace(BEFORE, stalled_s=None, throttled=None, megahertz=None)
    sides = (silent, BEFORE) if side == "before" else (BEFORE, silent)
    found = Conditions.between(*sides, own_s=0.0, threads=1)

    assert (None, None) == (found.stalled, found.throttled)
    assert (2400.0 if side == "before" else None) == found.megahertz


def test_two_snapshots_at_the_same_time_are_no_interference() -> None:
    """Two snapshots at the same time give 0 CPUs of other processes."""
    assert 0.0 == Conditions.between(BEFORE, BEFORE, own_s=0.0, threads=1).foreign


@pytest.mark.parametrize(
    ("threads", "foreign", "is_disturbed"),
    [
        (1, 2.25, False),  # three of four CPUs are left, and the harness needs 0.75 of them
        (1, 2.25 + 2**-20, True),
        (2, 1.25, False),
        (2, 1.25 + 2**-20, True),
        (4, 0.03125, False),  # no CPU is left, and less than 0.05 does not count
        (4, 0.0625, True),
        (9, 0.03125, False),
        (9, 0.0625, True),
    ],
)
def test_a_pass_is_disturbed_if_too_few_cpus_are_left(
    threads: int, foreign: float, is_disturbed: bool
) -> None:
    """A pass is disturbed if other processes leave fewer CPUs than its threads and 0.75 for the harness."""
    assert is_disturbed == met(busy_s=50.0 + 2 * foreign, threads=threads).is_disturbed


@pytest.mark.parametrize(("busy_s", "is_disturbed"), [(0.025, False), (0.0375, True)])
def test_a_short_pass_allows_for_the_resolution_of_the_counters(busy_s: float, is_disturbed: bool) -> None:
    """A short pass is not disturbed by three hundredths of a second, the resolution of the counters."""
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
def test_threads_have_other_cpus_in_each_turn(
    threads: int, turns: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each turn has as many of the allowed CPUs as there are threads, or all, and the next turn others."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {7, 5, 3, 2})

    assert turns == [processors_in_turn(threads, turn) for turn in range(len(turns))]


def can_lock(folder: Path) -> bool:
    """Return whether another process could measure now."""
    (path,) = folder.glob("*.lock")
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_one_process_measures_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that measures holds the lock until it is done, also after an exception."""
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    found = []
    for _ in range(2):
        with contextlib.suppress(ValueError), alone():
            found.append(can_lock(tmp_path))
            raise ValueError
        found.append(can_lock(tmp_path))

    assert [False, True, False, True] == found


def test_a_started_process_does_not_inherit_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was started during a measurement does not keep the lock."""
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    with alone():
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    is_free = can_lock(tmp_path)
    child.kill()
    child.wait()

    assert is_free


@pytest.mark.parametrize("place", ["missing", "a link"])
def test_measuring_goes_on_if_the_lock_cannot_be_made(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measuring goes on without a lock if its file cannot be made, and a link there is not followed."""
    if place == "a link":
        (tmp_path / f"convharness-{os.getuid()}.lock").symlink_to(tmp_path / "target")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / ("" if place == "a link" else "no")))
    reached = []
    with alone():
        reached.append(True)

    assert ([True], False) == (reached, (tmp_path / "target").exists())


def test_a_record_has_the_worst_of_all_passes_and_some_counts() -> None:
    """A record has the worst figure of all passes and the counts, rounded."""
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


def test_a_summary_without_passes_has_no_figures() -> None:
    """A summary without passes has no figures and no disturbed pass."""
    found = summary([])

    assert {None, 0} == set(found.values())
    assert 0 == found["disturbed_blocks"]


Times = namedtuple(  # noqa: PYI024 it is psutil's
    "Times", "user nice system idle iowait irq softirq steal guest guest_nice"
)


def test_a_cpu_is_busy_if_it_is_neither_idle_nor_stolen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The busy time of CPUs is neither idle nor stolen, and the time of guests counts once."""
    monkeypatch.setattr(psutil, "cpu_times", lambda: Times(64, 32, 16, 1000, 500, 8, 4, 300, 48, 16))
    found = Snapshot.now()

    assert (64 + 32 + 16 + 8 + 4, 300) == (found.busy_s, found.stolen_s)


def test_a_system_that_reports_fewer_times_is_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The busy time is that of the fields which the system reports, such as macOS."""
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
    """The stalled time is the total of the line `some`, or None if the system has no such file."""
    if text is not None:
        (tmp_path / "cpu").write_text(text, "ascii")
    monkeypatch.setattr(interference, "Path", lambda name: tmp_path / Path(name).name)

    assert seconds == Snapshot.now().stalled_s


@pytest.mark.parametrize(("text", "count"), [("12\n", 12), ("many\n", None), (None, None)])
def test_throttling_is_none_if_the_system_does_not_count_it(
    text: str | None, count: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The throttling count is that of the system, or None, as in a virtual machine."""
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
def test_the_clock_rate_is_that_of_the_system(
    answer: Any, megahertz: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock rate is that of the system, or None if it reports none."""
    monkeypatch.setattr(psutil, "cpu_freq", answer)

    assert megahertz == Snapshot.now().megahertz


def test_counters_do_not_run_backwards() -> None:
    """The counters of this machine do not decrease."""
    before, after = Snapshot.now(), Snapshot.now()

    assert [True] * 4 == [
        getattr(before, name) <= getattr(after, name)
        for name in ("at_s", "busy_s", "stolen_s", "swapped_bytes")
    ]
