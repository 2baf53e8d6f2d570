"""Messages between the parent and a worker: a length, then JSON. Nothing is ever unpickled.

Every request bears a number that is drawn for it, and is answered once, with that number.
"""

import socket
import struct
from typing import Any

import msgspec

from ..files.text import as_unicode

_LENGTH = struct.Struct("<I")

LONGEST = 2**24
"""Bytes of one message; arrays do not travel in messages."""

_encode = msgspec.json.Encoder(enc_hook=str).encode
_decode = msgspec.json.Decoder().decode


def framed(message: Any) -> bytes:
    """Return a message as it is sent; text that is not Unicode is made so."""
    try:
        body = _encode(message)
    except UnicodeEncodeError:
        body = _encode(as_unicode(msgspec.to_builtins(message, enc_hook=str)))
    return _LENGTH.pack(len(body)) + body


def unframed(received: bytearray) -> tuple[Any, int] | None:
    """Return the first message of what was received and its length, or None if there is more to come.

    Raises `ValueError` for what is no message.
    """
    if len(received) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack_from(received)
    if length > LONGEST:
        raise ValueError(f"a message of {length} bytes")
    end = _LENGTH.size + length
    if len(received) < end:
        return None
    try:
        return _decode(bytes(received[_LENGTH.size : end])), end
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from None


def receive(channel: socket.socket) -> Any:
    """Return the next message, in the worker; None when the parent has gone."""
    received = bytearray()
    while True:
        wanted = (
            _LENGTH.size if len(received) < _LENGTH.size else _LENGTH.size + _LENGTH.unpack_from(received)[0]
        )
        data = channel.recv(wanted - len(received))
        if not data:
            return None
        received += data
        if (message := unframed(received)) is not None:
            return message[0]
