"""How a worker answers each request: one function per type, found by that type.

Nothing here knows what is right. Whatever an implementation does to this process, the parent believes
nothing but arrays, and compares them itself. The modules register their functions in `registry`.
"""

from . import calling, loading, measuring, timing  # noqa: F401 they fill the registry
from .registry import ANSWERS, answer
from .state import State

__all__ = ["ANSWERS", "State", "answer"]
