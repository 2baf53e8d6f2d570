"""Messages between the parent and a worker: what is sent is what arrives."""

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
    """Return both ends of a connection."""
    first, second = socket.socketpair()
    with first, second:
        yield first, second


def received(message: object) -> object:
    """Return what arrives of a message."""
    one, other = socket.socketpair()
    with one, other:
        one.sendall(framed(message))
        return msgspec.json.decode(receive(other) or b"")


def test_values_arrive_as_their_fields() -> None:
    """Their type is for the receiver to know."""
    assert {"needs": "takes no bias", "got": None, "field": "bias"} == received(
        Unsupported("takes no bias", field="bias")
    )


def test_a_text_that_is_no_unicode_arrives_readable_wherever_it_stands() -> None:
    """A plugin may raise anything, and its text may stand deep inside a reply."""
    broken = BrokenPlugin("import", "mine.py", "mine", "ValueError: lone \ud800")
    found = received({"answer": {"broken": (broken,)}})

    assert {"answer": {"broken": [{**vars(broken), "reason": "ValueError: lone \\ud800"}]}} == found


def test_messages_are_taken_one_by_one_however_they_arrive(ends: tuple[socket.socket, socket.socket]) -> None:
    """The second one is taken once the rest of it has arrived."""
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
    """A worker may announce any length."""
    own, other = ends
    channel = Channel(own)
    other.sendall(struct.pack("<I", LONGEST + 1))
    channel.listen()

    with pytest.raises(ValueError, match=f"a message of {LONGEST + 1} bytes"):
        channel.message()


def test_what_answers_no_request_is_noticed(ends: tuple[socket.socket, socket.socket]) -> None:
    """It has arrived before anything was asked."""
    own, other = ends
    channel = Channel(own)
    before = channel.has_strays()
    other.sendall(b"x")

    assert [False, True] == [before, channel.has_strays()]


def test_a_closed_connection_is_told_from_a_silent_one(ends: tuple[socket.socket, socket.socket]) -> None:
    """Both to the parent and to the worker."""
    own, other = ends
    other.close()

    assert not Channel(own).listen()
    assert None is receive(own)
