"""The check of what was timed: the output of a timed call, at the timed size, on data of its own."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..accuracy import Accuracy, Truth
from ..arrays import Array
from ..reference import convolve, truth
from ..tensors import Operands
from .comparison import Doubles, first_beyond

WRONG_WHEN_TIMED = "right when verified, wrong when timed"


def timed_truth(layers: Sequence[tuple[Any, Operands]], accuracy: Accuracy) -> tuple[Doubles, Doubles]:
    """Return the true output of a chain and how far, elementwise, an implementation's may be.

    `layers` are (problem, operands), of which the first operands' x enters the chain. An error E of
    a layer's input grows the next layer's: its own bound is that of inputs as large as |x| + E, and
    |w|⋆E comes on top, because convolution is linear.
    """
    x: Array = layers[0][1].x.astype(np.float64)
    error: Doubles = np.zeros_like(x)
    for problem, operands in layers:
        own = Operands(x, operands.weight, operands.bias)
        true = truth(problem, own)
        largest = truth(problem, replace(own, x=np.abs(x) + error))
        allowed = accuracy.bound(_with_inputs_of(true, largest))
        error = allowed + convolve(problem, error, np.abs(operands.weight), None)
        x = true.y
    return x, error


def _with_inputs_of(true: Truth, largest: Truth) -> Truth:
    return replace(largest, y=true.y)


def wrong_when_timed(y: Array, expected: tuple[Doubles, Doubles]) -> str | None:
    """Return what is wrong with the output of a timed call, or None if it is right."""
    found = first_beyond(y, *expected)
    return None if found is None else f"{WRONG_WHEN_TIMED}: {found}"
