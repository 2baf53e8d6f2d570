"""The protocol: each request has replies of its own, and all other replies are refused."""

from typing import Any

import msgspec
import pytest

from convharness.measure.stopwatch import Effort
from convharness.plugins.support import Unsupported
from convharness.workers import request_handlers
from convharness.workers.channel import framed
from convharness.workers.protocol.messages import (
    Answer,
    Question,
    decode_answer,
    decode_question,
    decode_reply,
)
from convharness.workers.protocol.replies import (
    Done,
    FirstCallSeen,
    Misfit,
    Mistake,
    OutputFacts,
    Raised,
    Reply,
    Returned,
    Sampled,
    Support,
)
from convharness.workers.protocol.requests import (
    Bind,
    Call,
    CallConcurrently,
    CallFirst,
    CheckSupport,
    Copy,
    Ping,
    Reap,
    Request,
    Sample,
    SharedOperands,
    WarmUp,
)
from convharness.workers.shared_memory import SharedArray

ARRAY = SharedArray(block=(64, 32), start=64, shape=(2, 4), strides=(16, 4), dtype="float32")


def sent(message: object) -> bytes:
    """Return a message as bytes, without its length."""
    return framed(message)[4:]


def replied(request: Request[Any], reply: object) -> Reply:
    """Return a reply to a request as the parent decodes it."""
    return decode_reply(request, decode_answer(sent(Answer("7", reply))).reply)


@pytest.mark.parametrize(
    "request_",
    [
        Ping(),
        Bind(3, "n1c1h2w2-o1k1-float32", SharedOperands(ARRAY, ARRAY), "nan"),
        WarmUp("a", Effort(budget_s=7.0, cache="cold")),
        CallConcurrently((1, 2), 5, 64),
    ],
    ids=lambda request: type(request).__name__,
)
def test_a_request_arrives_unchanged(request_: Request[Any]) -> None:
    """A request arrives unchanged, with its number and the objects that the worker may release."""
    question = Question("7", request_, (1, 2))

    assert question == decode_question(sent(question))


def test_a_worker_answers_every_request() -> None:
    """A worker has an answer for every request, except for those that only templates answer."""
    assert set(Request.__subclasses__()) == {*request_handlers.ANSWERS, Copy, Reap}


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (Ping(), Done()),
        (CheckSupport("n1c1h2w2-o1k1-float32"), Support(Unsupported("takes no bias", field="bias"))),
        (Call(1, 0, None), Returned(OutputFacts(misfit=Misfit((2, 3), "<f8")))),
        (
            CallFirst("", SharedOperands(ARRAY, ARRAY), 0),
            FirstCallSeen(OutputFacts(), OutputFacts("a list"), None, None, None),
        ),
        (Sample("a", 1, 1), Sampled(0.5, 1.0)),
        (Ping(), Raised("error", "ValueError: no")),
        (CheckSupport(""), Mistake("its when= raised ValueError: no")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_reply_arrives_unchanged(request_: Request[Any], reply: Reply) -> None:
    """A reply arrives unchanged, whether it is a result, an exception, or a mistake of the declaration."""
    assert reply == replied(request_, reply)


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (Ping(), 5),
        (Ping(), {}),
        (Ping(), Sampled(0.5, 1.0)),
        (Ping(), Mistake("there is none in a ping")),
        (Ping(), {"type": "Done", "verdict": "passed"}),
        (Ping(), {"type": "Raised", "status": "passed", "reason": ""}),
        (Sample("a", 1, 1), Sampled(0.0, 1.0)),
        (Sample("a", 1, 1), Sampled(0.5, float("nan"))),
        (Sample("a", 1, 1), {"type": "Sampled", "call_s": "0.5", "lasted_s": 1.0}),
        (Call(1, 0, None), Returned(OutputFacts(misfit=Misfit((-1,), "float32")))),
        (Call(1, 0, None), Returned(OutputFacts(misfit=Misfit((1,), "(1,f4")))),
        (Copy(1), {"type": "Copied", "pid": 1}),
        (Copy(1), {"type": "Copied", "pid": -1}),
    ],
    ids=repr,
)
def test_a_reply_that_does_not_belong_to_the_request_is_refused(
    request_: Request[Any], reply: object
) -> None:
    """A reply of another type or with invalid values is refused."""
    with pytest.raises(ValueError):
        replied(request_, reply)


@pytest.mark.parametrize(
    "message",
    [b"", b"5", b"{}", b'{"nonce": 7, "reply": {}}', b'{"nonce": "7"', b"\xff", b"[" * 100_000],
    ids=lambda message: repr(message[:9]),
)
def test_a_message_that_is_not_an_answer_is_refused(message: bytes) -> None:
    """A message that is not an answer is refused before its reply is decoded."""
    with pytest.raises(ValueError):
        decode_answer(message)


def test_a_deeply_nested_reply_is_refused() -> None:
    """A reply nested 100 000 levels deep is refused without exhausting the stack."""
    deep = b'{"nonce": "7", "reply": ' + b'{"type":' * 100_000 + b"1" + b"}" * 100_000 + b"}"

    with pytest.raises(ValueError):
        decode_reply(Ping(), decode_answer(deep).reply)


def test_data_types_of_outputs_arrive() -> None:
    """The data types of an output arrive as their names, whether they are NumPy's or the problems'."""
    names = ["bfloat16", "uint8xint8", "<f8", ">c16", "|O", "|V8", "<U5", "<M8[ns]", "<m8[25D]", "|b1", "|S0"]
    found = [replied(Call(1, 0, None), Returned(OutputFacts(misfit=Misfit((1,), name)))) for name in names]

    assert names == [reply.output.misfit.dtype for reply in found]


def test_a_request_takes_as_long_as_its_calls() -> None:
    """The time limit of concurrent calls is that of the calls one after the other, and once more alone."""
    limits = [one.limit_s(2.0) for one in (Ping(), Sample("a", 1, 1), CallConcurrently((1, 2), 5, 64))]

    assert [2.0, 4.0, 24.0] == limits


def test_the_parent_sleeps_while_something_is_timed() -> None:
    """The parent is quiet exactly during the requests that time calls."""
    quiet = {kind.__name__ for kind in Request.__subclasses__() if kind.is_quiet}

    assert {"Sample", "TimeOnce", "WarmUp"} == quiet


def test_a_request_is_one_short_message() -> None:
    """The longest request is a message of fewer than 1000 bytes."""
    request = Bind(3, "n1c1h2w2-o1k1-float32", SharedOperands(ARRAY, ARRAY, ARRAY), "nan")

    assert 1000 > len(msgspec.json.encode(Question("7" * 16, request)))
