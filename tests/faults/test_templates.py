"""Fresh worker processes as copies of templates: what they share, and how their failures are reported."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from convharness import Implementation, Problem
from convharness.execution.host import Host
from convharness.execution.kernel_call import KernelError
from convharness.machine.interference import processors_in_turn
from convharness.measure.stopwatch import Effort
from convharness.numerics.operands import timed_integers
from convharness.workers import Limits, WorkerPool, examined

PROBLEM = Problem.parse("n1c1h2w2-o1k1-float64")
OPERANDS = timed_integers(PROBLEM, 0)

TELLING = '''"""Kernels that return a fact about their process as their output, or end it."""

import ctypes, os, signal, subprocess, sys, threading, time, zlib

import numpy as np

from convharness import implementation

{first}
calls = []


def telling(number, x):
    return np.full(x.shape, number, x.dtype)


@implementation
def process(x, weight):
    return telling(os.getpid(), x)


@implementation
def parent(x, weight):
    return telling(os.getppid(), x)


@implementation
def counts(x, weight):
    calls.append(1)
    return telling(len(calls), x)


@implementation
def processors(x, weight):
    return telling(len(os.sched_getaffinity(0)), x)


@implementation
def segmentation_fault(x, weight):
    ctypes.string_at(0)


@implementation
def exits(x, weight):
    os._exit(7)


@implementation
def kills_itself(x, weight):
    os.kill(os.getpid(), signal.SIGKILL)


@implementation
def closes_everything(x, weight):
    os.closerange(3, 99)
    os._exit(3)


@implementation
def hangs(x, weight):
    time.sleep(3600)


@implementation
def stops_itself(x, weight):
    os.kill(os.getpid(), signal.SIGSTOP)


@implementation
def takes_memory(x, weight):
    return np.ones(2**40)


@implementation
def raises(x, weight):
    raise ValueError("no")


@implementation
def kills_its_template(x, weight):
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(3600)


def waiting(**how):
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"], **how).pid


@implementation
def leaves_a_child(x, weight):
    return telling(waiting(), x)


@implementation
def leaves_a_child_of_another_session(x, weight):
    return telling(waiting(start_new_session=True), x)


@implementation
def leaves_a_child_without_marks(x, weight):
    return telling(waiting(start_new_session=True, env={{}}), x)


@implementation
def leaves_a_daemon(x, weight):
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.write(writer, str(waiting()).encode())
        os._exit(0)
    return telling(int(os.read(reader, 99)), x)


@implementation
def leaves_a_thread(x, weight):
    threading.Thread(target=waiting_for_ever, daemon=True).start()
    return telling(threading.active_count(), x)


def waiting_for_ever():
    while True:
        zlib.crc32(bytes(10**6))


@implementation
def uses_many_threads(x, weight):
    end = time.perf_counter() + 0.02
    def work():
        while time.perf_counter() < end:
            zlib.crc32(data)
    threads = [threading.Thread(target=work) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return telling(len(os.sched_getaffinity(0)), x)


data = bytes(2**20)
'''

Write = Callable[..., Path]
Kernels = Callable[..., Implementation]


@pytest.fixture
def kernel(write_plugin: Write) -> Kernels:
    """Return a function that returns a kernel of the file, which runs the lines `first` when it is loaded."""
    known: dict[str, dict[str, Implementation]] = {}

    def of(name: str, first: str = "") -> Implementation:
        if first not in known:
            found = examined(write_plugin(TELLING.format(first=first), "telling.py"), "file", "telling")
            assert () == found.broken
            known[first] = {one.name: one for one in found.implementations}
        return known[first][f"telling.{name}"]

    return of


@contextmanager
def pool_of(*implementations: Implementation, generations: int = 1, **how: object) -> Iterator[WorkerPool]:
    """Yield a pool with templates of some implementations."""
    with WorkerPool(**how) as pool:
        pool.prepare(implementations, generations)
        yield pool


def output_of(host: Host) -> int:
    """Return the number that a kernel returns as its output."""
    y = host.bind(PROBLEM, OPERANDS).output().y
    assert y is not None
    return int(y.flat[0])


def state_of(pid: int) -> str:
    """Return the state of a process, such as R, S, T or Z, or an empty text when it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def states_of(pid: int) -> set[str]:
    """Return the states of all threads of a process."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return {(task / "stat").read_text("ascii", "replace").rpartition(")")[2].split()[0] for task in tasks}


def until(is_so: Callable[[], bool]) -> bool:
    """Wait for up to five seconds until a condition holds, and return whether it does."""
    end = time.monotonic() + 5
    while not (so := is_so()) and time.monotonic() < end:
        time.sleep(0.002)
    return so


def is_gone(pid: int) -> bool:
    """Return whether a process has ended, or ends soon; a zombie counts as ended."""
    return until(lambda: state_of(pid) in ("", "Z"))


# What copies share, and what they do not


def test_copies_have_processes_of_their_own_and_a_common_parent(kernel: Kernels) -> None:
    """Copies are processes of their own with one parent, the template, which is not this process."""
    process, parent = kernel("process"), kernel("parent")
    with pool_of(process, parent) as pool, pool.fresh_hosts(0) as host:
        processes = [output_of(host(process)) for _ in range(3)]
        parents = {output_of(host(parent)) for _ in range(2)}

    assert 3 == len(set(processes))
    assert 1 == len(parents)
    assert set() == parents & {os.getpid(), *processes}


def test_copies_have_memory_of_their_own(kernel: Kernels) -> None:
    """A copy sees no change that another copy made in its memory."""
    one = kernel("counts")
    with pool_of(one) as pool:
        with pool.fresh_hosts(0) as host:
            first, second = host(one), host(one)
            found = [
                output_of(first),
                output_of(first),
                output_of(second),
                output_of(first),
                output_of(second),
            ]
        with pool.fresh_hosts(0) as host:
            found.append(output_of(host(one)))

    assert [1, 2, 1, 3, 2, 1] == found


def test_generations_have_templates_of_their_own(kernel: Kernels) -> None:
    """A generation has one template of its own, which further preparing does not replace."""
    one = kernel("parent")
    found = []
    with pool_of(one, generations=2) as pool:
        for generation in (0, 1, 0, 1):
            pool.prepare([one], 2)
            with pool.fresh_hosts(generation) as host:
                found.append(output_of(host(one)))

    assert found[:2] == found[2:]
    assert 2 == len(set(found))


def test_a_file_is_loaded_once_for_all_copies_of_a_generation(kernel: Kernels, tmp_path: Path) -> None:
    """A generation loads a plugin file once, for all copies of all of its kernels."""
    path = tmp_path / "loaded"
    first = f"open({str(path)!r}, 'a').write('x')"
    counts, process = kernel("counts", first), kernel("process", first)
    path.unlink()
    with pool_of(counts, process, generations=3) as pool:
        for generation in (0, 1, 2, 0):
            with pool.fresh_hosts(generation) as host:
                assert (1, True) == (output_of(host(counts)), output_of(host(process)) > 0)

    assert "xxx" == path.read_text("ascii")


@pytest.mark.parametrize("threads", [1, 2])
def test_a_copy_has_as_many_threads_as_it_is_given(threads: int, kernel: Kernels) -> None:
    """A copy gets the number of threads asked for, while its template has a single thread."""
    one = kernel("parent")
    with pool_of(one, threads=threads) as pool, pool.fresh_hosts(0) as host:
        new = host(one)
        parent = output_of(new)
        pools = set(new.pools().values())
        of_the_template = len(list(Path(f"/proc/{parent}/task").iterdir()))

    assert ({threads}, 1, True) == (pools, of_the_template, parent != os.getpid())


def test_a_library_is_loaded_by_the_template(write_plugin: Write) -> None:
    """A template loads the lazy library of its plugin, so that copies need not."""
    text = (
        "import os\nfrom convharness import implementation, lazy_import\n\ntorch = lazy_import('torch')\n\n\n"
        "@implementation(arrays='torch')\ndef parent(x, weight):\n"
        "    return torch.full(x.shape, float(os.getppid()), dtype=x.dtype)\n"
    )
    (one,) = examined(write_plugin(text, "lazy.py"), "file", "lazy").implementations
    with pool_of(one) as pool, pool.fresh_hosts(0) as host:
        parent = output_of(host(one))
        maps = Path(f"/proc/{parent}/maps").read_text("utf-8")

    assert parent != os.getpid()
    assert "libtorch" in maps


def test_parts_of_a_library_are_loaded_by_the_template_too(write_plugin: Write) -> None:
    """A template loads a submodule that its plugin names lazily, so that no first call imports it."""
    text = (
        "import sys\nimport numpy as np\nfrom convharness import implementation, lazy_import\n\n"
        "ndimage = lazy_import('scipy.ndimage')\n\n\n"
        "@implementation(library='scipy')\ndef is_loaded(x, weight):\n"
        "    return np.full(x.shape, 'scipy.ndimage' in sys.modules, x.dtype)\n"
    )
    (one,) = examined(write_plugin(text, "lazy.py"), "file", "lazy").implementations
    with pool_of(one) as pool, pool.fresh_hosts(0) as host:
        found = output_of(host(one))

    assert 1 == found


def test_what_a_copy_prints_is_its_own(kernel: Kernels) -> None:
    """A copy's printed text has its own crash and nothing of other copies."""
    crashed, fine = kernel("segmentation_fault"), kernel("counts")
    with pool_of(crashed, fine) as pool, pool.fresh_hosts(0) as host:
        one, other = host(crashed), host(fine)
        assert 1 == output_of(other)
        with pytest.raises(KernelError):
            output_of(one)
        printed = one.printed() or "", other.printed()

    assert ("segmentation_fault" in printed[0], None) == (True, printed[1])


# How copies end

ENDS = {
    "segmentation_fault": ("crashed", "was ended by SIGSEGV"),
    "exits": ("crashed", "ended its own process, with exit code 7"),
    "kills_itself": ("crashed", "was ended by SIGKILL"),
    "closes_everything": ("crashed", "ended its own process, with exit code 3"),
    "hangs": ("timeout", "gave no answer within 0.3 s"),
    "stops_itself": ("timeout", "gave no answer within 0.3 s"),
    "takes_memory": ("memory", ""),
    "raises": ("error", "ValueError: no"),
    "kills_its_template": ("crashed", "was ended by SIGKILL"),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_end_of_a_copy_is_reported_like_that_of_any_worker(name: str, kernel: Kernels) -> None:
    """The error of a copy that ended has its exit code or signal, which its template reports."""
    one = kernel(name)
    with pool_of(one, limits=Limits(call_s=0.3)) as pool, pool.fresh_hosts(0) as host:
        held = host(one).bind(PROBLEM, OPERANDS)
        with pytest.raises(KernelError) as raised:
            held.output()

    status, reason = ENDS[name]
    assert status == raised.value.status
    assert str(raised.value).startswith(reason)


@pytest.mark.parametrize("name", sorted(set(ENDS) - {"kills_its_template"}))
def test_a_copy_that_fails_harms_neither_other_copies_nor_the_template(name: str, kernel: Kernels) -> None:
    """After a copy has failed, the other copies keep their state and the template makes new ones."""
    bad, counts, parent = kernel(name), kernel("counts"), kernel("parent")
    with pool_of(bad, limits=Limits(call_s=0.3)) as pool:
        with pool.fresh_hosts(0) as host:
            before, other = output_of(host(parent)), host(counts)
            assert 1 == output_of(other)
            with pytest.raises(KernelError):
                output_of(host(bad))
            found = output_of(other), output_of(host(counts)), output_of(host(parent))
        with pool.fresh_hosts(0) as host:
            later = output_of(host(counts)), output_of(host(parent))

    assert (2, 1, before) == found
    assert (1, before) == later


@pytest.mark.parametrize(
    "name",
    [
        "leaves_a_child",
        "leaves_a_child_of_another_session",
        "leaves_a_child_without_marks",
        "leaves_a_daemon",
    ],
)
def test_a_process_that_a_copy_starts_ends_with_the_pass(name: str, kernel: Kernels) -> None:
    """A process that a copy started ends with the pass, in any session, and the template stays."""
    one, parent = kernel(name), kernel("parent")
    with pool_of(one) as pool:
        with pool.fresh_hosts(0) as host:
            before, child = output_of(host(parent)), output_of(host(one))
            assert state_of(child) in ("R", "S", "D")
        gone = is_gone(child)
        with pool.fresh_hosts(0) as host:
            after = output_of(host(parent))

    assert (True, before) == (gone, after)


def test_copies_end_with_their_pass_and_templates_with_the_pool(kernel: Kernels) -> None:
    """Copies end with their pass, and templates with the pool."""
    process, parent = kernel("process"), kernel("parent")
    with pool_of(process, generations=2) as pool:
        with pool.fresh_hosts(0) as host:
            copy, template = output_of(host(process)), output_of(host(parent))
            assert {"S"} >= {state_of(copy)} - {"R"}
        assert (True, "S") == (is_gone(copy), state_of(template))

    assert is_gone(template)
    assert [] == _children()


def _children() -> list[int]:
    """Return the workers that this process has started and that still run; browsers are not among them."""
    return [one.pid for one in psutil.Process().children(recursive=True) if is_worker(one)]


def is_worker(process: psutil.Process) -> bool:
    """Return whether a process carries the mark of a worker of this process."""
    try:
        return process.environ().get("CONVHARNESS_WORKER", "").startswith(f"{os.getpid()}-")
    except psutil.Error:
        return False


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("no")])
def test_an_interrupted_pass_leaves_no_process(error: BaseException, kernel: Kernels) -> None:
    """A pass that an exception or an interrupt ends leaves no copy and no template behind."""
    process, parent = kernel("process"), kernel("parent")
    found = []
    with pytest.raises(type(error)), pool_of(process) as pool, pool.fresh_hosts(0) as host:  # noqa: PT012 one is the other's
        found += [output_of(host(process)), output_of(host(parent))]
        raise error

    assert [True, True] == [is_gone(pid) for pid in found]
    assert [] == _children()


def test_copies_end_with_a_template_that_is_killed(kernel: Kernels) -> None:
    """The copies of a template that is killed end, and are reported as ended by its signal."""
    process, parent = kernel("process"), kernel("parent")
    with pool_of(process) as pool, pool.fresh_hosts(0) as host:
        one = host(process)
        copy = output_of(one)
        os.kill(output_of(host(parent)), signal.SIGKILL)
        gone = is_gone(copy)
        with pytest.raises(KernelError, match="was ended by SIGKILL"):
            output_of(one)

    assert gone


# Plugins that cannot be copied

STARTS_THREADS = "threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()"


@pytest.mark.parametrize(
    ("first", "is_copied"),
    [("", True), (STARTS_THREADS, False)],
)
def test_a_plugin_that_starts_threads_on_import_gets_a_new_process_in_each_pass(
    first: str, is_copied: bool, kernel: Kernels
) -> None:
    """A plugin that starts threads on import gets new processes, since a copy would lack the threads."""
    parent, counts = kernel("parent", first), kernel("counts", first)
    with pool_of(parent, counts) as pool:
        with pool.fresh_hosts(0) as host:
            one = host(counts)
            found = [output_of(host(parent)), output_of(one), output_of(one), output_of(host(counts))]
        with pool.fresh_hosts(0) as host:
            found.append(output_of(host(counts)))

    assert is_copied == (found[0] != os.getpid())
    assert [1, 2, 1, 1] == found[1:]
    assert [] == _children()


@pytest.mark.parametrize("is_there", [True, False])
def test_a_template_that_names_another_process_as_its_copy_ends_nothing(
    is_there: bool, kernel: Kernels
) -> None:
    """A template that names a process which is not its child is not trusted, and the process goes on."""
    with subprocess.Popen(["/bin/sleep", "60"], start_new_session=True) as bystander:
        named = bystander.pid if is_there else 2**22
        usurped = "sys.modules['convharness.workers.server'].Server._copied"
        counts = kernel("counts", f"{usurped} = lambda self, size: {named}")
        parent = kernel("parent", f"{usurped} = lambda self, size: {named}")
        with pool_of(counts) as pool, pool.fresh_hosts(0) as host:
            found = output_of(host(counts)), output_of(host(parent))
        is_alive = bystander.poll() is None
        bystander.kill()

    assert (1, os.getpid()) == found
    assert is_alive


def test_a_kernel_that_was_removed_from_its_file_is_reported(kernel: Kernels, tmp_path: Path) -> None:
    """A kernel that was removed from its file after it was examined fails with a message that says so."""
    one = kernel("process")
    text = (tmp_path / "telling.py").read_text("utf-8")
    (tmp_path / "telling.py").write_text(text.replace("def process(", "def has_another_name("), "utf-8")
    with (
        pool_of(one) as pool,
        pool.fresh_hosts(0) as host,
        pytest.raises(KernelError, match=r"telling\.py no longer holds telling\.process$"),
    ):
        output_of(host(one))


def test_a_file_that_hangs_in_its_template_is_a_timeout(
    kernel: Kernels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that hangs when its template loads it is loaded again in a process, where it times out."""
    one = kernel("process", "time.sleep(3600 if os.path.exists(__file__ + '.changed') else 0)")
    monkeypatch.setattr("convharness.workers.template.START_S", 0.5)
    monkeypatch.setattr("convharness.workers.remote.START_S", 0.2)
    Path(f"{one.source}.changed").write_text("", "utf-8")
    with pool_of(one, limits=Limits(call_s=0.3)) as pool, pool.fresh_hosts(0) as host:
        new = host(one)
        with pytest.raises(KernelError) as raised:
            output_of(new)

    assert "timeout" == raised.value.status


# Workers between their turns


@pytest.mark.parametrize("name", ["process", "leaves_a_thread"])
def test_an_idle_worker_is_stopped_between_its_turns(name: str, kernel: Kernels) -> None:
    """A worker with a rival is stopped, with all of its threads, whenever it has no turn."""
    one, other = kernel(name), kernel("process")
    with pool_of(one) as pool, pool.fresh_hosts(0) as host:
        new, beside = host(one), host(other)
        bound, pid = new.bind(PROBLEM, OPERANDS), process_of(new)
        bound.output()
        before = "T" in states_of(pid)
        rival = new.rival(one.name, [bound])
        found = [until(lambda: {"T"} == states_of(pid))]
        rival.warm_up(Effort(warmup_s=0.0))
        found.append(until(lambda: {"T"} == states_of(pid)))
        rival.sample(3, 2)
        found.append(until(lambda: {"T"} == states_of(pid)))
        worked = new.cpu_s()
        output_of(beside)
        assert worked == new.cpu_s()
        rival.once(OPERANDS.x)
        found.append(until(lambda: {"T"} == states_of(pid)))

    assert (False, [True] * 4) == (before, found)


def process_of(host: Host) -> int:
    """Return the process identifier of a host."""
    return host._process.pid


def test_a_stopped_worker_ends_with_its_pass(kernel: Kernels) -> None:
    """A worker that is stopped is ended with its pass without being asked."""
    one = kernel("process")
    with pool_of(one) as pool:
        with pool.fresh_hosts(0) as host:
            new = host(one)
            new.rival(one.name, [new.bind(PROBLEM, OPERANDS)])
            pid = process_of(new)
            assert until(lambda: "T" == state_of(pid))
        gone = is_gone(pid)

    assert gone


@pytest.mark.parametrize("name", ["processors", "uses_many_threads"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_worker_has_the_processors_that_it_is_given(name: str, threads: int, kernel: Kernels) -> None:
    """A worker that is pinned uses the given CPUs with all threads, also those that it starts later."""
    one = kernel(name)
    given = processors_in_turn(threads, 1)
    with pool_of(one, threads=threads) as pool, pool.fresh_hosts(0) as host:
        new, beside = host(one), host(kernel("processors"))
        new.pin(given)
        rival = new.rival(one.name, [new.bind(PROBLEM, OPERANDS)])
        rival.warm_up(Effort(warmup_s=0.0))
        rival.sample(1, 1)
        seen = rival.seen().y
        tasks = Path(f"/proc/{process_of(new)}/task").iterdir()
        allowed = [os.sched_getaffinity(int(task.name)) for task in tasks]
        of_others = output_of(beside)

    assert seen is not None
    assert {float(len(given))} == set(seen.ravel().tolist())
    assert [set(given)] * len(allowed) == allowed
    assert len(os.sched_getaffinity(0)) == of_others


def test_threads_that_a_worker_has_already_are_pinned_with_it(kernel: Kernels) -> None:
    """Pinning a worker pins all threads that it has already started."""
    one = kernel("leaves_a_thread")
    with pool_of(one) as pool, pool.fresh_hosts(0) as host:
        new = host(one)
        output_of(new)
        new.pin(processors_in_turn(1, 0))
        tasks = Path(f"/proc/{process_of(new)}/task").iterdir()
        allowed = [os.sched_getaffinity(int(task.name)) for task in tasks]

    assert 1 < len(allowed)
    assert [set(processors_in_turn(1, 0))] * len(allowed) == allowed
