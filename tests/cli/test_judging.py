"""The commands that judge: check, shrink, selftest, and verify with several jobs."""

import csv
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from convharness.oracle import LAYERS
from tests.cli.test_cli import BUGGY, Command, Done, command

__all__ = ["command"]

PAIR = '''"""One right, one wrong, both quick to judge."""
import numpy as np

from convharness import implementation


def _product(x, weight):
    n, c, *size = x.shape
    y = np.matmul(weight.reshape(len(weight), c), x.reshape(n, c, int(np.prod(size))))
    return y.reshape(n, len(weight), *size)


@implementation(kernel_size=1, dtype="float32")
def right(x, weight):
    """A matrix product."""
    return _product(x, weight)


@implementation(kernel_size=1, dtype="float32")
def wrong(x, weight):
    """A matrix product that forgets the last column."""
    y = _product(x, weight)
    y[..., -1:] = 0
    return y
'''


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """Return a file with a right and a wrong implementation."""
    path = tmp_path / "pair.py"
    path.write_text(PAIR, "utf-8")
    return path


def failed(done: Done) -> set[str]:
    """Return the implementations that have a wrong record."""
    return {row["implementation"] for row in done.rows if row["status"] == "wrong"}


def test_check_tries_every_implementation_of_a_file(command: Command, pair: Path) -> None:
    """`convharness check FILE` judges all implementations of the file and no others, thoroughly."""
    done = command("check", pair, "--time", "3s", "--format", "json")

    assert 1 == done.code
    assert {"pair.right", "pair.wrong"} == {row["implementation"] for row in done.rows}
    suites = {row["suite"].partition(":")[0] for row in done.rows}
    assert suites <= {"features", "corner", "sizes", "random"}
    assert {"pair.wrong"} == failed(done)
    passed = next(row for row in done.rows if row["status"] == "passed")
    assert "window" == passed["traits"]["locality"]


def test_check_takes_a_name(command: Command) -> None:
    """`convharness check NAME` judges the implementations of that name or glob."""
    done = command("check", "pointwise.numpy_matmul", "--level", "quick", "--format", "json")

    assert 0 == done.code
    assert {"pointwise.numpy_matmul"} == {row["implementation"] for row in done.rows}


def test_check_without_arguments_exits_with_2(command: Command) -> None:
    """`convharness check` without an argument exits with 2."""
    assert 2 == command("check").code


def test_a_file_without_implementations_is_a_mistake(command: Command, tmp_path: Path) -> None:
    """`convharness check` of a file without implementations exits with 2 and one line."""
    empty = tmp_path / "empty.py"
    empty.write_text("x = 1\n", "utf-8")
    done = command("check", empty)

    assert (2, "") == (done.code, done.out)
    assert [f"convharness: error: {empty} marks no function; put @implementation above one"] == done.err


def test_an_implementation_can_be_left_at_its_first_failure(command: Command, pair: Path) -> None:
    """With `-x` an implementation is not judged after its first failure, and others go on."""
    done = command("check", pair, "-x", "--level", "quick", "--format", "json")
    counts = dict.fromkeys(("pair.right", "pair.wrong"), 0)
    for row in done.rows:
        counts[row["implementation"]] += row["status"] in ("passed", "wrong")

    assert 1 == counts["pair.wrong"] < counts["pair.right"]


def test_several_processes_give_the_same_records(command: Command, pair: Path) -> None:
    """Several jobs give the same records in the same order as one."""
    words = (
        "verify",
        "--plugin",
        pair,
        "-k",
        "pair.*",
        "-k",
        "numpy_arrays.*",
        "--suite",
        "seeds",
        "--level",
        "quick",
    )
    alone = command(*words, "--format", "json")
    together = command(*words, "--format", "json", "--jobs", "2")

    def key(done: Done) -> list[tuple]:
        names = ("case", "implementation", "status", "reason", "error_u", "reproduce")
        return [tuple(row[name] for name in names) for row in done.rows]

    assert (alone.code, key(alone)) == (together.code, key(together))


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_kernel_that_ends_its_process_has_crashed(command: Command, tmp_path: Path, jobs: int) -> None:
    """A kernel that ends its process has crashed, and other implementations have their records."""
    path = tmp_path / "deadly.py"
    path.write_text(
        "import os\nfrom convharness import implementation\n\n\n"
        "@implementation\ndef kernel(x, weight):\n    os._exit(3)\n",
        "utf-8",
    )
    chosen = ("-k", "deadly.*", "-k", "numpy_arrays.im2col", "--problem", "c2h4w4-o2k3")
    done = command("verify", "--plugin", path, *chosen, "--format", "json", "-j", str(jobs))

    assert 1 == done.code
    assert {
        "deadly.kernel": ("crashed", "ended its own process, with exit code 3"),
        "numpy_arrays.im2col": ("passed", None),
    } == {row["implementation"]: (row["status"], row["reason"]) for row in done.rows}


def test_a_failure_is_shrunk_and_reproduced(command: Command, tmp_path: Path) -> None:
    """`convharness shrink` names the smallest problem that fails, and its reproducer fails again."""
    path = tmp_path / "buggy.py"
    path.write_text(BUGGY, "utf-8")
    done = command(
        "shrink",
        "--plugin",
        path,
        "-k",
        "buggy.*",
        "--problem",
        "n2c3h9w8-o4k3x2-float32",
        "--format",
        "json",
    )
    again = command(*shlex.split(done.rows[0]["reproduce"])[1:], "--format", "json")

    assert (1, 1) == (done.code, again.code)
    assert done.rows[0]["reason"].startswith("shrunk to n1c1h1w2-o1k1x2-float32: y[0, 0, 0, 0] is ")
    assert "n1c1h1w2-o1k1x2-float32" == again.rows[0]["problem"]


@pytest.fixture
def small_zoo(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Return a function that limits the numbers of mutants and of unusual kernels."""

    def keep(wrong: int, right: int) -> None:
        from convharness import zoo

        monkeypatch.setattr(zoo, "WRONG", zoo.WRONG[:wrong])
        monkeypatch.setattr(zoo, "RIGHT", zoo.RIGHT[:right])
        monkeypatch.setattr(zoo, "RIGHT_ON", [])

    return keep


def test_selftest_prints_and_stores_the_kill_matrix(
    command: Command, small_zoo: Callable[[int, int], None], tmp_path: Path
) -> None:
    """`convharness selftest` exits with 0, prints the score and stores the kill matrix."""
    small_zoo(3, 2)
    done = command("selftest")

    assert 0 == done.code
    assert "3 of 3 wrong kernels refused (100 %), 0 of 2 right ones refused (0 %)" in done.out
    with (tmp_path / "results" / "selftest" / "thorough-0.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert ["True"] * 3 + ["False"] * 12 == [row["is_wrong"] for row in rows]
    assert {"wrong"} == {row["exact"] for row in rows[:3]}
    assert set(LAYERS) <= set(rows[0])


def test_selftest_exits_with_1_if_a_mutant_passes(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """`convharness selftest` exits with 1 if a mutant passes."""
    from convharness import Problem, zoo

    mislabelled = zoo.Mutant(zoo.RIGHT[0], Problem.parse("n1c2h4w4-o2k3-float32"), "wrong", None)
    monkeypatch.setattr(zoo, "WRONG", [mislabelled])
    monkeypatch.setattr(zoo, "RIGHT", [])
    monkeypatch.setattr(zoo, "RIGHT_ON", [])
    done = command("selftest", "--level", "quick", "--format", "json")

    assert 1 == done.code
    assert ["passed"] == [row["status"] for row in json.loads(done.out)]


def test_the_first_failure_is_the_same_with_several_jobs(command: Command, tmp_path: Path) -> None:
    """With `-x` the records are the same with one job and with two."""
    path = tmp_path / "buggy.py"
    path.write_text(BUGGY, "utf-8")
    chosen = ("--plugin", path, "-k", "buggy.*", "-k", "numpy_arrays.im2col", "--suite", "features", "-x")
    alone, together = (
        [
            (row["case"], row["implementation"], row["status"])
            for row in command("verify", *chosen, "--level", "quick", "--format", "json", "-j", jobs).rows
        ]
        for jobs in ("1", "2")
    )

    assert alone == together
    assert 1 == sum(status == "wrong" for _, _, status in alone)


def test_two_functions_with_one_name_are_reported(command: Command, tmp_path: Path) -> None:
    """Two functions with one name in a file are an error with both lines."""
    path = tmp_path / "twice.py"
    path.write_text(
        "from convharness import implementation\n\n\n"
        "@implementation\ndef one(x, weight):\n    return x\n\n\n"
        "@implementation\ndef one(x, weight):\n    return x\n",
        "utf-8",
    )
    done = command("list", "--plugin", path)

    assert 2 == done.code
    assert "twice.py defines two implementations 'one', in lines 5 and 10; rename one of them" in "\n".join(
        done.err
    )


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_not_an_error(closed: str, jobs: str, tmp_path: Path) -> None:
    """A run with closed standard streams exits with 0 and keeps its records."""
    start = f"{sys.executable} -c 'import sys; from convharness.cli.main import main; sys.exit(main())'"
    words = f"verify --problem c2h4w4-o2k3 -k numpy_arrays.im2col -j {jobs} --results {tmp_path}"
    done = subprocess.run(f"{start} {words} {closed}", shell=True, check=False)

    assert 0 == done.returncode
    assert 1 == len(list(tmp_path.glob("runs/*/records.parquet")))
