"""Whether judging a problem fits into memory: a run that exhausts it would be ended by the system."""

from math import prod

from ..numerics.large_outputs.large_truth import FullReference
from ..problems.fields import ITEM_SIZES
from ..problems.problem import Problem

_GIB = 2**30
_BYTES_PER_ELEMENT = 120
"""Where all of an output is computed: operands as drawn and copied, the padded input, the true output."""

_BLOCKS_BYTES = 2**28
"""Where it is not: what is looked at together, in float64."""


def needed_bytes(problem: Problem, full: FullReference, *, contents: int = 1) -> int:
    """Return how many bytes judging a problem takes in the parent and the worker, beside the kernel's own.

    Each of the `contents` that are at hand at once is one of the parent's. The worker is given a copy of the
    latest. A call makes an output and a copy of it in the worker, and another one in shared memory and
    in the parent, of which one is left when the next is made.
    """
    if full.covers(problem):
        return _BYTES_PER_ELEMENT * problem.elements
    size = ITEM_SIZES[problem.dtype]
    operands = (prod(problem.input_shape) + problem.parameters) * size
    return (contents + 1) * operands + 5 * problem.output_bytes + _BLOCKS_BYTES


def too_large(problem: Problem, full: FullReference, *, contents: int = 1) -> str | None:
    """Return why the data of a problem and its true result do not fit into memory, or None if they do."""
    needed = needed_bytes(problem, full, contents=contents)
    if needed < _GIB:
        return None
    import psutil

    available = psutil.virtual_memory().available
    if needed < available:
        return None
    return f"judging it takes some {needed / _GIB:,.1f} GiB of memory, {available / _GIB:,.1f} GiB are free"
