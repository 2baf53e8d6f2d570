"""The oracle: judges an implementation on a problem, layer by layer, against the true result.

It draws the data, holds the expected values and never times anything. The first layer that fails
names itself in the verdict.
"""

from .oracle import LAYERS, Oracle
from .trial import LEVELS

__all__ = ["LAYERS", "LEVELS", "Oracle"]
