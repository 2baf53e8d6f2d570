"""Nothing that a kernel does ends the harness, hangs it, deceives it or outlives it."""

import os
from pathlib import Path

import pytest

from convharness import Implementation, Record, Settings, Suite, discover, run
from convharness.measure.stopwatch import Effort
from convharness.workers import examined
from tests.making import case_of

DRAWER = Path(__file__).with_name("drawer.py")
CASE = case_of("n2c3h6w7-o4k3-float32")

ENDS = {
    "segmentation_fault": ("crashed", "was ended by SIGSEGV"),
    "abort": ("crashed", "was ended by SIGABRT"),
    "illegal_instruction": ("crashed", "was ended by SIGILL"),
    "floating_point_exception": ("crashed", "was ended by SIGFPE"),
    "exit_at_once": ("crashed", "ended its own process, with exit code 0"),
    "exit_politely": ("error", "SystemExit: 0"),
    "exit_later": ("crashed", "ended its own process, with exit code 0"),
    "deep_recursion_in_c": ("crashed", "was ended by SIGSEGV"),
    "alarm": ("crashed", "was ended by SIGALRM"),
    "kills_itself": ("crashed", "was ended by SIGKILL"),
    "sleeps": ("timeout", "gave no answer within"),
    "spins": ("timeout", "gave no answer within"),
    "hangs_in_c": ("timeout", "gave no answer within"),
    "stops_itself": ("timeout", "gave no answer within"),
    "dead_lock": ("timeout", "gave no answer within"),
    "memory_of_arrays": ("memory", ""),
    "memory_in_small_pieces": ("memory", ""),
    "huge_output": ("contract", "returned shape"),
    "flood": ("error", "printed more than 64 MiB"),
    "flood_of_bytes": ("error", "printed more than 64 MiB"),
    "many_processes": ("contract", "started more than 64 processes"),
    "leaves_a_child": ("passed", ""),
    "leaves_a_daemon": ("passed", ""),
    "returns_twice": ("passed", ""),
    "leaves_a_child_without_marks": ("passed", ""),
    "is_traced": ("wrong", ""),
    "raises_no_unicode": ("error", "ValueError: lone \\ud800"),
    "raises_a_novel": ("error", "ValueError: xxx"),
    "closes_stdout_for_good": ("passed", ""),
    "goes_on_in_a_thread": ("contract", "went on writing its output after it had returned"),
    "closes_everything": ("crashed", ""),
    "closes_everything_and_waits": ("crashed", "closed the harness's channel"),
    "writes_into_the_channel": ("contract", "wrote into the harness's own channel"),
    "forges_answers": ("contract", "wrote into the harness's own channel"),
    "announces_a_huge_message": ("contract", "wrote into the harness's own channel"),
    "says_that_it_passed": ("contract", "unexpected reply"),
    "answers_nonsense": ("contract", "unexpected reply"),
    "answers_as_if": ("contract", "unexpected reply"),
    "replies_as_if_it_had_called": ("wrong", ""),
    "replies_with_a_type_that_is_none": ("contract", "unexpected reply"),
    "prints_a_verdict": ("wrong", ""),
    "patches_comparisons": ("contract", "changed numpy"),
    "patches_numpy": ("contract", ""),
    "patches_the_harness": ("contract", ""),
    "looks_for_the_answer": ("wrong", ""),
    "reads_beside_its_input": ("wrong", ""),
    "restores_its_input": ("contract", "wrote to an input: it was ended by SIGSEGV"),
    "restores_its_weight_in_a_thread": ("contract", "wrote to an input: it was ended by SIGSEGV"),
    "restores_an_input_with_a_nan": ("contract", "wrote to an input: it was ended by SIGSEGV"),
    "asks_for_writable_inputs": ("passed", ""),
    "lazy": ("contract", "returned a"),
    "remembers_by_address": ("wrong", ""),
    "stale_packed_weights": ("wrong", ""),
    "garbage_after_a_while": ("wrong", ""),
    "raises_in_one_layer": ("error", "ValueError: not finite"),
    "raises_what_cannot_be_told": ("error", "_SilentError"),
    "returns_objects": ("contract", "returned"),
    "returns_records": ("contract", "returned"),
    "changes_the_process": ("contract", "changed the environment"),
}
TIMED_ENDS = {
    "remembers_by_content": ("contract", "results may not be remembered"),
    "remembers_a_little": ("contract", "results may not be remembered"),
    "lazy_when_warm": ("wrong", "right when verified, wrong when timed"),
    "slows_the_clock": ("contract", "while its clock told"),
    "sleeps_behind_a_slow_clock": ("contract", "while its clock told"),
    "hides_in_short_samples": ("contract", "while its clock told"),
    "runs_ahead": ("contract", "while its clock told"),
    "works_behind_the_clock": ("wrong", "right when verified, wrong when timed"),
    "works_when_it_is_looked_at": ("contract", "when its output was asked for"),
    "works_when_new_input_is_looked_at": ("contract", "when its output was asked for"),
    "raises_after_a_while": ("error", "when timed: RuntimeError: tired"),
    "fills_the_newest": ("wrong", "right when verified, wrong when timed"),
}


@pytest.fixture(scope="module")
def drawer() -> dict[str, Implementation]:
    """Return the hostile kernels by name; their file is not imported in this process."""
    registry = examined(DRAWER, "file", "drawer")
    assert () == registry.broken
    return {one.name.removeprefix("drawer."): one for one in registry.implementations}


def records_of(*implementations: Implementation, timed: bool = False) -> list[Record]:
    """Return the records of some implementations on one case."""
    settings = Settings(
        level="standard",
        timeout_s=1.0,
        memory_bytes=2**30,
        timed=timed,
        effort=Effort(budget_s=0.2),
    )
    return list(run([Suite("faults", (CASE,))], implementations, settings))


def test_each_hostile_kernel_has_an_expected_status(drawer: dict[str, Implementation]) -> None:
    """The lists of expected statuses name exactly the kernels of the file."""
    assert sorted({**ENDS, **TIMED_ENDS}) == sorted(drawer)


@pytest.mark.parametrize("name", {**ENDS, **TIMED_ENDS})
def test_a_hostile_kernel_gets_its_own_status_and_reason(
    name: str, drawer: dict[str, Implementation]
) -> None:
    """A hostile kernel gets its status and reason, and the kernel judged after it passes."""
    good = discover().select(["numpy_arrays.tensordot"])
    record, other = records_of(drawer[name], *good, timed=name in TIMED_ENDS)

    status, reason = {**ENDS, **TIMED_ENDS}[name]
    assert (status, "passed") == (record.verdict.status, other.verdict.status), record.verdict.reason
    assert reason in (record.verdict.reason or "")


def test_the_record_of_a_failed_kernel_has_what_it_printed(drawer: dict[str, Implementation]) -> None:
    """The record of a kernel that failed has the end of its output, and the place of a crash."""
    forged, crashed = records_of(drawer["prints_a_verdict"], drawer["segmentation_fault"])

    assert (forged.verdict.printed or "").endswith('{"status": "passed", "error_u": 0}')
    assert "segmentation_fault" in (crashed.verdict.printed or "")


def test_a_kernel_that_hangs_three_times_is_not_called_again(drawer: dict[str, Implementation]) -> None:
    """A kernel that timed out three times is recorded as a timeout without another call."""
    cases = tuple(case_of(f"n1c1h{size}w6-o1k3") for size in (5, 6, 7, 8, 9))
    settings = Settings(timeout_s=0.3)
    records = list(run([Suite("faults", cases)], [drawer["sleeps"]], settings))

    assert ["timeout"] * 5 == [record.verdict.status for record in records]
    assert [False, False, False, True, True] == [
        "is not tried again" in (record.verdict.reason or "") for record in records
    ]


IMPORTS = {
    "hangs": ("import time\ntime.sleep(3600)\n", "gave no answer within"),
    "crashes": ("import ctypes\nctypes.string_at(0)\n", "was ended by SIGSEGV"),
    "exits": ("import os\nos._exit(0)\n", "ended its own process, with exit code 0"),
    "floods": ("while True: print('x' * 10**6)\n", "printed more than 64 MiB"),
    "closes": ("import os\nos.closerange(0, 99)\n", "ended its own process"),
}


@pytest.mark.parametrize(("text", "reason"), IMPORTS.values(), ids=IMPORTS)
def test_a_hostile_plugin_file_is_a_broken_plugin(
    text: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that hangs, crashes or floods on import is a broken plugin with the reason."""
    if text == IMPORTS["hangs"][0]:
        monkeypatch.setattr("convharness.workers.pool.EXAMINED_S", 1.0)
    path = tmp_path / "hostile.py"
    path.write_text(text, "utf-8")
    registry = examined(path, "file", "hostile")

    assert (1, ()) == (len(registry.broken), registry.implementations)
    assert reason in str(registry.broken[0])


def test_a_file_of_the_working_folder_shadows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in the working folder does not replace a module that workers import."""
    for name in ("numpy.py", "json.py", "socket.py", "msgspec.py"):
        (tmp_path / name).write_text("raise SystemExit('shadowed')\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    (record,) = records_of(*discover().select(["numpy_arrays.tensordot"]))

    assert "passed" == record.verdict.status


def test_a_condition_that_ends_its_process_is_a_crash(tmp_path: Path) -> None:
    """A `when=` that ends its process is recorded as a crash of the implementation."""
    path = tmp_path / "conditional.py"
    path.write_text(
        "import os\nfrom convharness import implementation\n\n"
        "@implementation(when=lambda problem: os._exit(7))\n"
        "def kernel(x, weight):\n    return x\n",
        "utf-8",
    )
    (one,) = examined(path, "file", "conditional").implementations
    (record,) = records_of(one)

    assert ("crashed", "ended its own process, with exit code 7") == (
        record.verdict.status,
        record.verdict.reason,
    )


def test_shared_memory_has_no_name() -> None:
    """A run leaves no file in /dev/shm, since its shared memory has no name."""
    before = set(os.listdir("/dev/shm"))  # noqa: PTH208
    records_of(*discover().select(["numpy_arrays.tensordot"]))

    assert before == set(os.listdir("/dev/shm"))  # noqa: PTH208


def test_a_failure_that_needs_other_problems_before_it_says_so(tmp_path: Path) -> None:
    """The reason of a failure that a new process does not repeat says that earlier problems matter."""
    path = tmp_path / "late.py"
    path.write_text(
        "import numpy as np\nfrom convharness import implementation\n\nseen = set()\n\n\n"
        "@implementation(kernel_size=1)\ndef kernel(x, weight):\n"
        "    seen.add(x.shape)\n    late = len({shape[3] for shape in seen} & {40, 60}) == 2\n"
        "    return np.einsum('nchw,oc->nohw', x, weight[:, :, 0, 0]) + late\n",
        "utf-8",
    )
    (one,) = examined(path, "file", "late").implementations
    cases = tuple(case_of(f"n1c1h5w{width}-o1k1-float32") for width in (40, 60))
    first, second = run([Suite("faults", cases)], [one])

    assert ("passed", "wrong") == (first.verdict.status, second.verdict.status)
    assert "passes in a new process: its result depends on earlier calls" in (second.verdict.reason or "")


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_limited_before_libraries_load_and_checked_afterwards(threads: int) -> None:
    """A verdict lists the thread pools of the worker, each with the number of threads asked for."""
    chosen = discover().select(["numpy_arrays.tensordot", "pytorch.native"])
    records = list(run([Suite("faults", (CASE,))], chosen, Settings(threads=threads)))

    assert [{threads}] * 2 == [set(record.verdict.traits["pools"].values()) for record in records]
    assert [1, 1] <= [len(record.verdict.traits["pools"]) for record in records]


@pytest.mark.parametrize("threads", [1, 2])
def test_bits_that_depend_on_the_number_of_threads_are_found(tmp_path: Path, threads: int) -> None:
    """A worker is asked with another number of threads, and has its own again afterwards."""
    path = tmp_path / "threaded.py"
    path.write_text(
        "import os\nimport numpy as np\nfrom convharness import implementation\n\n\n"
        "@implementation(kernel_size=1)\ndef alike(x, weight):\n"
        "    return (weight[None, :, :, 0, 0, None, None] * x[:, None]).sum(axis=2)\n\n\n"
        "@implementation(kernel_size=1)\ndef threaded(x, weight):\n"
        "    step = 1 if int(os.environ['OMP_NUM_THREADS']) == 1 else -1\n"
        "    return alike(x[:, ::step], weight[:, ::step])\n",
        "utf-8",
    )
    chosen = examined(path, "file", "threaded").implementations
    suite = Suite("faults", (case_of("n1c9h5w5-o2k1-float32"),))
    records = list(run([suite], chosen, Settings(threads=threads, level="thorough")))

    assert {"alike": True, "threaded": False} == {
        record.implementation.own_name.rpartition(".")[2]: record.verdict.traits["thread_invariant"]
        for record in records
    }


def test_more_implementations_than_kept_workers_are_all_judged_and_timed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pool that keeps fewer workers than there are implementations judges and times all of them."""
    monkeypatch.setattr("convharness.workers.pool._MOST", 2)
    chosen = discover().select(["numpy_arrays.*"])
    settings = Settings(level="quick", timed=True, effort=Effort(budget_s=0.01))
    records = list(run([Suite("faults", (CASE, case_of("n1c2h5w5-o2k3")))], chosen, settings))

    assert {"passed"} == {record.verdict.status for record in records}
    assert 2 * len(chosen) == sum(record.measurement is not None for record in records)


def test_a_worker_has_only_the_libraries_of_its_plugin(tmp_path: Path) -> None:
    """A worker imports no library that its plugin does not import."""
    path = tmp_path / "nosy.py"
    path.write_text(
        "import sys\nfrom convharness import implementation\n\n\n"
        "@implementation\ndef kernel(x, weight):\n"
        "    raise RuntimeError(sorted({'torch', 'scipy', 'pandas', 'asv', 'rich'} & set(sys.modules)))\n",
        "utf-8",
    )
    (record,) = records_of(*examined(path, "file", "nosy").implementations)

    assert "RuntimeError: []" == record.verdict.reason


def test_a_plugin_that_answers_for_the_harness_breaks_the_contract(tmp_path: Path) -> None:
    """A plugin that replaces the replies of its worker on import is refused with an unexpected reply."""
    path = tmp_path / "usurper.py"
    path.write_text(
        "import sys\nimport numpy as np\nfrom convharness import implementation\n\n"
        "server = sys.modules['convharness.workers.server'].Server\nreply = server._reply\n\n\n"
        "def usurp(self, request):\n"
        "    if type(request).__name__ in ('Load', 'Describe'):\n        return reply(self, request)\n"
        "    return {'type': 'Raised', 'status': 'passed', 'reason': ''}\n\n\n"
        "server._reply = usurp\n\n\n"
        "@implementation\ndef kernel(x, weight):\n    return np.zeros(1)\n",
        "utf-8",
    )
    (record,) = records_of(*examined(path, "file", "usurper").implementations)

    assert "contract" == record.verdict.status
    assert "unexpected reply" in (record.verdict.reason or "")


def test_a_condition_that_raises_on_problems_of_the_oracle_does_no_harm(tmp_path: Path) -> None:
    """A `when=` that raises on problems which only the oracle asks about does not make the verdict fail."""
    path = tmp_path / "tuned.py"
    path.write_text(
        "import numpy as np\nfrom convharness import implementation\n\nTUNED = {5: 1, 6: 2}\n\n\n"
        "@implementation(kernel_size=1, when=lambda p: None if TUNED[p.input_size[0]] else 'no')\n"
        "def kernel(x, weight):\n    return np.einsum('nchw,oc->nohw', x, weight[:, :, 0, 0])\n",
        "utf-8",
    )
    (one,) = examined(path, "file", "tuned").implementations
    cases = tuple(case_of(f"n1c2h{size}w6-o3k1") for size in (5, 6))
    records = list(run([Suite("faults", cases)], [one], Settings(level="thorough")))

    assert ["passed", "passed"] == [record.verdict.status for record in records]


def test_a_worker_runs_the_exit_handlers_of_its_plugin(tmp_path: Path) -> None:
    """A worker runs the exit handlers that its plugin registered."""
    path, left = tmp_path / "tidy.py", tmp_path / "left"
    path.write_text(
        "import atexit, pathlib\nimport numpy as np\nfrom convharness import implementation\n\n"
        f"left = pathlib.Path({str(left)!r})\n\n\n"
        "@implementation(kernel_size=1)\ndef kernel(x, weight):\n"
        "    if not left.exists():\n        left.write_text('')\n        atexit.register(left.unlink)\n"
        "    return np.einsum('nchw,oc->nohw', x, weight[:, :, 0, 0])\n",
        "utf-8",
    )
    (one,) = examined(path, "file", "tidy").implementations
    (record,) = run([Suite("faults", (case_of("n1c2h5w6-o3k1"),))], [one])

    assert ("passed", False) == (record.verdict.status, left.exists())


@pytest.mark.parametrize(
    ("ending", "status", "reason"),
    [
        (
            "os.kill(os.getpid(), signal.SIGUSR1)",
            "crashed",
            "was ended by SIGUSR1 when it read beyond the end",
        ),
        ("os._exit(3)", "crashed", "ended its own process, with exit code 3"),
    ],
)
def test_a_crash_at_the_end_of_an_input_says_whether_it_read_beyond(
    ending: str, status: str, reason: str, tmp_path: Path
) -> None:
    """The reason names reading beyond an input after a signal, and not after an exit of the process."""
    path = tmp_path / "edgy.py"
    path.write_text(
        "import mmap, os, signal\nimport numpy as np\nfrom convharness import implementation\n\n\n"
        "@implementation(kernel_size=1)\ndef kernel(x, weight):\n"
        "    if x.nbytes == 240 and not (x.ctypes.data + x.nbytes) % mmap.PAGESIZE:\n"
        f"        {ending}\n"
        "    return np.einsum('nchw,oc->nohw', x, weight[:, :, 0, 0])\n",
        "utf-8",
    )
    (one,) = examined(path, "file", "edgy").implementations
    (record,) = run([Suite("faults", (case_of("n1c2h5w6-o3k1"),))], [one], Settings(level="thorough"))

    assert status == record.verdict.status
    assert (record.verdict.reason or "").startswith(reason)
