"""The channel between the parent and a worker: how messages are sent, received and refused."""

import socket
import struct
from collections.abc import Iterator

import msgspec
import pytest

from convharness.plugins.broken import BrokenPlugin
from convharness.plugins.support import Unsupported
from convharness.workers.channel import LONGEST, Channel, framed, receive


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Yield both ends of a connection."""
    first, second = socket.socketpair()
    with first, second:
        yield first, second


def received(message: object) -> object:
    """Return a message as its receiver decodes it."""
    one, other = socket.socketpair()
    with one, other:
        one.sendall(framed(message))
        return msgspec.json.decode(receive(other) or b"")


def test_values_arrive_as_their_fields() -> None:
    """A value arrives as a mapping of its fields, without its type."""
    assert {"needs": "takes no bias", "got": None, "field": "bias"} == received(
        Unsupported("takes no bias", field="bias")
    )


def test_a_text_that_is_not_unicode_arrives_escaped() -> None:
    """A text that cannot be encoded arrives escaped, at any depth of a message."""
    broken = BrokenPlugin("import", "mine.py", "mine", "ValueError: lone \ud800")
    found = received({"answer": {"broken": (broken,)}})

    assert {"answer": {"broken": [{**vars(broken), "reason": "ValueError: lone \\ud800"}]}} == found


def test_messages_are_taken_one_by_one_however_they_arrive(ends: tuple[socket.socket, socket.socket]) -> None:
    """A channel returns messages one by one, and an incomplete one only when it is complete."""
    own, other = ends
    channel = Channel(own)
    data = framed([1]) + framed([2])
    other.sendall(data[:-1])
    channel.listen()
    found = [channel.message(), channel.message()]
    other.sendall(data[-1:])
    channel.listen()
    found.append(channel.message())

    assert [b"[1]", None, b"[2]"] == found
    assert not channel.holds_more


def test_a_message_that_is_too_long_is_refused_before_it_arrives(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    """A channel refuses a message by its announced length, before the message itself arrives."""
    own, other = ends
    channel = Channel(own)
    other.sendall(struct.pack("<I", LONGEST + 1))
    channel.listen()

    with pytest.raises(ValueError, match=f"a message of {LONGEST + 1} bytes"):
        channel.message()


def test_a_message_before_any_request_is_noticed(ends: tuple[socket.socket, socket.socket]) -> None:
    """A channel reports bytes that arrive while no request is open."""
    own, other = ends
    channel = Channel(own)
    before = channel.has_strays()
    other.sendall(b"x")

    assert [False, True] == [before, channel.has_strays()]


def test_a_closed_connection_is_noticed(ends: tuple[socket.socket, socket.socket]) -> None:
    """A closed connection is reported to the parent and to the worker."""
    own, other = ends
    other.close()

    assert not Channel(own).listen()
    assert None is receive(own)
