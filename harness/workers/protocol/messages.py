"""Messages: a question holds a request, an answer a reply, which is decoded by the request's type."""

from functools import cache
from typing import Any, Generic, TypeVar, Union, cast, get_args

import msgspec

from .replies import Mistake, Raised
from .requests import ReplyType, Request

Body = TypeVar("Body")


class Question(msgspec.Struct, Generic[Body], frozen=True):
    """One request, with a random number that the answer repeats.

    The worker may forget the bindings that are `released`.
    """

    nonce: str
    request: Body
    released: tuple[int, ...] = ()


class Answer(msgspec.Struct, Generic[Body], frozen=True, forbid_unknown_fields=True):
    """The reply to the request that had this number."""

    nonce: str
    reply: Body


_decode_answer = msgspec.json.Decoder(Answer[msgspec.Raw]).decode


def decode_question(message: bytes) -> Question[Request[Any]]:
    """Return what the parent asks."""
    return _question_decoder().decode(message)


def decode_answer(message: bytes) -> Answer[msgspec.Raw]:
    """Return an answer, whose reply is not decoded yet; raises `ValueError` for anything else."""
    try:
        return _decode_answer(message)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from None


def decode_reply(request: Request[ReplyType], body: msgspec.Raw) -> ReplyType | Raised | Mistake:
    """Return the reply to a request; raises `ValueError` for one that is not a reply to it."""
    try:
        return cast("ReplyType | Raised | Mistake", _reply_decoder(type(request)).decode(body))
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(str(error)) from None


@cache
def _question_decoder() -> msgspec.json.Decoder[Question[Request[Any]]]:
    kinds: Any = Union[tuple(Request.__subclasses__())]  # noqa: UP007 of all requests there are
    return msgspec.json.Decoder(Question[kinds])


@cache
def _reply_decoder(kind: type[Request[Any]]) -> msgspec.json.Decoder[Any]:
    """Return what decodes the type that stands in the brackets behind `Request`, and errors."""
    bases: Any = kind.__orig_bases__  # type: ignore[attr-defined]
    (reply,) = get_args(bases[0])
    return msgspec.json.Decoder(reply | Raised | Mistake if kind.may_be_mistaken else reply | Raised)
