"""A failure on another problem, called in between, is that problem's own, or one of state."""

from pathlib import Path

import pytest

from convharness import Record, Settings, Suite, run
from convharness.workers import examined
from tests.making import case_of

PLUGIN = '''
import numpy as np
from convharness import implementation


def convolved(x, weight):
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], (2, 3))
    return np.einsum("nchwij,ocij->nohw", windows, weight)


@implementation(dtype="float32")
def wrong_elsewhere(x, weight):
    """Flips kernels of more than three elements, and no others."""
    return convolved(x, weight[:, :, ::-1] if weight.shape[2] > 3 else weight)


PARITY = {}


@implementation(dtype="float32")
def remembers_by_shape(x, weight):
    """Keeps the size of the kernel by the shape of x alone."""
    size = PARITY.setdefault(x.shape, weight.shape[2:])
    return convolved(x, weight[:, :, : size[0], : size[1]])
'''
CASE = case_of("n1c2h9w8-o3k3-float32")


@pytest.fixture
def record_of(tmp_path: Path):
    """Return a function that judges an implementation of the plugin on the case."""
    path = tmp_path / "plugin.py"
    path.write_text(PLUGIN, "utf-8")
    held = {one.name: one for one in examined(path, "file", "plugin").implementations}

    def judged(name: str) -> Record:
        (record,) = run([Suite("mine", (CASE,))], [held[f"plugin.{name}"]], Settings())
        return record

    return judged


def test_a_failure_that_another_problem_has_by_itself_is_reported_on_that_problem(record_of) -> None:
    """Reason and reproducer name the problem on which the implementation is wrong."""
    verdict = record_of("wrong_elsewhere").verdict

    assert ("wrong", "exact") == (verdict.status, verdict.layer)
    assert (verdict.reason or "").startswith("on n1c2h9w8-o3k4-float32: y[")
    assert "--problem n1c2h9w8-o3k4-float32" in (verdict.reproduce or "")


def test_a_failure_that_needs_an_earlier_call_is_one_of_state(record_of) -> None:
    """Reason and reproducer name the problem that was asked, since the other one alone is right."""
    verdict = record_of("remembers_by_shape").verdict

    assert ("contract", "state") == (verdict.status, verdict.layer)
    assert "called in between" in (verdict.reason or "")
    assert f"--problem {CASE}" in (verdict.reproduce or "")
