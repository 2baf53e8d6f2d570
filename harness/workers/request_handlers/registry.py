"""Which function answers which type of request."""

from collections.abc import Callable
from typing import Any

from ..protocol.replies import Reply
from ..protocol.requests import ReplyType, Request
from .state import State

ANSWERS: dict[type[Request[Any]], Callable[[State, Any], Reply]] = {}


def answer(state: State, request: Request[ReplyType]) -> Reply:
    """Do what is asked and return the reply; raises whatever that raises."""
    return ANSWERS[type(request)](state, request)


def answers(
    kind: type[Request[ReplyType]],
) -> Callable[[Callable[[State, Any], ReplyType]], Callable[[State, Any], ReplyType]]:
    """Let a function answer the requests of a type; mypy sees that it returns their replies."""

    def register(function: Callable[[State, Any], ReplyType]) -> Callable[[State, Any], ReplyType]:
        ANSWERS[kind] = function
        return function

    return register
