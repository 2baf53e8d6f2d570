"""Invariance: on what the bits of an output depend besides its inputs, found and not judged."""

from typing import Any

from convharness.oracle import Oracle
from convharness.zoo.convolution import Asked, convolve, made
from tests.making import case_of

BATCH = "n4c3h6w7-o4k3-float32"
SINGLE = "n1c3h6w7-o4k3-float32"


def traits_of(body: Any, text: str, **keywords: Any) -> Any:
    """Return the traits of a body that passes."""
    verdict = Oracle().judge(made(body, **keywords), case_of(text))
    assert "passed" == verdict.status, verdict.reason
    return verdict.traits


def _backwards(asked: Asked) -> Any:
    """Sum over the channels from the last on."""
    return convolve(asked.but(x=asked.x[:, ::-1], weight=asked.weight[:, ::-1]))


def another_order_for_batches(asked: Asked) -> Any:
    """Sum in another order where there is more than one sample."""
    return _backwards(asked) if len(asked.x) > 1 and asked.groups == 1 else convolve(asked)


def another_order_for_the_first(asked: Asked) -> Any:
    """Sum in another order in the first sample of a batch."""
    y = convolve(asked)
    if len(y) > 1 and asked.groups == 1:
        y[:1] = _backwards(asked.but(x=asked.x[:1]))
    return y


def test_a_kernel_that_treats_all_samples_alike_is_invariant() -> None:
    """Whatever the batch of the problem is."""
    assert [True, True] == [traits_of(convolve, text)["batch_invariant"] for text in (BATCH, SINGLE)]


def test_bits_that_depend_on_the_batch_are_found() -> None:
    """Also if they depend on the place alone."""
    bodies = (another_order_for_batches, another_order_for_the_first)

    assert [False] * 4 == [
        traits_of(body, text)["batch_invariant"] for body in bodies for text in (BATCH, SINGLE)
    ]


def test_nothing_is_said_where_no_batch_can_be_tried() -> None:
    """A kernel for one sample has no batches."""
    assert "batch_invariant" not in traits_of(convolve, SINGLE, batch_size=1)


def test_threads_are_not_changed_in_the_process_of_the_program() -> None:
    """Only a worker can be given others."""
    verdict = Oracle(level="thorough").judge(made(convolve), case_of(SINGLE))

    assert "thread_invariant" not in verdict.traits
