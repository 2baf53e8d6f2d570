"""A series of calls: outputs that are in use are not given to others."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convharness.execution.host import Series
from convharness.execution.kernel_call import bind
from convharness.execution.series import called_in_series
from convharness.numerics.operands import reals
from convharness.oracle import Oracle
from convharness.problems.problem import Problem
from convharness.zoo.convolution import Asked, convolve, made
from tests.making import case_of

PLAIN = "n2c3h6w7-o4k3-float32"


def series_of(body: Callable[[Asked], Any], calls: int = 100) -> Series:
    """Return what is seen of a body."""
    problem = Problem.parse(PLAIN)
    return called_in_series(bind(made(body), problem, reals(problem, 0)), calls, 10.0)


def ring_of(buffers: int) -> Callable[[Asked], Any]:
    """Return a body whose outputs take turns in some buffers."""
    ring: list[Any] = []

    def body(asked: Asked) -> Any:
        """Write into the next buffer."""
        y = convolve(asked)
        if len(ring) < buffers or (ring[0].shape, ring[0].dtype) != (y.shape, y.dtype):
            ring[:] = [np.empty_like(y) for _ in range(buffers)]
        ring.append(ring.pop(0))
        ring[0][...] = y
        return ring[0]

    return body


def test_outputs_by_powers_of_two_stay_alive() -> None:
    """The others are let go."""
    seen = series_of(convolve)

    assert (7, 100, None, None) == (len(seen.outputs), seen.calls, seen.overlap, seen.other)


@pytest.mark.parametrize(("buffers", "overlap"), [(1, (1, 2)), (3, (1, 4)), (32, (1, 33)), (64, (1, 65))])
def test_a_ring_of_buffers_is_found(buffers: int, overlap: tuple[int, int]) -> None:
    """However long it is."""
    assert overlap == series_of(ring_of(buffers)).overlap


def test_outputs_that_lie_side_by_side_do_not_overlap() -> None:
    """Two halves of one buffer, or every second element of it, are apart."""
    shape = (2, 4, 4, 5)
    block = np.empty((*shape, 100), np.float32)
    count = [0]

    def body(asked: Asked) -> Any:
        """Write every hundredth element."""
        count[0] += 1
        y = block[..., count[0] - 1]
        y[...] = convolve(asked)
        return y

    assert (100, None) == (series_of(body).calls, series_of(convolve).overlap)


def test_the_first_output_that_differs_is_numbered() -> None:
    """Calls are equal, and so should outputs be."""
    count = [0]

    def body(asked: Asked) -> Any:
        """Be off in the seventieth call."""
        count[0] += 1
        return convolve(asked) + np.float32(count[0] == 70)

    assert 70 == series_of(body).other


@pytest.mark.parametrize(("level", "buffers"), [("standard", 32), ("thorough", 100)])
def test_a_ring_of_buffers_is_refused(level: str, buffers: int) -> None:
    """At the usual level a short one, and thoroughly a long one."""
    verdict = Oracle(level=level).judge(made(ring_of(buffers)), case_of(PLAIN))

    assert ("contract", "state") == (verdict.status, verdict.layer)
    assert "returned in call " in (verdict.reason or "")
