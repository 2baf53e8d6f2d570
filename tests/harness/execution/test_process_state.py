"""Process state: a change by a call is noticed, named and undone."""

import decimal
import os
import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convharness.execution.process_state import ProcessState


def _replace_clock() -> None:
    time.perf_counter = lambda: 0.0


CHANGES: dict[str, tuple[str, Callable[[], Any]]] = {
    "error handling": ("numpy's error handling", lambda: np.seterr(all="ignore")),
    "numpy's random numbers": ("numpy's random generator", np.random.rand),
    "Python's random numbers": ("Python's random generator", random.random),
    "environment": ("the environment", lambda: os.environ.update(CONVHARNESS_TEST="1")),
    "folder": ("the working folder", lambda: os.chdir("/")),
    "printing": ("numpy's way to print", lambda: np.set_printoptions(precision=3)),
    "clock": ("time.perf_counter", _replace_clock),
}


@pytest.mark.parametrize(("name", "change"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_named(name: str, change: Callable[[], Any]) -> None:
    """A change of the process state is reported by the name of what was changed."""
    with ProcessState() as state:
        change()
        found = state.changed()

    assert name == found


@pytest.mark.parametrize(("name", "change"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_undone(name: str, change: Callable[[], Any]) -> None:
    """A change of the process state is undone after the call."""
    with ProcessState() as before, np.errstate():
        with ProcessState():
            change()
        found = before.changed()

    assert found in (None, "numpy's error handling")


def test_no_change_is_reported_without_one() -> None:
    """No change is reported if the call only reads the process state."""
    with ProcessState() as state:
        decimal.getcontext()
        found = state.changed()

    assert found is None


def test_a_plan_may_draw_random_numbers() -> None:
    """Drawing random numbers is allowed while a plan is made."""
    with ProcessState() as state:
        random.random()
        found = state.changed(but_random=True)

    assert found is None
