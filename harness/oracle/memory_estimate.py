"""Whether judging a problem fits into memory: a run that exhausts it would be ended by the system."""

from math import prod

from ..problems.problem import Problem

_GIB = 2**30
_DOUBLES_PER_ELEMENT = 8
"""At the peak: numbers as drawn, operands, their copies, the padded input, the true output."""


def too_large(problem: Problem) -> str | None:
    """Return why the data of a problem and its true result do not fit into memory, or None if they do."""
    elements = prod(problem.input_shape) + problem.parameters + prod(problem.output_shape)
    needed = 8 * _DOUBLES_PER_ELEMENT * elements
    if needed < _GIB:
        return None
    import psutil

    available = psutil.virtual_memory().available
    if needed < available:
        return None
    return f"judging it takes some {needed / _GIB:,.0f} GiB of memory, {available / _GIB:,.0f} GiB are free"
