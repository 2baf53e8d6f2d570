"""One worker process as its parent sees it: started, asked, watched, and ended with all that it left.

Linux only: it rests on `memfd`, `pidfd` and process groups.
"""

import contextlib
import ctypes
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from ..environment import thread_variables
from ..errors import PluginError
from ..kernel import KernelError
from . import channel
from .arena import Arena

_MARK = "CONVHARNESS_WORKER"
"""The environment variable by which processes that a kernel started are found, wherever they hide."""

_TICK_S = 0.1
"""How often a worker that takes long is looked at."""

_LOOK_OUT_S = 2e-4
_QUIETLY = frozenset({"warm_up", "sample", "once"})
"""Requests during which the parent sleeps, so that it takes nothing from what is timed."""

_LAST_WAIT_S = 5.0

_PR_SET_PDEATHSIG = 1  # prctl.h

_MOST_PROCESSES = 64
_MOST_PRINTED = 2**26
_KEPT_PRINTED = 4096
_BOOT = (
    # To end with the parent comes first of all: imports take their time.
    "import ctypes, sys; ctypes.CDLL(None).prctl(1, 9); sys.path += {path!r}\n"
    "from convharness.workers.child import main; main({channel}, {file}, {size})"
)


@dataclass(frozen=True)
class Limits:
    """What an implementation may take.

    `call_s` seconds for one call, `memory_bytes` for its process, without what it is handed.
    """

    call_s: float = 120.0
    memory_bytes: int = field(
        default_factory=lambda: os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    )


class Answer(msgspec.Struct):
    """What a worker may answer: what it was asked for, why a plugin is refused, or what was raised.

    It can only fail to give an output; it has no say in whether one is right.
    """

    nonce: str
    answer: Any = None
    refused: str | None = None
    raised: tuple[Literal["error", "memory", "contract"], str] | None = None


class Process:
    """A worker: an interpreter of its own, in a process group of its own, whose parent may end it.

    It starts isolated (`python -I`): no file of the working folder shadows a module there.
    """

    def __init__(self, limits: Limits, threads: int, *, alone: bool = True) -> None:
        self.limits = limits
        self._alone = alone
        self.arena = Arena()
        self._token = f"{os.getpid()}-{secrets.token_hex(8)}"
        own, other = socket.socketpair()
        reader, writer = os.pipe()
        boot = _BOOT.format(
            path=_module_path(), channel=other.fileno(), file=self.arena.file, size=self.arena.size
        )
        environment = {**os.environ, **thread_variables(threads), _MARK: self._token}
        self._popen = subprocess.Popen(  # noqa: S603 our own interpreter and words
            [sys.executable, "-I", "-c", boot],
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=writer,
            pass_fds=(other.fileno(), self.arena.file),
            start_new_session=True,
            env=environment,
        )
        os.close(writer)
        other.close()
        os.set_blocking(reader, False)
        self.pid = self._popen.pid
        self._channel = own
        self._printing = reader
        self._ended = os.pidfd_open(self.pid)
        self._received = bytearray()
        self._printed = bytearray()
        self._printed_bytes = 0
        self._poll = select.poll()
        for watched in (own.fileno(), reader, self._ended):
            self._poll.register(watched, select.POLLIN)
        self.is_alive = True

    def ask(self, word: str, kind: Any = None, *, within_s: float | None = None, **details: Any) -> Any:
        """Return the worker's answer to a request, which is of that kind: a type, or None for nothing.

        Raises `KernelError` for what the implementation raises there, and where the worker ends, or
        takes too much of anything, in which case it is ended.
        """
        nonce = secrets.token_hex(8)
        limit = self.limits.call_s if within_s is None else within_s
        if self._strays():
            raise self._ended_by_us("contract", "wrote into the harness's own channel")
        with contextlib.suppress(OSError):  # what has become of it shows at once
            self._channel.sendall(channel.framed({"nonce": nonce, "word": word, **details}))
        if self._alone and word not in _QUIETLY:
            self._look_out()
        answer = self._answer(limit)
        if not isinstance(answer, dict) or answer.get("nonce") != nonce or self._received:
            raise self._ended_by_us("contract", "wrote into the harness's own channel")
        try:
            told = msgspec.convert(answer, Answer)
            if told.refused is not None:
                raise PluginError(told.refused)
            if told.raised is not None:
                raise KernelError(*told.raised)
            return msgspec.convert(told.answer, kind)
        except msgspec.ValidationError as error:
            raise self._ended_by_us("contract", f"answered what nobody had asked: {error}") from None

    def printed(self) -> str | None:
        """Return the end of what it has printed, or None."""
        if self.is_alive:
            self._drain()
        text = bytes(self._printed).decode("utf-8", "replace").strip()
        return text or None

    def cpu_s(self) -> float:
        """Return the processor time that it has used, as the system counts it."""
        try:
            return time.clock_gettime((~self.pid << 3) | 2)  # as clock_getcpuclockid(3) makes it
        except OSError:
            return 0.0

    def waited_s(self) -> float:
        """Return for how long it, and this process, were ready to run and had to wait for a processor."""
        return sum(_run_delay_s(path) for path in (f"/proc/{self.pid}/schedstat", "/proc/self/schedstat"))

    def say_goodbye(self) -> None:
        """Tell an idle worker that nothing more will come, so that it ends by itself and tidies up."""
        if self.is_alive:
            with contextlib.suppress(OSError):
                self._channel.shutdown(socket.SHUT_WR)

    def end(self, grace_s: float = 0.0) -> None:
        """End it and all that it has started, and give its memory back; it may end by itself for so long."""
        if not self.is_alive:
            return
        self.is_alive = False
        if grace_s:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(grace_s)
        family = self._family()[1:]
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        for one in family:  # those that have left the group and cleaned their environment
            with contextlib.suppress(Exception):  # it may have gone
                one.kill()
        end_marked(self._token.__eq__)
        # Whoever traces it would have us wait for ever.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(_LAST_WAIT_S)
        self._drain()
        self._channel.close()
        for file in (self._printing, self._ended):
            os.close(file)
        self.arena.close()

    def _family(self) -> list[Any]:
        """Return the worker and the processes that descend from it, as far as the system knows."""
        import psutil

        try:
            worker = psutil.Process(self.pid)
            return [worker, *worker.children(recursive=True)]
        except psutil.Error:
            return []

    def _look_out(self) -> None:
        """Wait for a quick answer without going to sleep, from which it takes long to wake up."""
        end = time.monotonic() + _LOOK_OUT_S
        while time.monotonic() < end:
            try:
                self._received += self._channel.recv(2**16, socket.MSG_DONTWAIT)
            except OSError:
                os.sched_yield()
            else:
                return

    def _answer(self, limit: float) -> Any:
        """Return the next message; watch the worker while it takes its time."""
        start = time.monotonic()
        while True:
            try:
                message = channel.unframed(self._received)
            except ValueError:
                raise self._ended_by_us("contract", "wrote into the harness's own channel") from None
            if message is not None:
                del self._received[: message[1]]
                return message[0]
            left = start + limit - time.monotonic()
            if left <= 0:
                raise self._ended_by_us("timeout", f"gave no answer within {limit:g} s")
            self._listen(min(left, _TICK_S))

    def _listen(self, seconds: float) -> None:
        """Take in what comes from the worker; if nothing does, see what it is about."""
        ready = {file for file, _ in self._poll.poll(1000 * seconds)}
        if self._printing in ready:
            self._drain()
        if self._channel.fileno() in ready:
            data = self._read()
            if not data:
                raise self._gone()
            self._received += data
        elif self._ended in ready:
            raise self._gone()
        if not ready:
            self._watch()
        if self._printed_bytes > _MOST_PRINTED:
            raise self._ended_by_us("error", f"printed more than {_MOST_PRINTED // 2**20} MiB")

    def _read(self) -> bytes:
        try:
            return self._channel.recv(2**16)
        except OSError:
            return b""

    def _strays(self) -> bool:
        """Say whether something arrived that nobody asked for."""
        try:
            return bool(self._channel.recv(1, socket.MSG_DONTWAIT))
        except OSError:  # nothing there; should it have ended, the answer will tell
            return False

    def _drain(self) -> None:
        """Read what it printed, and keep the end of it."""
        while True:
            try:
                data = os.read(self._printing, 2**16)
            except OSError:
                return
            if not data:
                with contextlib.suppress(KeyError):
                    self._poll.unregister(self._printing)
                return
            self._printed_bytes += len(data)
            self._printed = (self._printed + data)[-_KEPT_PRINTED:]
            if self._printed_bytes > _MOST_PRINTED:
                return

    def _watch(self) -> None:
        """Look at memory and processes; raises `KernelError` if they are too many."""
        import psutil

        family = self._family()
        if len(family) > _MOST_PROCESSES:
            raise self._ended_by_us("contract", f"started more than {_MOST_PROCESSES} processes")
        used = 0
        for one in family:
            with contextlib.suppress(psutil.Error):
                memory = one.memory_info()
                used += memory.rss - memory.shared
        if used > self.limits.memory_bytes:
            raise self._ended_by_us("memory", f"took more than {_gib(self.limits.memory_bytes)} of memory")

    def _ended_by_us(self, status: str, reason: str) -> KernelError:
        self.end()
        return KernelError(status, reason)

    def _gone(self) -> KernelError:
        """Return why a worker that no longer answers does not."""
        try:
            code = self._popen.wait(_LAST_WAIT_S)
        except subprocess.TimeoutExpired:
            return self._ended_by_us("crashed", "closed the harness's channel")
        self.end()
        if code < 0:
            return KernelError("crashed", f"was ended by {_signal(-code)}")
        return KernelError("crashed", f"ended its own process, with exit code {code}")


def die_with_parent() -> None:
    """Let the system end this process when the one that started it ends, however that comes about."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def end_marked(wanted: Callable[[str], bool]) -> None:
    """End every process that bears a mark of a worker that is wanted, until none is left.

    A mark is the number of the process that has started the worker, a hyphen, and what is random.
    """
    import psutil

    for _ in range(20):
        left = [one for one in psutil.process_iter() if wanted(_mark_of(one))]
        for one in left:
            with contextlib.suppress(psutil.Error):
                one.kill()
        if not left:
            return
        psutil.wait_procs(left, timeout=1)


def _mark_of(process: Any) -> str:
    import psutil

    try:
        if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
            return ""
        return str(process.environ().get(_MARK, ""))
    except (psutil.Error, OSError):
        return ""


def _module_path() -> list[str]:
    """Return where modules are found, but for the working folder, unless somebody asked for that."""
    here = str(Path.cwd())
    asked = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return [entry for entry in sys.path if entry and (entry != here or entry in asked)]


def _run_delay_s(path: str) -> float:
    """Return how long a process's first thread has waited for a processor; 0 where nobody tells."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 it is asked for often, and a path is slow
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _gib(size: int) -> str:
    return f"{size / 2**30:.3g} GiB"
