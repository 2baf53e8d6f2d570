"""Messages between the parent and a worker: what is sent is what arrives."""

from convharness.plugins.broken import BrokenPlugin
from convharness.plugins.support import Unsupported
from convharness.workers.channel import framed, unframed


def received(message: object) -> object:
    """Return what arrives of a message."""
    found = unframed(bytearray(framed(message)))
    return found and found[0]


def test_values_arrive_as_their_fields() -> None:
    """The type of the answer is for the one who asked to know."""
    assert {"needs": "takes no bias", "got": None, "field": "bias"} == received(
        Unsupported("takes no bias", field="bias")
    )


def test_a_text_that_is_no_unicode_arrives_readable_wherever_it_stands() -> None:
    """A plugin may raise anything, and what it said may stand deep inside an answer."""
    broken = BrokenPlugin("import", "mine.py", "mine", "ValueError: lone \ud800")
    found = received({"answer": {"broken": (broken,)}})

    assert {"answer": {"broken": [{**vars(broken), "reason": "ValueError: lone \\ud800"}]}} == found
