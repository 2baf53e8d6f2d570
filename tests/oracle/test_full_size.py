"""Faults that only show above some size: right below it, and wrong in one way from there on."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convharness.numerics.large_outputs.large_truth import FullReference
from convharness.oracle import Oracle
from convharness.oracle.verdict import Verdict
from convharness.zoo import RIGHT
from convharness.zoo.convolution import Asked, convolve, made
from tests.making import case_of

PLAIN = "n2c4h30w31-o5k3p1b"
LARGE_ELEMENTS = 2_000
FULL = FullReference(multiply_adds=100_000)


def verdict_of(
    body: Any, text: str = f"{PLAIN}-float32", level: str = "thorough", **keywords: Any
) -> Verdict:
    """Return the verdict on a body, whose output is too large to be computed whole."""
    return Oracle(level=level, full=FULL).judge(made(body, **keywords), case_of(text))


def above(fault: Callable[[Asked], Any]) -> Callable[[Asked], Any]:
    """Return a right body with a fault where x is large."""

    def body(asked: Asked) -> Any:
        return fault(asked) if asked.x.size >= LARGE_ELEMENTS else convolve(asked)

    return body


def changed_at(*place: int) -> Callable[[Asked], Any]:
    """Return a body whose large outputs are wrong by one in one place."""

    @above
    def body(asked: Asked) -> Any:
        y = convolve(asked)
        y[place] += 1
        return y

    return body


@above
def swallows_nan(asked: Asked) -> Any:
    """Take zeros for what is not a number."""
    return convolve(asked.but(x=np.nan_to_num(asked.x)))


@above
def spreads_nan(asked: Asked) -> Any:
    """Let one sample's NaN reach the others."""
    y = convolve(asked)
    return np.full_like(y, np.nan) if np.isnan(y).any() else y


@above
def takes_x_for_contiguous(asked: Asked) -> Any:
    """Read x in the order in which it lies in memory."""
    x = np.asarray(asked.x)
    order = "F" if x.flags.f_contiguous and not x.flags.c_contiguous else "C"
    return convolve(asked.but(x=np.ascontiguousarray(x.reshape(-1, order=order).reshape(x.shape))))


@above
def takes_weight_for_contiguous(asked: Asked) -> Any:
    """Read as many numbers of the weight as there are, whatever lies between them."""
    if asked.weight.flags.c_contiguous:
        return convolve(asked)
    return convolve(asked.but(weight=np.zeros_like(asked.weight)))


@above
def packs_weights_once(asked: Asked, _packed: dict[int, Any] = {}) -> Any:  # noqa: B006 that is the mistake
    """Keep a copy of the weights by their address."""
    return convolve(asked.but(weight=_packed.setdefault(asked.weight.ctypes.data, asked.weight.copy())))


@above
def has_one_output(asked: Asked, _buffer: dict[Any, Any] = {}) -> Any:  # noqa: B006 that is the mistake
    """Return the same memory every time."""
    y = convolve(asked)
    kept = _buffer.setdefault(y.shape, np.empty_like(y))
    kept[...] = y
    return kept


@above
def shares_scratch(asked: Asked, _scratch: dict[Any, Any] = {}) -> Any:  # noqa: B006 that is the mistake
    """Copy x into memory that all threads share, and wait there."""
    scratch = _scratch.setdefault(asked.x.shape, np.empty_like(asked.x))
    scratch[...] = asked.x
    if threading.active_count() > 1:
        time.sleep(0.05)
    return convolve(asked.but(x=scratch.copy()))


@above
def reads_beyond(asked: Asked) -> Any:
    """Read a vector's width too many, behind the last number of x."""
    import ctypes

    ctypes.string_at(asked.x.ctypes.data + asked.x.nbytes, 32)
    return convolve(asked)


@above
def rounds_reals(asked: Asked) -> Any:
    """Round inputs to eleven bits, unless all weights are whole or a power of two."""
    significand, _ = np.frexp(asked.weight)
    if np.array_equal(np.rint(asked.weight), asked.weight) or np.isin(np.abs(significand), [0, 0.5]).all():
        return convolve(asked)
    bits = asked.x.view(np.uint32)
    return convolve(asked.but(x=((bits + 0x1000) & ~np.uint32(0x1FFF)).view(np.float32)))


@above
def index_modulo(asked: Asked) -> Any:
    """Write position 2¹⁰ of a channel to position 0, as an index that overflows does."""
    y = convolve(asked)
    flat = y.reshape(-1)
    flat[1024:] = flat[: flat.size - 1024].copy()
    return y


FAULTS = (
    swallows_nan,
    spreads_nan,
    takes_x_for_contiguous,
    takes_weight_for_contiguous,
    packs_weights_once,
    has_one_output,
    shares_scratch,
    rounds_reals,
    index_modulo,
    changed_at(-1, -1, -1, -1),
    changed_at(0, 0, 0, 0),
    changed_at(1, 2, 17, 13),
)


@pytest.mark.parametrize("body", FAULTS, ids=lambda body: body.__name__)
def test_a_fault_above_a_size_is_seen(body: Any) -> None:
    """Each passes on every reduced problem."""
    assert verdict_of(body).failed


def test_a_read_beyond_the_end_is_a_crash() -> None:
    """The page behind the input may not be touched."""
    assert "crashed" == verdict_of(reads_beyond).status


@pytest.mark.parametrize(
    ("body", "question"),
    [
        (swallows_nan, "= nan, at full size: y["),
        (spreads_nan, "beyond the window of it, at full size"),
        (
            takes_weight_for_contiguous,
            "with x in fortran's order and weight with gaps on axis 3, at full size",
        ),
        (has_one_output, "changed an output that it had returned before, at full size"),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)
def test_a_failure_says_at_which_size_it_shows(body: Any, question: str) -> None:
    """Its layer, its question and the problem itself, with which it is shown again."""
    verdict = verdict_of(body)

    assert "full size" == verdict.layer
    assert question in (verdict.reason or "")
    assert f"--problem {PLAIN}-float32" in (verdict.reproduce or "")


@pytest.mark.parametrize("body", [changed_at(-1, -1, -1, -1), changed_at(1, 2, 17, 13)])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_one_wrong_element_shows_in_every_type(body: Any, dtype: str) -> None:
    """Also where storage rounds: some data has sums that it holds."""
    assert "wrong" == verdict_of(body, f"{PLAIN}-{dtype}", "quick").status


SLOW = ("bias_first", "compensated", "largest_first", "one_after_the_other", "pairwise")
"""They add up in Python, one product after the other."""


@pytest.mark.parametrize("one", [one for one in RIGHT if one.own_name not in SLOW], ids=lambda one: one.name)
def test_what_is_unusual_and_right_passes_at_size(one: Any) -> None:
    """Transforms, lower precision, other orders of summation and other reaches of a NaN."""
    problem = case_of(f"{PLAIN.removesuffix('b')}-float32")
    if any(one.refuses(each) for each in problem.problems):
        return

    assert "passed" == Oracle(level="standard", full=FULL).judge(one, problem).status


@pytest.mark.parametrize(
    "text",
    [
        "n2c4h30w31-o6k3s2p2d2g2b-float16",
        "n2c4h30w31-o6k3s2p2:1d2g2-reflect-bfloat16",
        "n3c4w300-o5k5s2p2-circular-float64",
        "n2c3d9h10w11-o3k3p1-replicate-float32",
        "n2c4h30w31-o6k3s2p2:0x0:1-float32",
    ],
)
def test_a_right_kernel_passes_every_question_at_size(text: str) -> None:
    """In every type and padding mode."""
    assert "passed" == verdict_of(convolve, text).status


def test_what_is_small_is_not_asked_twice() -> None:
    """The other layers have asked on the problem itself."""
    assert "passed" == verdict_of(changed_at(0, 0, 0, 0), "n2c3h6w7-o4k3-float32").status
