"""One worker process as its parent sees it: started, asked, watched, and ended with all that it left.

It is started as a new interpreter, or as a copy of one that has loaded its libraries, see `template`.

Linux only: it rests on `memfd`, `pidfd` and process groups.
"""

import contextlib
import os
import secrets
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Literal, Protocol

import msgspec

from ..errors import PluginError
from ..execution.kernel_call import KernelError
from ..machine import process_tree
from ..machine.run_delay import RunDelay
from . import channel
from .shared_memory import Arena

_TICK_S = 0.1
"""How often a worker that takes long is looked at."""

_LOOK_OUT_S = 2e-4
_QUIETLY = frozenset({"warm_up", "sample", "once"})
"""Requests during which the parent sleeps, so that it takes nothing from what is timed."""

_LAST_WAIT_S = 5.0

START_S = 120.0
"""How long an interpreter and a library may take to load on a busy machine."""

_MOST_PROCESSES = 64
_MOST_PRINTED = 2**26
_KEPT_PRINTED = 4096


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


class Started(Protocol):
    """A process that has been started, as `subprocess.Popen` has it."""

    @property
    def pid(self) -> int:
        """Return its number."""

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code; raises `subprocess.TimeoutExpired`."""


@dataclass(frozen=True)
class Ends:
    """What a worker is given of its parent's: the channel, shared memory and its size, where it prints."""

    channel: int
    file: int
    size: int
    printing: int


Start = Callable[[Ends], Started]


class Process:
    """A worker: a process with a group of its own, whose parent may end it.

    `start` starts it. `mark` marks it and all that it starts, so that they are found when it ends; a
    copy bears the mark of its template, which sees to that.
    """

    def __init__(self, limits: Limits, start: Start, mark: str | None = None, *, spins: bool = True) -> None:
        self.limits = limits
        self._spins = spins
        self.arena = Arena()
        self._mark = mark
        own, other = socket.socketpair()
        reader, writer = os.pipe()
        try:
            self._started = start(Ends(other.fileno(), self.arena.file, self.arena.size, writer))
        except BaseException:
            own.close()
            os.close(reader)
            self.arena.close()
            raise
        finally:
            os.close(writer)
            other.close()
        os.set_blocking(reader, False)
        self.pid = self._started.pid
        self._channel = own
        self._printing = reader
        self._ended = os.pidfd_open(self.pid)
        self._run_delay = RunDelay(self.pid)
        self._received = bytearray()
        self._printed = bytearray()
        self._printed_bytes = 0
        self._poll = select.poll()
        for watched in (own.fileno(), reader, self._ended):
            self._poll.register(watched, select.POLLIN)
        self.is_alive = True
        self.asking = Lock()
        """Held by whoever asks what other threads may ask at the same time."""

    def ask(
        self,
        word: str,
        kind: Any = None,
        *,
        within_s: float | None = None,
        files: Sequence[int] = (),
        **details: Any,
    ) -> Any:
        """Return the worker's answer to a request, which is of that kind: a type, or None for nothing.

        Open `files` go with the request.

        Raises `KernelError` for what the implementation raises there, and where the worker ends, or
        takes too much of anything, in which case it is ended.
        """
        nonce = secrets.token_hex(8)
        limit = self.limits.call_s if within_s is None else within_s
        if self._strays():
            raise self._ended_by_us("contract", "wrote into the harness's own channel")
        with contextlib.suppress(OSError):  # what has become of it shows at once
            self._channel.sendall(channel.framed({"nonce": nonce, "word": word, **details}))
            if files:
                socket.send_fds(self._channel, [b"f"], files)
        if self._spins and word not in _QUIETLY:
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

    @property
    def mark(self) -> str | None:
        """Return the mark that it and all that it starts bear, if that is its own."""
        return self._mark

    def waited_s(self) -> float:
        """Return for how long its first thread was ready to run and had to wait for a processor."""
        return self._run_delay.seconds()

    def pin(self, processors: Collection[int]) -> None:
        """Tie all of its threads to some processors; those that they start are tied likewise."""
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{self.pid}/task"):  # noqa: PTH208 names only
                os.sched_setaffinity(int(task), processors)

    def pause(self) -> None:
        """Stop it where it is, with all of its threads and those that it has started, until `resume`."""
        self._signal_group(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal_group(signal.SIGCONT)

    def _signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

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
                self._started.wait(grace_s)
        if self._mark is not None:
            process_tree.end_descendants(self.pid)
        self._signal_group(signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):  # a copy may be so new that it has no group yet
            signal.pidfd_send_signal(self._ended, signal.SIGKILL)
        if self._mark is not None:
            process_tree.end_marked(lambda mark, _: mark == self._mark)
        # Whoever traces it would have us wait for ever.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._started.wait(_LAST_WAIT_S)
        self._drain()
        self._channel.close()
        for file in (self._printing, self._ended):
            os.close(file)
        self.arena.close()

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
        family = process_tree.family(self.pid)
        if len(family) > _MOST_PROCESSES:
            raise self._ended_by_us("contract", f"started more than {_MOST_PROCESSES} processes")
        if process_tree.private_bytes(family) > self.limits.memory_bytes:
            raise self._ended_by_us("memory", f"took more than {_gib(self.limits.memory_bytes)} of memory")

    def _ended_by_us(self, status: str, reason: str) -> KernelError:
        self.end()
        return KernelError(status, reason)

    def _gone(self) -> KernelError:
        """Return why a worker that no longer answers does not."""
        try:
            code = self._started.wait(_LAST_WAIT_S)
        except subprocess.TimeoutExpired:
            return self._ended_by_us("crashed", "closed the harness's channel")
        self.end()
        if code < 0:
            name = _signal(-code)
            return KernelError("crashed", f"was ended by {name}", signal=name)
        return KernelError("crashed", f"ended its own process, with exit code {code}")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _gib(size: int) -> str:
    return f"{size / 2**30:.3g} GiB"
