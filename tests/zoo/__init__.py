"""Mutants, which the oracle must refuse, and unusual kernels, which it must not refuse.

Every kernel is one function whose docstring says what is wrong, or unusual, about it.
"""

from . import unusual, wrong, wrong_memory, wrong_special, wrong_state, wrong_values  # noqa: F401 they fill the lists
from .convolution import RIGHT, WRONG, Mutant

__all__ = ["RIGHT", "WRONG", "Mutant"]
