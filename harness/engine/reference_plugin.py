"""The engine's own convolution as an implementation: a measure of the machine that no plugin can change.

It is loaded like a plugin's file, in processes of its own.
"""

from typing import Any

# By their installed names, as this file is loaded by its path.
from convharness.numerics.reference import convolve  # type: ignore[import-not-found]
from convharness.plugins.marks import implementation  # type: ignore[import-not-found]
from convharness.problems.problem import Problem  # type: ignore[import-not-found]


@implementation(ndim=(1, 2, 3), dtype=("float16", "bfloat16", "float32", "float64"))  # type: ignore[untyped-decorator]
def reference(x: Any, weight: Any, bias: Any, problem: Problem) -> Any:
    """Return the reference, rounded once at the end."""
    return convolve(problem, x, weight, bias).astype(x.dtype)
