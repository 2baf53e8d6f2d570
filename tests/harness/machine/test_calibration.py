"""What is known of a machine is kept for later runs: per figure, machine, libraries and threads."""

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from convharness.execution.kernel_call import KernelError
from convharness.machine import calibration
from convharness.machine.ceilings import Ceilings
from convharness.machine.interference import Conditions
from convharness.workers import ceilings_of, measured_ceilings, pool
from convharness.workers.protocol.replies import MeasuredCeilings
from convharness.workers.protocol.requests import MeasureCeilings

MADE = Ceilings(threads=2, gflops={"float32": 1.5}, gbytes_s=2.5, cached_gbytes_s=3.5)
OF_ONE_THREAD = replace(MADE, threads=1)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a user's cache folder of the test's own, which is not there yet."""
    folder = tmp_path / "deep" / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


def test_what_is_kept_reads_back(cache: Path) -> None:
    """As it was, from a folder of our own, with nothing beside it."""
    calibration.write("ceilings", 2, MADE)

    assert MADE == calibration.read("ceilings", 2, Ceilings)
    assert ["convharness"] == [path.name for path in cache.iterdir()]
    assert 1 == len(list((cache / "convharness").iterdir()))


def test_the_latest_counts() -> None:
    """It takes the place of what was there."""
    calibration.write("ceilings", 2, Ceilings(2, {}, 0.0, 0.0))
    calibration.write("ceilings", 2, MADE)

    assert MADE == calibration.read("ceilings", 2, Ceilings)


@pytest.mark.parametrize(("what", "threads"), [("timer", 2), ("ceilings", 1)])
def test_what_nobody_has_kept_is_none(what: str, threads: int) -> None:
    """Another figure, or another number of threads, is not the same."""
    calibration.write("ceilings", 2, MADE)

    assert None is calibration.read(what, threads, Ceilings)


@pytest.mark.parametrize("name", ["machine", "libraries"])
def test_another_machine_or_other_libraries_have_their_own(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was measured elsewhere says nothing here."""
    calibration.write("ceilings", 2, MADE)
    changed = {"machine": lambda: "another", "libraries": lambda: {"numpy": "0"}}[name]
    monkeypatch.setattr(calibration, name, changed)

    assert None is calibration.read("ceilings", 2, Ceilings)


def test_our_own_version_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is no faster for it."""
    libraries = calibration.libraries()
    calibration.write("ceilings", 2, MADE)
    monkeypatch.setattr(calibration, "libraries", lambda: {**libraries, "convharness": "99"})

    assert MADE == calibration.read("ceilings", 2, Ceilings)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"threads": "two"}', "\x00"])
def test_what_is_damaged_is_as_if_nobody_had_kept_it(text: str, cache: Path) -> None:
    """It can be measured again."""
    calibration.write("ceilings", 2, MADE)
    (path,) = (cache / "convharness").iterdir()
    path.write_text(text, "utf-8")

    assert None is calibration.read("ceilings", 2, Ceilings)


def test_without_a_place_nothing_is_kept_and_nothing_is_said(cache: Path) -> None:
    """A machine may have no home folder that can be written."""
    cache.parent.mkdir(parents=True)
    cache.write_text("a file", "utf-8")
    calibration.write("ceilings", 2, MADE)

    assert None is calibration.read("ceilings", 2, Ceilings)


def test_a_user_without_a_home_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that is run by a number without a name."""

    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", home)
    calibration.write("ceilings", 2, MADE)

    assert None is calibration.read("ceilings", 2, Ceilings)


def test_what_cannot_be_written_leaves_nothing(cache: Path) -> None:
    """No part of a file: a folder is in its place."""
    calibration.write("ceilings", 2, MADE)
    (path,) = (cache / "convharness").iterdir()
    path.unlink()
    (path / "taken").mkdir(parents=True)
    calibration.write("ceilings", 2, MADE)

    assert [path] == list((cache / "convharness").iterdir())


class Measuring:
    """A process that answers with ceilings, or does not."""

    def __init__(self, error: KernelError | None = None) -> None:
        self.error = error
        self.asked: list[MeasureCeilings] = []
        self.is_ended = False

    def ask(self, request: MeasureCeilings, *, within_s: float) -> MeasuredCeilings:
        """Note what is asked."""
        self.asked.append(request)
        if self.error:
            raise self.error
        return MeasuredCeilings(dict(MADE.gflops), MADE.gbytes_s, MADE.cached_gbytes_s)

    def cpu_s(self) -> float:
        """Return what it has worked."""
        return 0.0

    def end(self) -> None:
        """Note it."""
        self.is_ended = True


def test_ceilings_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of their own, which ends; whoever asks again is told what was kept."""
    process = Measuring()
    monkeypatch.setattr(pool, "spawned", lambda limits, threads: process)
    found = [ceilings_of(2), ceilings_of(2)]

    assert [MADE, MADE] == found
    assert ([MeasureCeilings(2), MeasureCeilings(1)], True) == (process.asked, process.is_ended)


def test_ceilings_measured_in_company_are_measured_again_after_a_while(
    monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    """Whoever asks soon is told what was measured, as the company may stay for long."""
    process = Measuring()
    monkeypatch.setattr(pool, "spawned", lambda limits, threads: process)
    monkeypatch.setattr(pool.Conditions, "between", lambda *_, **__: Conditions(is_disturbed=True))
    found = [ceilings_of(1), ceilings_of(1)]
    asked = list(process.asked)
    (path,) = (cache / "convharness").iterdir()
    os.utime(path, (0, path.stat().st_mtime - 900))
    found.append(ceilings_of(1))

    assert [OF_ONE_THREAD] * 3 == found
    assert ([MeasureCeilings(1)], [MeasureCeilings(1)] * 2) == (asked, process.asked)


def test_quiet_ceilings_count_before_those_of_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are measured when there is reason to."""
    better = replace(MADE, gbytes_s=2 * MADE.gbytes_s)
    process = Measuring()
    monkeypatch.setattr(pool, "spawned", lambda limits, threads: process)
    calibration.write("ceilings-in-company", 1, MADE)
    calibration.write("ceilings", 1, better)

    assert (better, []) == (ceilings_of(1), process.asked)
    assert (OF_ONE_THREAD, [MeasureCeilings(1)]) == (measured_ceilings(1), process.asked)


def test_ceilings_that_cannot_be_measured_are_none_and_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run tries again."""
    process = Measuring(KernelError("timeout", "gave no answer"))
    monkeypatch.setattr(pool, "spawned", lambda limits, threads: process)
    found = [ceilings_of(2), ceilings_of(2)]

    assert [None, None] == found
    assert ([MeasureCeilings(2)] * 2, True) == (process.asked, process.is_ended)
