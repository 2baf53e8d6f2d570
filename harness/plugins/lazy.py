"""Lazy imports: libraries that load on first use, so that listing a plugin does not import them."""

import importlib
from types import ModuleType
from typing import Any


def lazy_import(name: str) -> Any:
    """Return a stand-in for the module `name`, which is imported on the first access to an attribute.

    `torch = lazy_import("torch")` at the head of a plugin lets `convharness list` start in a
    fraction of torch's import time, and lists the plugin as unavailable where torch is missing
    instead of failing. After the first look-up an attribute costs no more than one of the module.
    """
    return _Library(name)


def load_those_of(module: ModuleType, library: str) -> None:
    """Load the stand-ins of a module for a library and its submodules."""
    for value in vars(module).values():
        if isinstance(value, _Library) and f"{value.__name__}.".startswith(f"{library}."):
            importlib.import_module(value.__name__)


class _Library:
    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            # inspect and doctest probe every object of a module, which must not load the library.
            raise AttributeError(attribute)
        value = getattr(importlib.import_module(self.__name__), attribute)
        setattr(self, attribute, value)
        return value

    def __repr__(self) -> str:
        return f"lazy_import({self.__name__!r})"
