"""The protocol: each request has one reply, and nothing else is taken for it."""

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
    """Return the bytes that arrive of a message."""
    return framed(message)[4:]


def replied(request: Request[Any], reply: object) -> Reply:
    """Return what the parent makes of a reply to a request."""
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
def test_a_request_arrives_as_it_was(request_: Request[Any]) -> None:
    """With its number, and what the worker may forget."""
    question = Question("7", request_, (1, 2))

    assert question == decode_question(sent(question))


def test_a_worker_answers_every_request() -> None:
    """Those by which it is copied are answered where the copy is made."""
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
def test_a_reply_arrives_as_it_was(request_: Request[Any], reply: Reply) -> None:
    """Its own, an error, or a mistake where there can be one."""
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
def test_what_is_not_a_reply_to_the_request_is_refused(request_: Request[Any], reply: object) -> None:
    """Whatever it is a reply to, and whatever it would have said."""
    with pytest.raises(ValueError):
        replied(request_, reply)


@pytest.mark.parametrize(
    "message",
    [b"", b"5", b"{}", b'{"nonce": 7, "reply": {}}', b'{"nonce": "7"', b"\xff", b"[" * 100_000],
    ids=lambda message: repr(message[:9]),
)
def test_what_is_not_an_answer_is_refused(message: bytes) -> None:
    """Its reply is not looked at."""
    with pytest.raises(ValueError):
        decode_answer(message)


def test_a_reply_of_any_depth_is_refused() -> None:
    """However deep it is, the parent survives it."""
    deep = b'{"nonce": "7", "reply": ' + b'{"type":' * 100_000 + b"1" + b"}" * 100_000 + b"}"

    with pytest.raises(ValueError):
        decode_reply(Ping(), decode_answer(deep).reply)


def test_data_types_of_outputs_arrive() -> None:
    """All that NumPy has names for, and those of the problems."""
    names = ["bfloat16", "uint8xint8", "<f8", ">c16", "|O", "|V8", "<U5", "<M8[ns]", "<m8[25D]", "|b1", "|S0"]
    found = [replied(Call(1, 0, None), Returned(OutputFacts(misfit=Misfit((1,), name)))) for name in names]

    assert names == [reply.output.misfit.dtype for reply in found]


def test_a_request_takes_as_long_as_its_calls() -> None:
    """Those that are made at once may come one after the other, and are made once more alone."""
    limits = [one.limit_s(2.0) for one in (Ping(), Sample("a", 1, 1), CallConcurrently((1, 2), 5, 64))]

    assert [2.0, 4.0, 24.0] == limits


def test_the_parent_sleeps_while_something_is_timed() -> None:
    """And only then."""
    quiet = {kind.__name__ for kind in Request.__subclasses__() if kind.is_quiet}

    assert {"Sample", "TimeOnce", "WarmUp"} == quiet


def test_a_request_is_one_short_message() -> None:
    """Whatever it holds, it fits into one packet."""
    request = Bind(3, "n1c1h2w2-o1k1-float32", SharedOperands(ARRAY, ARRAY, ARRAY), "nan")

    assert 1000 > len(msgspec.json.encode(Question("7" * 16, request)))
