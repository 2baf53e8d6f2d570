"""Libraries that load when they are first used, so that listing a plugin does not import them."""

import importlib
from types import ModuleType
from typing import Any


def lazy_import(name: str) -> Any:
    """Return a stand-in for the module `name`, imported when an attribute is first asked for.

    `torch = lazy_import("torch")` at the head of a plugin lets `convharness list` start in a
    fraction of torch's import time, and lists the plugin as unavailable where torch is missing
    instead of failing. An attribute that was once looked up costs no more than an attribute.
    """
    return _Library(name)


def load_those_of(module: ModuleType, library: str) -> None:
    """Load what a module has so far only named, of one library with its parts."""
    for value in vars(module).values():
        if isinstance(value, _Library) and f"{value.__name__}.".startswith(f"{library}."):
            importlib.import_module(value.__name__)


class _Library:
    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            # inspect and doctest probe every object of a module; that must not load the library.
            raise AttributeError(attribute)
        value = getattr(importlib.import_module(self.__name__), attribute)
        setattr(self, attribute, value)
        return value

    def __repr__(self) -> str:
        return f"lazy_import({self.__name__!r})"
