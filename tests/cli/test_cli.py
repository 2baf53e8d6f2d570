"""Whole commands: exit codes, stdout, stderr, and the files that they leave."""

import csv
import io
import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from convharness import Problem
from convharness.cli.main import main
from convharness.runs.row import COLUMNS, NESTED_COLUMNS
from convharness.runs.store import read_rows, run_folders

TINY = "n1c2h4w4-o2k3-float32"
FAST = ("--budget", "0.001")

POINTWISE = '''"""Convolution as matrix multiplication."""
from convharness import implementation


@implementation(kernel_size=1)
def mine(x, weight):
    """A 1x1 convolution is one matrix product over the channels."""
    n, c, h, w = x.shape
    return (weight.reshape(-1, c) @ x.reshape(n, c, h * w)).reshape(n, -1, h, w)
'''

BUGGY = '''"""A planted bug: the kernel is flipped."""
import numpy as np

from convharness import implementation


@implementation
def flipped(x, weight):
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], (2, 3))
    return np.einsum("nchwij,ocij->nohw", windows, weight[:, :, ::-1, ::-1]).astype(x.dtype)
'''

Write = Callable[..., Path]


class Done:
    """The result of a command: its exit code, stdout, and the lines of stderr."""

    def __init__(self, code: int, captured: tuple[str, str]) -> None:
        self.code = code
        self.out, err = captured
        self.err = err.splitlines()

    @property
    def rows(self) -> list[dict]:
        """Return stdout, which must be JSON and nothing else."""
        return json.loads(self.out)


@pytest.fixture
def command(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Done]:
    """Return a function that runs a command in the test's own folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Done:
        return Done(main([str(word) for word in words]), capsys.readouterr())

    return run


Command = Callable[..., Done]


def statuses(rows: Sequence[dict]) -> dict[str, str]:
    """Return the status of each implementation."""
    return {row["implementation"]: row["status"] for row in rows}


def test_passed_and_unsupported_exit_with_0(command: Command) -> None:
    """A run with statuses passed and unsupported exits with 0."""
    done = command(
        "verify",
        "--problem",
        TINY,
        "-k",
        "numpy_arrays.im2col",
        "-k",
        "pointwise.numpy_matmul",
        "--format",
        "json",
    )

    assert {"numpy_arrays.im2col": "passed", "pointwise.numpy_matmul": "unsupported"} == statuses(done.rows)
    assert 0 == done.code


def test_a_command_that_judges_nothing_exits_with_4(command: Command) -> None:
    """A command whose records are all unsupported or mistrusted exits with 4."""
    done = command("verify", "--problem", TINY, "-k", "pointwise.numpy_matmul", "--format", "json")

    assert ({"pointwise.numpy_matmul": "unsupported"}, 4) == (statuses(done.rows), done.code)


def test_a_planted_bug_exits_with_1_and_its_reproducer_shows_the_same(
    command: Command, write_plugin: Write
) -> None:
    """A wrong implementation exits with 1, and its reproducer gives the same verdict."""
    path = write_plugin(BUGGY, "buggy.py")
    done = command(
        "verify", "--plugin", path, "-k", "buggy.*", "--problem", TINY, "--seed", 4, "--format", "json"
    )
    first = done.rows[0]
    words = shlex.split(first["reproduce"])
    again = command(*words[1:], "--format", "json")

    assert ("convharness", 1, "wrong", "exact") == (words[0], done.code, first["status"], first["layer"])
    assert first["reason"].startswith("y[0, 0, 0, 0] is ")
    assert [(first["status"], first["layer"], first["reason"], 1)] == [
        (row["status"], row["layer"], row["reason"], again.code) for row in again.rows
    ]


INTERLEAVED = '''
import numpy as np
from convharness import implementation


@implementation(dtype="float32")
def interleaved(x, weight, groups):
    """Groups are right, but that their output channels alternate."""
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], (2, 3))
    windows = windows.reshape(len(x), groups, -1, *windows.shape[2:])
    y = np.einsum("ngchwij,gocij->noghw", windows, weight.reshape(groups, -1, *weight.shape[1:]))
    return y.reshape(len(x), len(weight), *y.shape[3:])
'''


def test_what_a_plugin_declares_is_tried_though_the_suite_does_not(
    command: Command, write_plugin: Write, tmp_path: Path
) -> None:
    """Cases are added, which is said; a kernel that is right without groups is not right with them."""
    (tmp_path / "plain.toml").write_text(f"[[case]]\nlabel = 'plain'\nproblem = '{TINY}'\n", "utf-8")
    path = write_plugin(INTERLEAVED)
    done = command("verify", "--plugin", path, "-k", "mine.*", "--suite", "plain.toml", "--format", "json")
    added = [row for row in done.rows if row["suite"] == "declared"]

    assert [("plain", "plain", "passed")] == [
        (row["suite"], row["case"], row["status"]) for row in done.rows if row not in added
    ]
    assert ({"wrong"}, 1) == ({row["status"] for row in added}, done.code)
    assert any(
        line.startswith(f"convharness: {len(added)} cases added for mine.interleaved") for line in done.err
    )


def test_nothing_is_added_where_problems_are_named(command: Command, write_plugin: Write) -> None:
    """A reproducer judges what it names and nothing else."""
    path = write_plugin(INTERLEAVED)
    done = command("verify", "--plugin", path, "-k", "mine.*", "--problem", TINY, "--format", "json")

    assert ([TINY], 0) == ([row["problem"] for row in done.rows], done.code)


def test_ten_lines_are_verified_and_timed(command: Command, write_plugin: Write) -> None:
    """A plugin of ten lines is verified and timed beside an implementation of convharness."""
    path = write_plugin(POINTWISE)
    done = command(
        "time",
        "--plugin",
        path,
        "-k",
        "mine.*",
        "-k",
        "pointwise.numpy_matmul",
        "--problem",
        "c8h6w6-o4k1",
        *FAST,
        "--format",
        "json",
    )

    assert 10 >= len(POINTWISE.strip().splitlines()) - 1
    assert (0, {"mine.mine": "passed", "pointwise.numpy_matmul": "passed"}) == (
        done.code,
        statuses(done.rows),
    )
    assert [True, True] == [
        row["time_median_s"] > 0 and len(row["samples_s"]) == row["samples"] for row in done.rows
    ]


def test_run_leaves_records_and_reports(command: Command, tmp_path: Path) -> None:
    """`convharness run` leaves a folder of records and a report in each format."""
    done = command("run", "--problem", TINY, "-k", "numpy_arrays.im2col", *FAST)
    folder = run_folders(tmp_path / "results")[0]

    assert 0 == done.code
    assert ["records.jsonl", "records.parquet", "run.json", "samples.parquet"] == sorted(
        path.name for path in folder.iterdir()
    )
    reports = sorted(path.name for path in (tmp_path / "results" / "reports").iterdir())
    assert [f"{folder.name}.{suffix}" for suffix in ("csv", "html", "md")] == reports
    assert any(folder.name in line for line in done.err)


def _csv(text: str) -> list[dict]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("name", ["json", "jsonl", "csv", "markdown", "junit", "table"])
def test_stdout_holds_the_format_and_nothing_else(name: str, command: Command) -> None:
    """Stdout has the records in the chosen format and nothing else."""
    done = command("verify", "--problem", TINY, "-k", "numpy_arrays.*", "--format", name)
    names = {
        "json": lambda: [row["implementation"] for row in json.loads(done.out)],
        "jsonl": lambda: [json.loads(line)["implementation"] for line in done.out.splitlines()],
        "csv": lambda: [row["implementation"] for row in _csv(done.out)],
        "junit": lambda: [case.get("classname") for case in ET.fromstring(done.out).iter("testcase")],
        "markdown": lambda: done.out.replace("\\_", "_").splitlines(),
        "table": lambda: [line for line in done.out.splitlines() if "im2col" in line],
    }[name]()

    assert any("numpy_arrays.im2col" in one for one in names)
    assert 0 == done.code
    assert 1 == len(done.err)


def test_a_json_record_has_every_column(command: Command) -> None:
    """A record in JSON has all columns in order."""
    row = command("verify", "--problem", TINY, "-k", "numpy_arrays.im2col", "--format", "json").rows[0]

    assert [*COLUMNS, *NESTED_COLUMNS] == list(row)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["verify", "--suite", "smok"], "there is no suite 'smok'; did you mean 'smoke'?"),
        (
            ["verify", "--problem", TINY, "-k", "pytorch.con"],
            "no implementation matches 'pytorch.con'; did you mean 'pytorch.conv'?",
        ),
        (["verify", "--suite", "seeds", "-c", "corr2"], "no case matches 'corr2'; did you mean 'corr2d'?"),
        (
            ["verify", "--problem", TINY, "--dtype", "float23"],
            "unknown dtype 'float23'; did you mean 'float32'?",
        ),
        (
            ["verify", "--problem", "resnet"],
            "cannot read 'resnet' as a problem; write it like 'n1c3h224w224-o64k7s2p3-float32'",
        ),
        (
            ["verify", "--problem", "c1h3w3-o1k5"],
            "kernel_size=(5, 5) with dilation=(1, 1) does not fit input_size=(3, 3) padded by (0, 0)",
        ),
        (
            ["verify", "--suite", "none.toml"],
            "cannot read the suite file none.toml: No such file or directory",
        ),
        (
            ["time", "--problem", TINY, "-k", "numpy_arrays.im2col", "--baseline", "numpy_arrays.im2co"],
            "the baseline 'numpy_arrays.im2co' is not among the implementations; did you mean 'numpy_arrays.im2col'?",  # noqa: E501
        ),
        (["report"], "there are no runs in results/runs; make one with: convharness run"),
        (["suite", "show", "seed"], "there is no suite 'seed'; did you mean 'seeds'?"),
        (
            ["compare", "HEAD~1", "."],
            "'HEAD~1' and '.' are not names of implementations (FAMILY.NAME), and for commits: this folder is in no git repository; go to one, or make one with: git init",  # noqa: E501
        ),
        (
            ["track", "--regressions", "--bisect"],
            "--regressions lists what is known and measures nothing; leave --bisect out",
        ),
        (
            ["track", "--regressions", "HEAD~2..HEAD", "-k", "mine.*"],
            "--regressions lists what is known and measures nothing; leave RANGE and -k out",
        ),
    ],
)
def test_a_user_s_mistake_is_one_line_and_exits_with_2(
    words: list[str], message: str, command: Command
) -> None:
    """A user's mistake exits with 2 and one line on stderr, with the nearest right word."""
    done = command(*words)

    assert (2, "", [f"convharness: error: {message}"]) == (done.code, done.out, done.err)


@pytest.mark.parametrize(
    "words",
    [["verfy"], ["verify", "--no-such-option"], ["verify", "--format", "xml"], ["verify", "--threads", "0"]],
)
def test_an_invalid_command_line_exits_with_2(words: list[str], command: Command) -> None:
    """An unknown command or option exits with 2 and one line on stderr."""
    done = command(*words)

    assert (2, "", 1) == (done.code, done.out, len(done.err))
    assert done.err[0].startswith("convharness: error: ")


def test_a_suite_that_is_not_toml_exits_with_2(command: Command, write_plugin: Write) -> None:
    """A suite that is not TOML exits with 2 and its path and the parser's message."""
    path = write_plugin("[[case]\n", "mine.toml")
    done = command("verify", "--suite", path)

    assert (2, 1) == (done.code, len(done.err))
    assert done.err[0].startswith(f"convharness: error: {path}: not valid TOML: ")


def test_every_mistake_of_a_suite_is_a_line(command: Command, write_plugin: Write) -> None:
    """Each mistake of a suite is one line on stderr."""
    path = write_plugin(
        "[[case]]\nlabel='a'\nin_channel=1\n[[case]]\nlabel='b'\nkernel_sise=1\n", "mine.toml"
    )
    done = command("verify", "--suite", path)

    assert [
        f"convharness: error: {path}: case 'a': unknown field 'in_channel'; did you mean 'in_channels'?",
        f"convharness: error: {path}: case 'b': unknown field 'kernel_sise'; did you mean 'kernel_size'?",
    ] == done.err


def test_a_broken_plugin_does_not_affect_others(command: Command, write_plugin: Write) -> None:
    """A broken plugin is reported and exits with 2, and the other plugins have their records."""
    bad, good = write_plugin("1 / 0\n", "bad.py"), write_plugin(POINTWISE, "good.py")
    done = command(
        "verify",
        "--plugin",
        bad,
        "--plugin",
        good,
        "-k",
        "good.*",
        "--problem",
        "c2h2w2-o2k1",
        "--format",
        "json",
    )

    assert (2, {"good.mine": "passed"}) == (done.code, statuses(done.rows))
    assert (
        f"convharness: error: {bad} does not import: line 1: ZeroDivisionError: division by zero"
        == done.err[0]
    )


def test_what_a_plugin_prints_is_not_on_stdout(command: Command, write_plugin: Write) -> None:
    """The text that a plugin prints is not on stdout."""
    path = write_plugin(POINTWISE.replace("    n, c", "    print('hello')\n    n, c"))
    done = command("verify", "--plugin", path, "-k", "mine.*", "--problem", "c2h2w2-o2k1", "--format", "json")

    assert {"mine.mine": "passed"} == statuses(done.rows)
    assert [None] == [row["printed"] for row in done.rows]


def test_a_stored_run_is_reported_again(command: Command, tmp_path: Path) -> None:
    """`convharness report` has the same rows, by id, by its beginning, by path or by default."""
    done = command("verify", "--problem", TINY, "-k", "numpy_arrays.im2col", "--format", "json")
    folder = run_folders(tmp_path / "results")[0]
    again = [
        command("report", *name, "--format", "json").rows
        for name in ([], [folder.name], [folder.name[:-2]], [folder])
    ]

    assert [done.rows] * 4 == again
    assert done.rows == json.loads(msgspec.json.encode(list(read_rows(folder))))


def test_a_report_is_written_to_a_file(command: Command, tmp_path: Path) -> None:
    """A report with `-o` is in the file, and stdout is empty."""
    command("verify", "--problem", TINY, "-k", "numpy_arrays.im2col")
    done = command("report", "--format", "html", "-o", tmp_path / "report.html")

    assert (0, "") == (done.code, done.out)
    assert "<html" in (tmp_path / "report.html").read_text("utf-8")


def test_a_report_into_a_missing_folder_is_refused(command: Command, tmp_path: Path) -> None:
    """A report into a missing folder is refused, and the folder is not made."""
    command("verify", "--problem", TINY, "-k", "numpy_arrays.im2col")
    done = command("report", "-o", tmp_path / "deep" / "report.txt")

    assert 2 == done.code
    assert done.err[-1].endswith("deep is not a folder; make it first")
    assert not (tmp_path / "deep").exists()


def test_a_damaged_record_is_an_error(command: Command, tmp_path: Path) -> None:
    """A damaged record is an error with its line, since a failure could be lost with it."""
    command("verify", "--problem", TINY, "-k", "numpy_arrays.im2col", "-k", "numpy_arrays.einsum")
    records = next((tmp_path / "results" / "runs").glob("*/records.jsonl"))
    lines = records.read_text("utf-8").splitlines()
    records.write_text("\n".join([lines[0].replace('"passed"', '"wat"'), *lines[1:]]) + "\n", "utf-8")
    done = command("report")

    assert 2 == done.code
    assert "records.jsonl, line 1 is damaged: its status is 'wat'" in done.err[-1]


def test_an_interrupted_run_is_reported_as_incomplete(command: Command, tmp_path: Path) -> None:
    """The report of an interrupted run says how many records are missing."""
    command("verify", "--problem", TINY, "-k", "numpy_arrays.im2col", "-k", "numpy_arrays.einsum")
    records = next((tmp_path / "results" / "runs").glob("*/records.jsonl"))
    records.write_text(records.read_text("utf-8").splitlines()[0] + "\n", "utf-8")
    done = command("report")

    assert 0 == done.code
    assert "is not complete: 1 of 2 records." in done.out


def test_a_results_folder_that_cannot_be_written_is_an_error(command: Command, tmp_path: Path) -> None:
    """A results folder that cannot be written is an error with the option that helps."""
    (tmp_path / "taken").write_text("", "utf-8")
    done = command("verify", "--problem", TINY, "-k", "numpy_arrays.im2col", "--results", "taken")

    assert (2, 1, True) == (
        done.code,
        len(done.err),
        done.err[0].endswith("; choose another folder with --results"),
    )


def test_the_seed_selects_the_data(command: Command) -> None:
    """Equal seeds give equal errors, and another seed gives others."""
    errors = [
        command(
            "verify", "--problem", TINY, "-k", "numpy_arrays.im2col", "--seed", seed, "--format", "json"
        ).rows[0]["error_u"]
        for seed in (1, 1, 2)
    ]

    assert errors[0] == errors[1] != errors[2]


def test_suites_and_implementations_can_be_listed(command: Command) -> None:
    """Suites, cases and implementations can be listed as JSON."""
    suites = command("suite", "list", "--format", "json").rows
    cases = command("suite", "show", "seeds", "--format", "json").rows
    implementations = command("list", "-k", "pointwise.*", "--format", "json").rows

    assert {"seeds", "smoke"} <= {row["suite"] for row in suites}
    assert "bottleneck" in {row["case"] for row in cases}
    assert ["pointwise.numpy_matmul", "pointwise.torch_matmul"] == [
        row["implementation"] for row in implementations
    ]


def test_listed_problems_can_be_read_back(command: Command) -> None:
    """The problems that a list shows are canonical strings."""
    shown = [
        text
        for row in command("suite", "show", "seeds", "--format", "json").rows
        for text in row["problem"].split(" -> ")
    ]

    assert shown == [str(Problem.parse(text)) for text in shown]


def test_a_closed_pipe_is_not_an_error(tmp_path: Path) -> None:
    """`convharness list | head -1` exits with 0 and prints nothing on stderr."""
    script = f"{shlex.quote(sys.executable)} -m convharness list"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {{ {script}; echo code $? >&2; }} | true"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert "code 0\n" == done.stderr


def test_a_bug_of_convharness_exits_with_3_and_keeps_its_traceback(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unexpected exception exits with 3, keeps its traceback and asks for a report."""

    def surprise(*_: object, **__: object) -> None:
        raise RuntimeError("surprise")

    monkeypatch.setattr("convharness.cli.listing.suite_rows", surprise)
    done = command("suite", "list")

    assert (3, "") == (done.code, done.out)
    assert "RuntimeError: surprise" in done.err
    assert "convharness: this is a bug of convharness; please report it with the lines above" == done.err[-1]
