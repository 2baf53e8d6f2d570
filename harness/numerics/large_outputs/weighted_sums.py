"""Weighted sums of an output over samples and channels, and what they are in truth.

Convolution is linear in x and in the weights, so that a weighted sum of its outputs is the
convolution of weighted sums:
Σ_n s_n Σ_o r_o·y[n, o] = (Σ_n s_n·x_n) ⋆ (Σ_o r_o·w_o) + Σ_n s_n·Σ_o r_o·b_o.
That has one sample and one output channel, and costs 1/(N·O) of the whole. Inputs and outputs are
read strip by strip along the longest axis of the output, so that no copy is as large as they are.

What is missed. Where the output is off by E[n, o] at a position, the sum is off by sᵀ·E·r. A
single bad element of a position is never missed, because no coefficient is zero. If there are several, E·r
has an element that is not zero, whatever the other coefficients, for all but one of the m equally
likely values of one r_o, and sᵀ·(E·r) is not zero for all but one of the values of one s_n: one sum
misses with a probability of at most 2/m, and `SUMS` independent ones with (2/m)^SUMS, at each position.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from ...problems.problem import Problem
from ..accuracy import Array, Doubles
from ..blocks import BLOCK_ELEMENTS, blocks
from ..operands import Operands, generator
from ..reference import convolve, take_padded
from .single_elements import windows_of

SUMS = 2
"""How many sums are formed, each with coefficients of its own."""

_FEW = 16
"""Sums are kept where there are this many times as many elements; in float64 they then take at most half
of the memory of an output of 16 bits."""


@dataclass(frozen=True)
class Strip:
    """Consecutive outputs of one axis, all of the others."""

    axis: int
    start: int
    stop: int

    @property
    def index(self) -> tuple[slice, ...]:
        """Return the index of the strip in an output (N, O, *output_size)."""
        return (*(slice(None),) * (self.axis + 2), slice(self.start, self.stop))

    def place(self, position: tuple[int, ...]) -> tuple[int, ...]:
        """Return the position in the output of one in the strip."""
        return tuple(
            index + self.start if axis == self.axis else index for axis, index in enumerate(position)
        )


def strips(problem: Problem) -> Iterator[Strip]:
    """Yield strips of the output such that neither one of a sample nor what it reads is a large array."""
    axis = int(np.argmax(problem.output_size))
    outputs, step = problem.output_size[axis], problem.stride[axis]
    of_output = problem.out_channels * prod(problem.output_size) // outputs
    of_input = problem.in_channels * prod(problem.input_size) // problem.input_size[axis] * step
    length = max(1, BLOCK_ELEMENTS // max(of_output, of_input))
    for start in range(0, outputs, length):
        yield Strip(axis, start, min(start + length, outputs))


class WeightedSums:
    """Sums over samples and output channels of outputs on given operands: coefficients ±1 to ±`most`."""

    def __init__(self, problem: Problem, operands: Operands, seed: int, most: int) -> None:
        random = generator(problem, "weighted sums", seed)
        self._problem = problem
        self._operands = operands
        self._of_samples, self._of_channels = (
            random.integers(1, most, (SUMS, size), endpoint=True) * random.choice([-1.0, 1.0], (SUMS, size))
            for size in (problem.batch_size, problem.out_channels)
        )
        self._expected: dict[Strip, Doubles] = {}

    def of_output(self, y: Array, strip: Strip, unit: float | None) -> tuple[Doubles, Doubles]:
        """Return the sums of a strip of an output, (SUMS, positions), and how far it is from the lattice.

        With a `unit` each element counts as the nearest multiple of it, and the distance of a position is
        that of its farthest element, NaN if there is one; without, all distances are zero.
        """
        part = y[strip.index]
        channels, positions = self._problem.out_channels, prod(part.shape[2:])
        sums, distance = np.zeros((SUMS, positions)), np.zeros(positions)
        for samples in _chunks(len(y), channels * positions):
            values = part[samples].astype(np.float64).reshape(-1, channels, positions)
            if unit is not None:
                nearest = np.rint(values / unit) * unit
                distance = np.maximum(distance, np.abs(values - nearest).max(axis=(0, 1)))
                values = nearest
            # With so few products an element, memory is the limit: threads of a BLAS only wait.
            over_channels = np.einsum("do,nop->dnp", self._of_channels, values)
            sums += np.einsum("dn,dnp->dp", self._of_samples[:, samples], over_channels)
        return sums, distance

    def expected(self, strip: Strip) -> Doubles:
        """Return what the sums of a strip are in truth, (SUMS, positions), as float64 rounds them.

        They are kept where they are few beside the samples and channels that they are the sums of.
        """
        if strip in self._expected:
            return self._expected[strip]
        sums = self._computed(strip)
        elements = self._problem.batch_size * self._problem.out_channels
        if elements >= SUMS * _FEW:
            self._expected[strip] = sums
        return sums

    def row(self, position: tuple[int, ...], y: Array) -> Doubles:
        """Return by how much the first sum over the channels alone is off at a position, (N,)."""
        problem = self._problem
        one = problem.replace(out_channels=1, groups=1, bias=False)
        weight, bias = self._weight[0], 0.0
        if self._operands.bias is not None:
            bias = float(self._of_channels[0] @ self._operands.bias.astype(np.float64))
        off = np.empty(problem.batch_size)
        for samples in _chunks(problem.batch_size, max(problem.out_channels, weight.size)):
            numbers = np.arange(samples.start, samples.stop)
            places = (numbers, *(np.full(len(numbers), index) for index in (0, *position)))
            windows = windows_of(one, self._operands.x, places).astype(np.float64)
            at_position: tuple[Any, ...] = (samples, slice(None), *position)
            got = y[at_position].astype(np.float64) @ self._of_channels[0]
            off[samples] = got - bias - windows.reshape(len(numbers), -1) @ weight.reshape(-1)
        return off

    def _computed(self, strip: Strip) -> Doubles:
        problem, axis = self._problem, strip.axis
        first = strip.start * problem.stride[axis] - problem.pads[axis][0]
        length = (strip.stop - strip.start - 1) * problem.stride[axis] + problem.kernel_span[axis]
        x = self._x_at(axis, np.arange(first, first + length))
        sizes, padding = list(problem.input_size), list(problem.pads)
        sizes[axis], padding[axis] = length, (0, 0)
        one = problem.replace(
            batch_size=1,
            in_channels=SUMS * problem.in_channels,
            out_channels=SUMS,
            groups=SUMS,
            bias=False,
            input_size=tuple(sizes),
            padding=tuple(padding),
        )
        sums = convolve(one, x.reshape(one.input_shape), self._weight, None).reshape(SUMS, -1)
        sums += self._bias[:, None]
        return sums

    def _x_at(self, axis: int, positions: Array) -> Doubles:
        """Return the weighted sum of the samples at some positions of an axis, (SUMS, C, *sizes)."""
        problem = self._problem
        each = prod(problem.input_shape[1:]) // problem.input_size[axis] * len(positions)
        total: Doubles | float = 0.0
        for samples in _chunks(problem.batch_size, each):
            part = take_padded(self._operands.x[samples], positions, axis + 2, problem.padding_mode)
            total = total + np.einsum("dn,n...->d...", self._of_samples[:, samples], part.astype(np.float64))
        return np.asarray(total)

    @cached_property
    def _weight(self) -> Doubles:
        """Return the weighted sums of the weight, (SUMS, C, *kernel_size)."""
        problem = self._problem
        of_group = problem.out_channels // problem.groups
        total = np.zeros((SUMS, problem.groups, *problem.weight_shape[1:]))
        for block in blocks((problem.groups, of_group), max(1, BLOCK_ELEMENTS // problem.products)):
            coefficients = self._of_channels.reshape(SUMS, problem.groups, of_group)[(slice(None), *block)]
            grouped = self._operands.weight.reshape(problem.groups, of_group, *problem.weight_shape[1:])
            weight = grouped[block].astype(np.float64)
            total[:, block[0]] += np.einsum("dgo,go...->dg...", coefficients, weight)
        return total.reshape(SUMS, problem.in_channels, *problem.kernel_size)

    @cached_property
    def _bias(self) -> Doubles:
        """Return Σ_n s_n·Σ_o r_o·b_o, (SUMS,)."""
        if self._operands.bias is None:
            return np.zeros(SUMS)
        of_channels = self._of_channels @ self._operands.bias.astype(np.float64)
        over_all: Doubles = of_channels * self._of_samples.sum(axis=1)
        return over_all


def _chunks(count: int, each: int) -> Iterator[slice]:
    """Yield slices of `count` things, each of which is `each` elements."""
    step = max(1, BLOCK_ELEMENTS // max(1, each))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))
