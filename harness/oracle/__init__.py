"""The oracle: judges one implementation on one problem, layer by layer, against the true result.

It draws the data, holds the expected values and never times anything. The first layer that fails
names itself in the verdict.
"""

from .judge import LEVELS, Oracle

__all__ = ["LEVELS", "Oracle"]
