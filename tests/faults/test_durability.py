"""Records survive kills, torn lines, full disks, other writers in the results folder, two runs at once."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from convharness import Record, ResultsError, Verdict, implementation
from convharness.runs.journal import RunWriter, interrupted_run
from convharness.runs.store import is_finished, new_run, read_rows, read_run
from tests.cli.test_cli import Command, command  # noqa: F401 a fixture
from tests.making import case_of, declared
from tools.kill_and_resume import kill_and_resume

START = "import sys; from convharness.cli.main import main; sys.exit(main())"
TINY = ("verify", "--suite", "seeds", "-k", "numpy_arrays.im2col", "-k", "tutorial.*")


@implementation
def nothing(x, weight):
    """Do nothing."""


def record(width: int = 4) -> Record:
    """Return a record of a plugin that does nothing, on an input of some width."""
    return Record("suite", case_of(f"c2h4w{width}-o2k3"), declared(nothing), Verdict("passed"), None)


def begun(results: Path, *records: Record) -> tuple[RunWriter, Path]:
    """Return the writer of a new run that has some records, and its file."""
    writer = RunWriter(results, new_run({}, {}, ""))
    for one in records:
        writer.append(one)
    return writer, writer.folder / "records.jsonl"


def cases(folder: Path) -> list[str]:
    """Return the cases of which a run has records, in order."""
    return [row.case for row in read_rows(folder)]


def test_a_run_that_is_killed_goes_on_to_the_same_records(tmp_path: Path) -> None:
    """A run that is killed and resumed at random moments ends with the records of an undisturbed run."""
    found = kill_and_resume(tmp_path, 3, random.Random(1), TINY)

    assert "equal" == found["verdict"]
    assert 0 < found["records"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupt_says_how_to_go_on(jobs: str, tmp_path: Path) -> None:
    """An interrupt keeps the records, exits with 130, names the command that resumes, and ends workers."""
    words = ("verify", "--suite", "smoke", "-k", "python_loops.*", "--results", str(tmp_path), "-j", jobs)
    process = subprocess.Popen(
        [sys.executable, "-c", START, *words], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not any(path.stat().st_size for path in tmp_path.glob("runs/*/records.jsonl")):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate()
    (folder,) = tmp_path.glob("runs/*")

    assert 130 == process.returncode
    assert f"go on with: convharness run --resume {folder.name} --results {tmp_path}" in said
    assert "Traceback" not in said
    assert not is_finished(folder)
    assert [] == left_by(process.pid)


def left_by(pid: int) -> list[psutil.Process]:
    """Return the processes of the session of `pid` that still run some seconds later."""
    end = time.monotonic() + 5
    while (left := [one for one in psutil.process_iter() if started_by(pid, one)]) and time.monotonic() < end:
        time.sleep(0.05)
    return left


def started_by(pid: int, process: psutil.Process) -> bool:
    """Return whether a process that runs belongs to the session of another."""
    try:
        return os.getsid(process.pid) == pid and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False


def test_a_line_that_was_cut_off_is_judged_again(command: Command, tmp_path: Path) -> None:  # noqa: F811
    """Resuming drops a line that was cut off, judges its case again and keeps the lines before it."""
    done = command(*TINY, "--format", "json")
    (folder,) = (tmp_path / "results" / "runs").iterdir()
    file = folder / "records.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:3]) + lines[3][:40])
    (folder / "records.parquet").unlink()
    again = command("run", "--resume", "--format", "json")

    assert [row["case"] for row in done.rows] == [row["case"] for row in again.rows]
    assert 0 == again.code
    assert f"run {folder.name} has 3 records and goes on" in "\n".join(again.err)
    assert is_finished(folder)


def test_a_run_that_is_complete_is_only_shown(command: Command) -> None:  # noqa: F811
    """Resuming a complete run prints its records and judges nothing."""
    done = command(*TINY, "--format", "json")
    again = command("run", "--resume", "--format", "json")

    assert (0, done.rows) == (again.code, again.rows)
    assert "is complete" in "\n".join(again.err)


def test_resuming_without_an_interrupted_run_starts_a_new_one(command: Command) -> None:  # noqa: F811
    """`--resume` starts a new run where none was interrupted, and says so."""
    done = command(*TINY, "--resume", "--format", "json")

    assert 0 == done.code
    assert "there is no run to resume; this is a new one" in "\n".join(done.err)


def test_a_run_is_not_resumed_with_other_settings(command: Command) -> None:  # noqa: F811
    """Resuming with another level is refused, and the message names both levels."""
    command(*TINY)
    again = command(*TINY, "--level", "quick", "--resume")

    assert 2 == again.code
    assert "was started with level=standard, not quick" in "\n".join(again.err)


def test_two_processes_do_not_write_one_run(tmp_path: Path) -> None:
    """A second writer of a run is refused while the first is open."""
    writer, _ = begun(tmp_path, record())

    with pytest.raises(ResultsError, match="is being written by another process"):
        RunWriter(tmp_path, writer.run, again=True)
    with writer:
        pass


def test_two_runs_at_once_have_folders_of_their_own(tmp_path: Path) -> None:
    """Runs that start in the same second get folders of their own."""
    writers = [begun(tmp_path, record(4 + index))[0] for index in range(3)]
    for writer in writers:
        with writer:
            pass

    assert [["c2h4w4-o2k3"], ["c2h4w5-o2k3"], ["c2h4w6-o2k3"]] == [cases(one.folder) for one in writers]


def _append_a_forged_record(file: Path) -> None:
    forged = {**json.loads(file.read_bytes().splitlines()[0]), "case": "forged"}
    with file.open("ab") as lines:
        lines.write(json.dumps(forged).encode() + b"\n")


OTHER_WRITERS = {
    "appends": _append_a_forged_record,
    "empties": lambda file: os.truncate(file, 0),
    "removes": lambda file: file.unlink(),
    "removes all": lambda file: [one.unlink() for one in file.parent.iterdir()] and file.parent.rmdir(),
    "replaces": lambda file: (file.unlink(), file.write_text("{}\n")),
    "hides behind a pipe": lambda file: (file.unlink(), os.mkfifo(file)),
    "hides behind a folder": lambda file: (file.unlink(), file.mkdir()),
    "hides behind a link": lambda file: (
        file.rename(file.parent.parent / "away"),
        file.symlink_to("../away"),
    ),
    "removes the facts": lambda file: file.with_name("run.json").unlink(),
    "changes the facts": lambda file: file.with_name("run.json").write_text("{}"),
    "rewrites": lambda file: file.write_bytes(file.read_bytes().replace(b"passed", b"wrong!")),
}


@pytest.mark.parametrize("act", OTHER_WRITERS.values(), ids=OTHER_WRITERS)
@pytest.mark.parametrize("when", ["before the last record", "after it"])
def test_records_that_another_process_changed_are_restored(when: str, act, tmp_path: Path) -> None:
    """A run restores its files after another process has changed, replaced or removed them."""
    writer, file = begun(tmp_path, record(4), record(5))
    with writer:
        if when == "after it":
            writer.append(record(6))
        act(file)
        if when != "after it":
            writer.append(record(6))

    assert ["c2h4w4-o2k3", "c2h4w5-o2k3", "c2h4w6-o2k3"] == cases(writer.folder)
    assert {"passed"} == {row.status for row in read_rows(writer.folder)}
    assert writer.restored
    assert writer.run.id == read_run(writer.folder).id
    assert ["records.jsonl", "run.json"] == sorted(
        path.name for path in writer.folder.iterdir() if path.is_file()
    )


def test_a_kernel_that_writes_into_the_results_is_reported(command: Command, tmp_path: Path) -> None:  # noqa: F811
    """A run warns when a kernel writes into the results folder, and keeps all of its records."""
    path = tmp_path / "forger.py"
    path.write_text(
        "from pathlib import Path\nfrom convharness import implementation\n\n"
        "@implementation\ndef kernel(x, weight):\n"
        f"    for file in Path({str(tmp_path)!r}).glob('results/runs/*/records.jsonl'):\n"
        "        file.write_text('')\n"
        "    return x\n",
        "utf-8",
    )
    done = command(
        "verify", "--plugin", path, "-k", "forger.*", "-k", "numpy_arrays.im2col", "--suite", "seeds"
    )
    (folder,) = (tmp_path / "results" / "runs").iterdir()

    assert 1 == done.code
    assert "something else wrote into" in "\n".join(done.err)
    assert {"forger.kernel": 14, "numpy_arrays.im2col": 12} == {  # two try what the plugin declares
        name: sum(row.implementation == name for row in read_rows(folder))
        for name in ("forger.kernel", "numpy_arrays.im2col")
    }


def test_a_full_disk_keeps_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves no part of the new line in the file, and the message says how to resume."""
    writer, file = begun(tmp_path, record(4))
    whole = file.read_bytes()
    write = os.write

    def full(number: int, line: memoryview) -> int:
        write(number, line[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with writer, pytest.raises(ResultsError) as refused:
        writer.append(record(5))

    assert whole == file.read_bytes()
    again = f"go on with: convharness run --resume {writer.run.id}"
    assert f"No space left on device; what was judged before is kept; {again}" in str(refused.value)


def test_a_results_folder_that_cannot_be_made_is_reported_in_one_line(command: Command) -> None:  # noqa: F811
    """A results folder that cannot be made ends the command with exit code 2 and without a traceback."""
    done = command(*TINY, "--results", "/proc/results")

    assert 2 == done.code
    assert "Traceback" not in done.err


def test_a_run_with_a_damaged_line_is_not_written_to(tmp_path: Path) -> None:
    """A run with a damaged line is not opened for writing, and the message names the line."""
    writer, file = begun(tmp_path, record(4))
    with writer:
        pass
    file.write_bytes(b"{nonsense}\n" + file.read_bytes())

    with pytest.raises(ResultsError, match="line 1 is damaged"):
        RunWriter(tmp_path, writer.run, again=True)


def test_an_interrupted_run_is_found_by_its_name_or_as_the_latest(tmp_path: Path) -> None:
    """The interrupted run of a folder is found by its name, as `latest` or without a name, or is None."""
    assert interrupted_run(None, tmp_path) is None
    writer, _ = begun(tmp_path, record())

    assert [writer.folder] * 3 == [
        interrupted_run(name, tmp_path) for name in (None, "latest", writer.run.id)
    ]
