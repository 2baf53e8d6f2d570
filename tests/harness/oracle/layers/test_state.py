"""The state layer: what one call leaves behind for the next."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convharness.oracle import Oracle
from convharness.oracle.layers.state.neighbours import neighbours
from convharness.oracle.verdict import FAILURES
from convharness.problems.problem import Problem
from convharness.zoo.convolution import Asked, convolve, made
from tests.making import case_of

TEXT = "n2c4h7w6-o4k3p1g2b-float32"

PARAMETERS: dict[str, Callable[[Asked], Any]] = {
    "kernel_size": lambda asked: asked.weight.shape[2:],
    "stride": lambda asked: asked.stride,
    "pads": lambda asked: asked.pads,
    "dilation": lambda asked: asked.dilation,
    "groups": lambda asked: asked.groups,
    "out_channels": lambda asked: len(asked.weight),
    "bias": lambda asked: asked.bias is None,
    "padding_mode": lambda asked: asked.padding_mode,
    "dtype": lambda asked: asked.x.dtype,
}


def _remembering(key: Callable[[Asked], Any], parameter: str) -> Callable[[Asked], Any]:
    """Return a body that fails where a parameter is another than at the first call with the same key."""
    known: dict[Any, Any] = {}

    def body(asked: Asked) -> Any:
        """Compute, and go wrong where what is remembered does not fit."""
        value = PARAMETERS[parameter](asked)
        y = convolve(asked)
        return y if known.setdefault(key(asked), value) == value else np.full_like(y, 7)

    return body


def _judged(body: Callable[[Asked], Any], level: str = "thorough", text: str = TEXT) -> Any:
    return Oracle(level=level).judge(made(body), case_of(text))


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_what_is_remembered_by_the_shape_of_x_alone_is_found(parameter: str) -> None:
    """Problems with the same x and each other parameter changed are asked in between."""
    verdict = _judged(_remembering(lambda asked: asked.x.shape, parameter))

    assert verdict.status in FAILURES


@pytest.mark.parametrize("parameter", ["stride", "pads", "dilation", "groups", "padding_mode"])
def test_what_is_remembered_by_the_shape_of_the_weight_alone_is_found(parameter: str) -> None:
    """Problems with the same weight and each other parameter changed are asked in between."""
    verdict = _judged(_remembering(lambda asked: asked.weight.shape, parameter))

    assert ("wrong", "state") == (verdict.status, verdict.layer)


def test_another_kernel_on_the_same_x_is_asked_at_the_usual_level() -> None:
    """It is what a network does in two layers of equal input."""
    verdict = _judged(_remembering(lambda asked: asked.x.shape, "kernel_size"), "standard")

    assert ("wrong", "state") == (verdict.status, verdict.layer)


def test_no_neighbour_is_asked_twice_nor_is_the_problem_itself() -> None:
    """Changes that come to nothing are left out."""
    problem = Problem.parse("n1c1h4w4-o1k1-float32")
    found = list(neighbours(problem, thorough=True))

    assert len(found) == len({problem, *found}) - 1


def test_an_empty_batch_is_asked_at_the_usual_level() -> None:
    """A kernel may raise on it, and may not go wrong on it."""

    def ignoring(asked: Asked) -> Any:
        """Return one sample where there is none."""
        return convolve(asked) if len(asked.x) else np.zeros((1, 1, 1, 1), asked.x.dtype)

    verdict = _judged(ignoring, "standard")
    assert ("contract", "layout") == (verdict.status, verdict.layer)
    assert (verdict.reason or "").startswith("with an empty batch: returned shape (1, 1, 1, 1)")
