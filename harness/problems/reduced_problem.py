"""A reduced problem of the same kind as a large one, on which many calls cost little."""

from collections.abc import Iterator

from .problem import Problem

_SMALL_MACS = 30_000
_OUTPUTS = 4
_CHANNELS = 3


def smaller(problem: Problem) -> Problem:
    """Return the problem itself if it is small, else the smallest one of its kind."""
    return next(smaller_ones(problem), problem)


def smaller_ones(problem: Problem) -> Iterator[Problem]:
    """Yield smaller problems of the same kind, the smallest first; none if the problem is small.

    Kernel size, stride, padding, dilation, padding mode, bias and data type stay, and so does the
    kind of grouping: one group, several, one per channel. The later ones are for an implementation that
    refuses the first: they keep the channels, then the size of the image.
    """
    if problem.dense_macs <= _SMALL_MACS:
        return
    groups = min(problem.groups, 2)
    inputs = min(problem.in_channels // problem.groups, _CHANNELS)
    outputs = min(problem.out_channels // problem.groups, _CHANNELS)
    channels = {"groups": groups, "in_channels": groups * inputs, "out_channels": groups * outputs}
    size = {"input_size": tuple(_length(problem, axis) for axis in range(problem.ndim))}
    for kept in (channels | size, size, channels, {}):
        one = problem.replace(batch_size=min(problem.batch_size, 2), **kept)
        if one != problem:
            yield one


def _length(problem: Problem, axis: int) -> int:
    """Return an input size that gives a few outputs, is large enough for the padding and not all cropped."""
    before, after = problem.pads[axis]
    needed = problem.kernel_span[axis] + (_OUTPUTS - 1) * problem.stride[axis] - before - after
    left = 1 - min(before, 0) - min(after, 0)
    padded = max(before, after, 0) + 1 if problem.padding_mode in ("reflect", "circular") else 1
    return min(problem.input_size[axis], max(needed, left, padded))
