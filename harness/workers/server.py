"""What runs in a worker: it answers one request after the other until the parent has gone."""

import contextlib
import faulthandler
import os
import resource
import socket
import sys
from typing import cast

from ..errors import PluginError
from ..execution.kernel_call import KernelError
from ..machine import threads
from ..machine.process_tree import die_with_parent
from ..plugins.registry import Registry
from . import request_handlers
from .channel import framed, receive
from .protocol.messages import Answer, decode_question
from .protocol.replies import Copied, Ended, Mistake, Raised, Reply, Status
from .protocol.requests import Copy, Reap, Request
from .shared_memory import attached, protected

_LONGEST_TEXT = 1000


def main(channel: int, file: int, size: int) -> None:
    """Answer the requests that come through an open file; another is the parent's shared memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    Server(channel, file, size).serve()


class Server:
    """Answers what comes through a channel, with what this process holds."""

    def __init__(self, channel: int, file: int, size: int, registry: Registry | None = None) -> None:
        memory, read_only = attached(file, size), protected(file, size)
        os.close(file)
        self._connection = socket.socket(fileno=channel)
        self._state = request_handlers.State(memory, read_only, registry)

    def serve(self) -> None:
        """Answer until the parent has gone."""
        while (message := receive(self._connection)) is not None:
            question = decode_question(message)
            for bound in question.released:
                self._state.bound.pop(bound, None)
            reply = framed(Answer(question.nonce, self._reply(question.request)))
            self._state.end_copies()
            with contextlib.suppress(Exception):  # the implementation may have replaced or closed it
                sys.stdout.flush()
            self._connection.sendall(reply)

    def _reply(self, request: Request[Reply]) -> Reply:
        """Return the reply to a request, also where something went wrong."""
        try:
            return self._answer(request)
        except KernelError as error:
            return Raised(cast("Status", error.status), str(error)[:_LONGEST_TEXT])
        except BaseException as error:  # noqa: BLE001 an implementation may have broken anything here
            if request.may_be_mistaken and isinstance(error, PluginError):
                return Mistake(str(error)[:_LONGEST_TEXT])
            failure = KernelError.of(error)
            reason = f"broke the harness in its process: {failure}"[:_LONGEST_TEXT]
            return Raised("memory" if failure.status == "memory" else "contract", reason)

    def _answer(self, request: Request[Reply]) -> Reply:
        match request:
            case Copy(memory_size=size):
                return Copied(self._copied(size))
            case Reap(pid=pid):
                return Ended(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            case _:
                return request_handlers.answer(self._state, request)

    def _copied(self, size: int) -> int:
        """Make a copy of this process, which answers on a channel of its own; return its number."""
        _, files, _, _ = socket.recv_fds(self._connection, 1, 3)
        if threads.count() > 1:
            raise KernelError("error", "has started threads, which a copy would not have")
        copy = os.fork()
        if copy == 0:
            try:
                self._serve_as_copy(*files, size=size)
            finally:
                os._exit(0)
        for file in files:
            os.close(file)
        return copy

    def _serve_as_copy(self, channel: int, file: int, printing: int, *, size: int) -> None:
        """Serve, in the copy, as a fresh worker that has loaded what its template has loaded."""
        die_with_parent()
        os.setsid()
        for stream in (1, 2):
            os.dup2(printing, stream)
        os.close(printing)
        self._connection.close()
        Server(channel, file, size, self._state.registry).serve()
