"""Messages between the parent and a worker: a length, then JSON. Nothing is ever unpickled."""

import contextlib
import os
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from ..files.text import as_unicode

_LENGTH = struct.Struct("<I")

LONGEST = 2**24
"""Bytes of one message; arrays do not travel in messages."""

_CHUNK = 2**16

_encode = msgspec.json.Encoder(enc_hook=str).encode


def framed(message: Any) -> bytes:
    """Return a message as it is sent; text that is not Unicode is made so."""
    try:
        body = _encode(message)
    except UnicodeEncodeError:
        body = _encode(as_unicode(msgspec.to_builtins(message, enc_hook=str)))
    return _LENGTH.pack(len(body)) + body


def receive(connection: socket.socket) -> bytes | None:
    """Return the next message, in the worker; None when the parent has gone."""
    length = _exactly(connection, _LENGTH.size)
    return None if length is None else _exactly(connection, *_LENGTH.unpack(length))


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    received = bytearray()
    while len(received) < size:
        data = connection.recv(size - len(received))
        if not data:
            return None
        received += data
    return bytes(received)


class Channel:
    """The parent's end of a channel, on which anything may arrive."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._received = bytearray()

    def fileno(self) -> int:
        """Return the number of the open file, for `poll`."""
        return self._socket.fileno()

    @property
    def holds_more(self) -> bool:
        """Say whether more has been received than the messages that were taken."""
        return bool(self._received)

    def has_strays(self) -> bool:
        """Say whether something has arrived although no request is open."""
        try:
            return self.holds_more or bool(self._socket.recv(1, socket.MSG_DONTWAIT))
        except OSError:  # nothing is there; if the worker has ended, the next answer will show it
            return False

    def send(self, message: Any, files: Sequence[int] = ()) -> None:
        """Send a message, and open files with it; that the worker has ended will show in the answer."""
        with contextlib.suppress(OSError):
            self._socket.sendall(framed(message))
            if files:
                socket.send_fds(self._socket, [b"f"], files)

    def spin(self, seconds: float) -> None:
        """Receive what comes within a short time, without sleeping, from which it takes long to wake up."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self._received += self._socket.recv(_CHUNK, socket.MSG_DONTWAIT)
            except OSError:
                os.sched_yield()
            else:
                return

    def listen(self) -> bool:
        """Receive what has arrived; say whether the other end is still open."""
        try:
            data = self._socket.recv(_CHUNK)
        except OSError:
            return False
        self._received += data
        return bool(data)

    def message(self) -> bytes | None:
        """Take the first message that has been received, None while it is not complete.

        Raises `ValueError` for one that is too long.
        """
        if len(self._received) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._received)
        if length > LONGEST:
            raise ValueError(f"a message of {length} bytes")
        end = _LENGTH.size + length
        if len(self._received) < end:
            return None
        body = bytes(self._received[_LENGTH.size : end])
        del self._received[:end]
        return body

    def shut(self) -> None:
        """Tell the worker that no further message will come."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close it."""
        self._socket.close()
