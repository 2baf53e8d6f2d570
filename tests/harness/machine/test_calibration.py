"""Calibration is stored for later runs: per figure, machine, libraries and threads."""

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
    """Return the path of a cache folder of the test's own, which does not exist yet."""
    folder = tmp_path / "deep" / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


def test_a_stored_calibration_is_read_back(cache: Path) -> None:
    """A stored calibration is read back equal, from one file in a folder of the project."""
    calibration.write("ceilings", 2, MADE)

    assert MADE == calibration.read("ceilings", 2, Ceilings)
    assert ["convharness"] == [path.name for path in cache.iterdir()]
    assert 1 == len(list((cache / "convharness").iterdir()))


def test_a_later_calibration_replaces_an_earlier_one() -> None:
    """A later calibration replaces an earlier one."""
    calibration.write("ceilings", 2, Ceilings(2, {}, 0.0, 0.0))
    calibration.write("ceilings", 2, MADE)

    assert MADE == calibration.read("ceilings", 2, Ceilings)


@pytest.mark.parametrize(("what", "threads"), [("timer", 2), ("ceilings", 1)])
def test_a_calibration_that_was_not_stored_is_none(what: str, threads: int) -> None:
    """A calibration of another figure or another number of threads is None."""
    calibration.write("ceilings", 2, MADE)

    assert None is calibration.read(what, threads, Ceilings)


@pytest.mark.parametrize("name", ["machine", "libraries"])
def test_another_machine_or_other_libraries_have_a_calibration_of_their_own(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A calibration of another machine or of other libraries is not read."""
    calibration.write("ceilings", 2, MADE)
    changed = {"machine": lambda: "another", "libraries": lambda: {"numpy": "0"}}[name]
    monkeypatch.setattr(calibration, name, changed)

    assert None is calibration.read("ceilings", 2, Ceilings)


def test_the_version_of_convharness_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A calibration is read by another version of convharness."""
    libraries = calibration.libraries()
    calibration.write("ceilings", 2, MADE)
    monkeypatch.setattr(calibration, "libraries", lambda: {**libraries, "convharness": "99"})

    assert MADE == calibration.read("ceilings", 2, Ceilings)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"threads": "two"}', "\x00"])
def test_a_damaged_calibration_is_none(text: str, cache: Path) -> None:
    """A damaged calibration is None, so that it is measured again."""
    calibration.write("ceilings", 2, MADE)
    (path,) = (cache / "convharness").iterdir()
    path.write_text(text, "utf-8")

    assert None is calibration.read("ceilings", 2, Ceilings)


def test_a_calibration_that_cannot_be_stored_is_not_an_error(cache: Path) -> None:
    """A calibration is not stored, without an error, if the cache folder cannot be made."""
    cache.parent.mkdir(parents=True)
    cache.write_text("a file", "utf-8")
    calibration.write("ceilings", 2, MADE)

    assert None is calibration.read("ceilings", 2, Ceilings)


def test_a_user_without_a_home_stores_no_calibration(monkeypatch: pytest.MonkeyPatch) -> None:
    """A calibration is not stored, without an error, if the user has no home folder."""

    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", home)
    calibration.write("ceilings", 2, MADE)

    assert None is calibration.read("ceilings", 2, Ceilings)


def test_a_calibration_that_cannot_be_written_leaves_no_file(cache: Path) -> None:
    """A calibration whose file cannot be written leaves no part of a file."""
    calibration.write("ceilings", 2, MADE)
    (path,) = (cache / "convharness").iterdir()
    path.unlink()
    (path / "taken").mkdir(parents=True)
    calibration.write("ceilings", 2, MADE)

    assert [path] == list((cache / "convharness").iterdir())


class Measuring:
    """A process that answers with ceilings, or raises an error."""

    def __init__(self, error: KernelError | None = None) -> None:
        self.error = error
        self.asked: list[MeasureCeilings] = []
        self.is_ended = False

    def ask(self, request: MeasureCeilings, *, within_s: float) -> MeasuredCeilings:
        """Record the request, and answer it."""
        self.asked.append(request)
        if self.error:
            raise self.error
        return MeasuredCeilings(dict(MADE.gflops), MADE.gbytes_s, MADE.cached_gbytes_s)

    def cpu_s(self) -> float:
        """Return the CPU time in seconds, which is 0."""
        return 0.0

    def end(self) -> None:
        """Record that the process was ended."""
        self.is_ended = True


def test_ceilings_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ceilings are measured once, in a process that ends, and are read from then on."""
    process = Measuring()
    monkeypatch.setattr(pool, "spawned", lambda limits, threads: process)
    found = [ceilings_of(2), ceilings_of(2)]

    assert [MADE, MADE] == found
    assert ([MeasureCeilings(2), MeasureCeilings(1)], True) == (process.asked, process.is_ended)


def test_ceilings_of_a_busy_machine_are_measured_again_after_a_while(
    monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    """Ceilings of a busy machine are used for some minutes, and are then measured again."""
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
    """Ceilings of a quiet machine are preferred to those of a busy one, until new ones are asked for."""
    better = replace(MADE, gbytes_s=2 * MADE.gbytes_s)
    process = Measuring()
    monkeypatch.setattr(pool, "spawned", lambda limits, threads: process)
    calibration.write("ceilings-in-company", 1, MADE)
    calibration.write("ceilings", 1, better)

    assert (better, []) == (ceilings_of(1), process.asked)
    assert (OF_ONE_THREAD, [MeasureCeilings(1)]) == (measured_ceilings(1), process.asked)


def test_ceilings_that_cannot_be_measured_are_none_and_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ceilings that cannot be measured are None and are not stored, so that the next run tries again."""
    process = Measuring(KernelError("timeout", "gave no answer"))
    monkeypatch.setattr(pool, "spawned", lambda limits, threads: process)
    found = [ceilings_of(2), ceilings_of(2)]

    assert [None, None] == found
    assert ([MeasureCeilings(2)] * 2, True) == (process.asked, process.is_ended)
