"""Mutants, which the oracle must refuse, and unusual kernels, which it must not refuse.

Every kernel is one function whose docstring says what is wrong, or unusual, about it.
"""

from . import (  # noqa: F401 they fill the lists
    unusual,
    unusual_sizes,
    wrong,
    wrong_callers,
    wrong_large,
    wrong_memory,
    wrong_shortcuts,
    wrong_sizes,
    wrong_special,
    wrong_state,
    wrong_user_values,
    wrong_values,
)
from .convolution import RIGHT, RIGHT_ON, WRONG, Mutant, Oddity

__all__ = ["RIGHT", "RIGHT_ON", "WRONG", "Mutant", "Oddity"]
