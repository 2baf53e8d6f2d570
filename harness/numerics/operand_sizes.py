"""How large operands are: the maxima, sums and norms of which error bounds are made, computed once."""

from collections.abc import Callable
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blocks import blocks, largest

Array = NDArray[Any]
Doubles = NDArray[np.float64]


class OperandSizes:
    """The sizes of an input (N, C, *size) and a weight (O, C/groups, *kernel), each computed on first use."""

    def __init__(self, x: Array, weight: Array) -> None:
        self._x = x
        self._weight = weight

    @cached_property
    def x_peaks(self) -> Doubles:
        """Return max|x| of each sample and channel, (N, C)."""
        return largest(self._x, self._x.shape[:2])

    @cached_property
    def x_peak(self) -> float:
        """Return max|x|."""
        return float(self.x_peaks.max(initial=0))

    @cached_property
    def x_norms(self) -> Doubles:
        """Return the 2-norm of each sample of x, (N,), with no square leaving the range."""
        scale = self.x_peak or 1.0
        squares = np.zeros(len(self._x))
        for block in blocks(self._x.shape):
            part = self._x[block].astype(np.float64) / scale
            squares[block[0]] += np.square(part).sum(axis=tuple(range(1, part.ndim)))
        norms: Doubles = scale * np.sqrt(squares)
        return norms

    @cached_property
    def x_squares(self) -> Doubles:
        """Return the mean of x² over the positions of each sample and channel, (N, C)."""
        return _per_channel(self._x, np.square) / max(1, prod(self._x.shape[2:]))

    @cached_property
    def x_means(self) -> Doubles:
        """Return the mean of x over the positions of each sample and channel, (N, C)."""
        return _per_channel(self._x, np.asarray) / max(1, prod(self._x.shape[2:]))

    @cached_property
    def weight_squares(self) -> Doubles:
        """Return Σw² over the taps of each output and input channel, (O, C/groups)."""
        return _per_channel(self._weight, np.square)

    @cached_property
    def weight_totals(self) -> Doubles:
        """Return Σw over the taps of each output and input channel, (O, C/groups)."""
        return _per_channel(self._weight, np.asarray)

    @cached_property
    def most_weights(self) -> int:
        """Return how many weights of a filter are not zero, at most."""
        return int(_per_channel(self._weight, lambda part: part != 0).sum(axis=1).max(initial=0))

    @cached_property
    def weight_sums(self) -> Doubles:
        """Return Σ|w| over the taps of each output and input channel, (O, C/groups)."""
        return _per_channel(self._weight, np.abs)

    @cached_property
    def weight_peak(self) -> float:
        """Return max|w|."""
        return float(largest(self._weight, self._weight.shape[:1]).max(initial=0))


def _per_channel(array: Array, of: Callable[[Doubles], Array]) -> Doubles:
    """Return the sums of what is made of the elements of an array, over all axes but the first two."""
    sums = np.zeros(array.shape[:2])
    for block in blocks(array.shape):
        part = of(array[block].astype(np.float64))
        sums[block[:2]] += part.sum(axis=tuple(range(2, part.ndim)))
    return sums
