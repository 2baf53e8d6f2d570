"""Mutants, which the oracle must refuse, and unusual kernels, which it must not refuse.

Every kernel is one function whose docstring says what is wrong, or unusual, about it.
"""

from . import (  # noqa: F401 they fill the lists
    unusual,
    wrong,
    wrong_memory,
    wrong_special,
    wrong_state,
    wrong_user_values,
    wrong_values,
)
from .convolution import RIGHT, WRONG, Mutant

__all__ = ["RIGHT", "WRONG", "Mutant"]
