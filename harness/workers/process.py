"""One worker process on its parent's side: asked, watched, and ended with all that it has started.

It is started as a new interpreter, see `spawn`, or as a copy of one that has loaded its libraries, see
`template`.

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
from typing import Protocol

import msgspec

from ..errors import PluginError
from ..execution.kernel_call import KernelError
from ..machine import process_tree
from ..machine.run_delay import RunDelay
from .channel import Channel
from .protocol.messages import Answer, Question, decode_answer, decode_reply
from .protocol.replies import Mistake, Raised
from .protocol.requests import ReplyType, Request
from .shared_memory import SharedMemory

_TICK_S = 0.1
"""How often a worker that takes long is looked at."""

_SPIN_S = 2e-4
"""How long the parent waits for a quick answer before it goes to sleep."""

_LAST_WAIT_S = 5.0

START_S = 120.0
"""How long an interpreter and a library may take to load on a busy machine."""

_MOST_PROCESSES = 64
_MOST_PRINTED = 2**26
_KEPT_PRINTED = 4096

_BREACH = "wrote into the harness's own channel"


@dataclass(frozen=True)
class Limits:
    """What an implementation may take.

    `call_s` seconds for one call, `memory_bytes` for its process, without what it is handed.
    """

    call_s: float = 120.0
    memory_bytes: int = field(
        default_factory=lambda: os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    )


class Started(Protocol):
    """A process that has been started, as `subprocess.Popen` has it."""

    @property
    def pid(self) -> int:
        """Return its number."""

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code; raises `subprocess.TimeoutExpired`."""


@dataclass(frozen=True)
class Ends:
    """What a worker is given by its parent: open files for messages, memory (and its size) and printing."""

    channel: int
    file: int
    size: int
    printing: int


Start = Callable[[Ends], Started]


class Process:
    """A worker: a process with a group of its own, which its parent may end at any time.

    `start` starts it. `mark` marks it and all that it starts, so that they are found when it ends; a copy
    bears the mark of its template, which sees to that. With `spins` the parent does not sleep while it
    waits for a quick answer.
    """

    def __init__(self, limits: Limits, start: Start, mark: str | None = None, *, spins: bool = True) -> None:
        self.limits = limits
        self.mark = mark
        self.memory = SharedMemory()
        self._spins = spins
        own, other = socket.socketpair()
        reader, writer = os.pipe()
        try:
            self._started = start(Ends(other.fileno(), self.memory.file, self.memory.size, writer))
        except BaseException:
            own.close()
            os.close(reader)
            self.memory.close()
            raise
        finally:
            os.close(writer)
            other.close()
        self.pid = self._started.pid
        self._channel = Channel(own)
        self._printing = Printing(reader)
        self._ended = os.pidfd_open(self.pid)
        self._run_delay = RunDelay(self.pid)
        self._poll = select.poll()
        for watched in (own.fileno(), reader, self._ended):
            self._poll.register(watched, select.POLLIN)
        self.is_alive = True
        self.asking = Lock()
        """Held while a request is open that another thread might make at the same time."""

    def ask(
        self,
        request: Request[ReplyType],
        *,
        within_s: float | None = None,
        files: Sequence[int] = (),
        released: Sequence[int] = (),
    ) -> ReplyType:
        """Return the worker's reply to a request.

        It may take as long as the request says, or `within_s` seconds. Open `files` go with it, and the
        worker forgets the bindings that are `released`.

        Raises `KernelError` for what the implementation raises there, and where the worker ends, or takes
        too much of anything, in which case it is ended; `PluginError` for a mistake in a plugin.
        """
        nonce = secrets.token_hex(8)
        if self._channel.has_strays():
            raise self._ended_by_us("contract", _BREACH)
        self._channel.send(Question(nonce, request, tuple(released)), files)
        if self._spins and not request.is_quiet:
            self._channel.spin(_SPIN_S)
        answer = self._answer(request.limit_s(self.limits.call_s) if within_s is None else within_s)
        if answer.nonce != nonce or self._channel.holds_more:
            raise self._ended_by_us("contract", _BREACH)
        try:
            reply = decode_reply(request, answer.reply)
        except ValueError as error:
            raise self._ended_by_us("contract", f"unexpected reply: {error}") from None
        if isinstance(reply, Raised):
            raise KernelError(reply.status, reply.reason)
        if isinstance(reply, Mistake):
            raise PluginError(reply.reason)
        return reply

    def printed(self) -> str | None:
        """Return the end of what it has printed, or None."""
        if self.is_alive:
            self._printing.read()
        return self._printing.end()

    def cpu_s(self) -> float:
        """Return the processor time that it has used, as the system counts it."""
        try:
            return time.clock_gettime((~self.pid << 3) | 2)  # as clock_getcpuclockid(3) makes it
        except OSError:
            return 0.0

    def waited_s(self) -> float:
        """Return how long its first thread was ready to run and had to wait for a CPU."""
        return self._run_delay.seconds()

    def pin(self, processors: Collection[int]) -> None:
        """Tie all of its threads to some processors; the threads that they start are tied likewise."""
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{self.pid}/task"):  # noqa: PTH208 names only
                os.sched_setaffinity(int(task), processors)

    def pause(self) -> None:
        """Stop it where it is, with all of its threads and the processes of its group, until `resume`."""
        self._signal_group(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal_group(signal.SIGCONT)

    def _signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def say_goodbye(self) -> None:
        """Tell an idle worker that no further request will come, so that it ends by itself and tidies up."""
        if self.is_alive:
            self._channel.shut()

    def end(self, grace_s: float = 0.0) -> None:
        """End it and all that it has started, and free its memory; it may end by itself for `grace_s`."""
        if not self.is_alive:
            return
        self.is_alive = False
        if grace_s:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._started.wait(grace_s)
        if self.mark is not None:
            process_tree.end_descendants(self.pid)
        self._signal_group(signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):  # a copy may be so new that it has no group yet
            signal.pidfd_send_signal(self._ended, signal.SIGKILL)
        if self.mark is not None:
            process_tree.end_marked(lambda mark, _: mark == self.mark)
        # A process that traces it can keep it from being reaped for ever.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._started.wait(_LAST_WAIT_S)
        self._printing.read()
        self._channel.close()
        self._printing.close()
        os.close(self._ended)
        self.memory.close()

    def _answer(self, limit_s: float) -> Answer[msgspec.Raw]:
        """Return the next answer; watch the worker while it takes its time."""
        end = time.monotonic() + limit_s
        while True:
            try:
                message = self._channel.message()
                if message is not None:
                    return decode_answer(message)
            except ValueError:
                raise self._ended_by_us("contract", _BREACH) from None
            left = end - time.monotonic()
            if left <= 0:
                raise self._ended_by_us("timeout", f"gave no answer within {limit_s:g} s")
            self._listen(min(left, _TICK_S))

    def _listen(self, seconds: float) -> None:
        """Receive what comes from the worker; if nothing does, look at what it takes."""
        ready = {file for file, _ in self._poll.poll(1000 * seconds)}
        if self._printing.file in ready and not self._printing.read():
            with contextlib.suppress(KeyError):
                self._poll.unregister(self._printing.file)
        if self._channel.fileno() in ready:
            if not self._channel.listen():
                raise self._gone()
        elif self._ended in ready:
            raise self._gone()
        if not ready:
            self._watch()
        if self._printing.size > _MOST_PRINTED:
            raise self._ended_by_us("error", f"printed more than {_MOST_PRINTED // 2**20} MiB")

    def _watch(self) -> None:
        """Look at memory and processes; raises `KernelError` for too much of either."""
        family = process_tree.family(self.pid)
        if len(family) > _MOST_PROCESSES:
            raise self._ended_by_us("contract", f"started more than {_MOST_PROCESSES} processes")
        if process_tree.private_bytes(family) > self.limits.memory_bytes:
            raise self._ended_by_us("memory", f"took more than {_gib(self.limits.memory_bytes)} of memory")

    def _ended_by_us(self, status: str, reason: str) -> KernelError:
        self.end()
        return KernelError(status, reason)

    def _gone(self) -> KernelError:
        """Return why a worker no longer answers."""
        try:
            code = self._started.wait(_LAST_WAIT_S)
        except subprocess.TimeoutExpired:
            return self._ended_by_us("crashed", "closed the harness's channel")
        self.end()
        if code < 0:
            name = _signal(-code)
            return KernelError("crashed", f"was ended by {name}", signal=name)
        return KernelError("crashed", f"ended its own process, with exit code {code}")


class Printing:
    """What a worker prints: the parent's end of a pipe, of which only the last bytes are kept."""

    def __init__(self, file: int) -> None:
        os.set_blocking(file, False)
        self.file = file
        self.size = 0
        self._kept = b""

    def read(self) -> bool:
        """Read what has been printed, no more than allowed; say whether more may come."""
        while self.size <= _MOST_PRINTED:
            try:
                data = os.read(self.file, 2**16)
            except OSError:
                return True
            if not data:
                return False
            self.size += len(data)
            self._kept = (self._kept + data)[-_KEPT_PRINTED:]
        return True

    def end(self) -> str | None:
        """Return the end of it as text, None where nothing was printed."""
        return self._kept.decode("utf-8", "replace").strip() or None

    def close(self) -> None:
        """Close the pipe."""
        os.close(self.file)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _gib(size: int) -> str:
    return f"{size / 2**30:.3g} GiB"
