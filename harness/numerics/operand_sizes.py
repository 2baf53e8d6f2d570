"""How large operands are: the maxima, sums and norms of which error bounds are made, computed once."""

from functools import cached_property
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
    def weight_sums(self) -> Doubles:
        """Return Σ|w| over the taps of each output and input channel, (O, C/groups)."""
        sums = np.zeros(self._weight.shape[:2])
        for block in blocks(self._weight.shape):
            part = np.abs(self._weight[block].astype(np.float64))
            sums[block[:2]] += part.sum(axis=tuple(range(2, part.ndim)))
        return sums

    @cached_property
    def weight_peak(self) -> float:
        """Return max|w|."""
        return float(largest(self._weight, self._weight.shape[:1]).max(initial=0))
