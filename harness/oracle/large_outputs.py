"""The check at size, for outputs that are too large to compute again in float64.

Convolution is linear in x and in the weights, so that any weighted sum of its outputs over samples
and channels is the convolution of weighted sums:
Σ_n s_n Σ_o r_o·y[n, o] = (Σ_n s_n·x_n) ⋆ (Σ_o r_o·w_o) + Σ_n s_n·Σ_o r_o·b_o. The right side has one
sample and one output channel, and costs 1/(N·O) of the whole. On whole numbers whose weighted sums
float64 holds, both sides are equal to the last bit, and one wrong element anywhere makes them differ.
Errors that cancel in one sum do not cancel in the next, whose coefficients are drawn anew.
"""

from dataclasses import dataclass
from math import isqrt, prod

import numpy as np

from ..numerics.accuracy import PRECISION, Accuracy, accumulator_bits
from ..numerics.arrays import Array
from ..numerics.operands import Operands, generator
from ..numerics.reference import convolve, take_padded
from ..problems.problem import Problem

_DRAWS = 2
_SAMPLES = 64
_LARGEST_SUM = 2**24
"""The data is chosen so that no output is larger."""


@dataclass(frozen=True)
class Projection:
    """Coefficients for samples and output channels, and the weighted sum that a right output has."""

    of_samples: Array
    of_channels: Array
    expected: Array


class AtSize:
    """The check of outputs of one problem on exact data, by weighted sums and some single elements."""

    def __init__(self, problem: Problem, operands: Operands, seed: int) -> None:
        self._problem = problem
        random = generator(problem, "at size", seed)
        self._projections = [_projection(problem, operands, random) for _ in range(_DRAWS)]
        samples = min(_SAMPLES, prod(problem.output_shape))
        flat = random.choice(prod(problem.output_shape), samples, replace=False)
        self._places = np.unravel_index(flat, problem.output_shape)
        self._elements = _elements(problem, operands, self._places)

    def complaint(self, y: Array) -> str | None:
        """Return what is wrong with an output, or None; a NaN is wrong."""
        got = y.astype(np.float64)
        off = np.flatnonzero(~(got[self._places] == self._elements))
        if off.size:
            index = ", ".join(str(int(axis[off[0]])) for axis in self._places)
            value, want = got[self._places][off[0]], self._elements[off[0]]
            return f"y[{index}] is {value:.9g}, want {want:.9g}"
        for one in self._projections:
            sums = np.tensordot(one.of_channels, np.tensordot(one.of_samples, got, 1), 1)
            wrong = np.argwhere(~(sums == one.expected))
            if len(wrong):
                place = ", ".join(map(str, wrong[0]))
                return f"a weighted sum over samples and channels of y[:, :, {place}] is wrong"
        return None


def is_decided_exactly(problem: Problem, accuracy: Accuracy) -> bool:
    """Say whether outputs on whole numbers are exact, so that weighted sums of them can be compared."""
    wide = PRECISION[problem.dtype] == accumulator_bits(problem.dtype)
    return accuracy.exact and accuracy.bits is None and wide and prod(problem.output_shape) > 0


def _projection(problem: Problem, operands: Operands, random: np.random.Generator) -> Projection:
    count = problem.batch_size * problem.out_channels
    most = max(1, isqrt(2**53 // (_LARGEST_SUM * count)))
    of_samples, of_channels = (
        random.integers(1, most, size, endpoint=True) * random.choice([-1.0, 1.0], size)
        for size in (problem.batch_size, problem.out_channels)
    )
    x = np.einsum("n,n...->...", of_samples, operands.x.astype(np.float64))[None]
    grouped = operands.weight.astype(np.float64).reshape(problem.groups, -1, *problem.weight_shape[1:])
    per_group = of_channels.reshape(problem.groups, -1)
    weight = np.einsum("go,go...->g...", per_group, grouped).reshape(
        1, problem.in_channels, *problem.kernel_size
    )
    one = problem.replace(batch_size=1, out_channels=1, groups=1, bias=False)
    expected = convolve(one, x, weight, None)[0, 0]
    if operands.bias is not None:
        expected += of_samples.sum() * (of_channels * operands.bias.astype(np.float64)).sum()
    return Projection(of_samples, of_channels, expected)


def _elements(problem: Problem, operands: Operands, places: tuple[Array, ...]) -> Array:
    """Return single elements of the true output, each as a convolution of the window that it reads."""
    values = []
    per_group = problem.out_channels // problem.groups
    channels = problem.in_channels // problem.groups
    taps = [np.arange(size) * d for size, d in zip(problem.kernel_size, problem.dilation, strict=True)]
    for sample, channel, *outputs in zip(*places, strict=True):
        first = channel // per_group * channels
        window = operands.x[sample, first : first + channels].astype(np.float64)
        for axis, output in enumerate(outputs):
            positions = taps[axis] + output * problem.stride[axis] - problem.pads[axis][0]
            window = take_padded(window, positions, axis + 1, problem.padding_mode)
        bias = 0.0 if operands.bias is None else float(operands.bias[channel])
        values.append(float((window * operands.weight[channel].astype(np.float64)).sum()) + bias)
    return np.array(values)
