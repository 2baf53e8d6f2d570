"""Calls from several threads: shared buffers are found, a caller's own are not held against a kernel."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convharness import Implementation
from convharness.execution.local_host import LocalHost
from convharness.oracle import Oracle
from convharness.oracle.layers.state.concurrency import _MOST_ELEMENTS, _enlarged, at_once
from convharness.oracle.trial import Trial
from convharness.problems.problem import Problem
from convharness.zoo.convolution import Asked, convolve, made, planned

PLAIN = "n2c3h6w7-o4k3-float32"

Scratch = Callable[[Any], Any]


def trial_of(implementation: Implementation, text: str = PLAIN) -> Trial:
    """Return a trial in this process."""
    return Oracle(level="thorough").trial(LocalHost(implementation), Problem.parse(text))


def through(scratch: Scratch) -> Callable[[Asked], Any]:
    """Return a body that computes into a scratch buffer and returns a copy of it."""

    def body(asked: Asked) -> Any:
        """Compute by way of a buffer."""
        y = convolve(asked)
        buffer = scratch(y)
        np.copyto(buffer, y)
        convolve(asked)  # the buffer is in use for half of the call
        return buffer.copy()

    return body


def shared() -> Scratch:
    """Return what gives every caller the same buffer for outputs of one shape."""
    kept: dict[Any, Any] = {}
    return lambda y: kept.setdefault((y.shape, y.dtype), np.empty_like(y))


def own() -> Scratch:
    """Return what gives every thread a buffer of its own."""
    kept = threading.local()

    def scratch(y: Any) -> Any:
        return kept.__dict__.setdefault(str((y.shape, y.dtype)), np.empty_like(y))

    return scratch


@pytest.mark.parametrize(("scratch", "statuses"), [(shared, {"passed", "wrong"}), (own, {"passed"})])
def test_a_buffer_that_callers_share_is_found(scratch: Callable[[], Scratch], statuses: set[str]) -> None:
    """And one that belongs to the thread is not held against a kernel."""
    found = list(at_once(trial_of(made(through(scratch())))))

    assert statuses == {verdict.status for verdict in found}


def test_a_buffer_that_plans_share_is_found() -> None:
    """Two plans may be used at once."""
    scratch = shared()
    one = planned(lambda asked: lambda x: through(scratch)(asked.but(x=x)), "planned")

    assert "wrong" in {verdict.status for verdict in at_once(trial_of(one))}


def test_a_buffer_of_the_plan_is_not_held_against_it() -> None:
    """A plan serves one caller at a time."""

    def with_a_buffer(asked: Asked) -> Any:
        """Plan with a buffer."""
        body = through(shared())
        return lambda x: body(asked.but(x=x))

    assert {"passed"} == {verdict.status for verdict in at_once(trial_of(planned(with_a_buffer)))}


@pytest.mark.parametrize(
    "text",
    [
        "n2c3h6w7-o4k3p1-float32",
        "n1c4h9w11-o4k3g4-float64",
        "n1c6w11-o4k3p1:2d2g2-reflect-float32",
        "n1c1d4h4w4-o1k1-float16",
        "n0c2h4w4-o2k3-float32",
    ],
)
def test_a_problem_is_enlarged_within_bounds(text: str) -> None:
    """Its kernel, stride, padding and type stay, and so does one group per channel."""
    small = trial_of(made(convolve), text)
    large = _enlarged(small, 16)
    kept = ("kernel_size", "stride", "padding", "dilation", "padding_mode", "bias", "dtype")

    if small.problem.batch_size == 0:
        assert large is None
        return
    assert large is not None
    assert [getattr(small.problem, name) for name in kept] == [getattr(large.problem, name) for name in kept]
    assert 8 * small.problem.dense_macs < large.problem.dense_macs < 256 * small.problem.dense_macs
    assert np.prod(large.problem.input_shape) < _MOST_ELEMENTS


def test_a_problem_is_enlarged_only_as_far_as_it_is_supported() -> None:
    """Where nothing larger is supported it stays as it is."""
    one = made(convolve, when=lambda problem: "too wide" if problem.input_size[0] > 6 else None)
    larger = _enlarged(trial_of(one), 4)
    assert larger is not None
    assert Problem.parse("n2c6h6w7-o8k3-float32") == larger.problem

    only = made(convolve, when=lambda problem: "another" if str(problem) != PLAIN else None)
    assert _enlarged(trial_of(only), 4) is None


def test_calls_at_once_are_told_from_those_alone() -> None:
    """Each binding is called as often as asked, then once more."""
    trial = trial_of(made(convolve))
    operands, true = trial.data_of(trial.sharp)
    seen = trial.host.at_once([trial.bound(operands) for _ in range(3)], 2)

    assert [2, 2, 2] == [len(outputs) for outputs in seen.at_once]
    assert [true.y.tolist()] * 3 == [one.y.tolist() for one in seen.alone if one.y is not None]
    assert seen.call_s > 0
