"""The facts of an implementation: its declaration, sent by the process that loaded its file."""

from pathlib import Path
from typing import Any

import msgspec

from ..errors import PluginError
from ..numerics import accuracy_classes
from ..problems.problem import Problem
from .declaration import Implementation


class Facts(msgspec.Struct, frozen=True):
    """Everything that an implementation declares, without its code; fields as in `Implementation`.

    `is_conditional` says that it has a `when=`, which can be asked only where its code is.
    """

    name: str
    family: str
    is_plan: bool
    parameters: tuple[str, ...]
    constraints: dict[str, Any]
    dtypes: tuple[str, ...]
    direction: str
    is_conditional: bool
    accuracy: str
    locality: str
    flushes_subnormals: bool
    deterministic: bool
    arrays: str
    layout: str
    library: str
    source: str
    origin: str
    description: str
    version: str | None
    site: str | None


_OTHERWISE = ("accuracy", "constraints", "is_conditional", "source")
_PLAIN = tuple(name for name in Facts.__struct_fields__ if name not in _OTHERWISE)
"""Fields that are the same in both."""


def written_facts(one: Implementation) -> Facts:
    """Return everything that an implementation declares, without its code."""
    return Facts(
        **{name: getattr(one, name) for name in _PLAIN},
        accuracy=one.accuracy.name,
        constraints={name: _spelt(value) for name, value in one.constraints.items()},
        is_conditional=one.when is not None,
        source=str(one.source),
    )


def read_facts(facts: Facts) -> Implementation:
    """Return the implementation that facts describe; its code is in another process."""
    return Implementation(
        **{name: getattr(facts, name) for name in _PLAIN},
        function=_elsewhere,
        when=_asked_elsewhere if facts.is_conditional else None,
        accuracy=accuracy_classes.parse(facts.accuracy),
        constraints={name: _read(value) for name, value in facts.constraints.items()},
        source=Path(facts.source),
    )


def _elsewhere(*_: Any) -> Any:
    raise PluginError("runs in a process of its own, and cannot be called here")


def _asked_elsewhere(_: Problem) -> str | None:
    raise PluginError("runs in a process of its own, which alone knows what it supports")


def _spelt(value: Any) -> Any:
    """Return a constraint as JSON, in which a tuple, one value per axis, is an object."""
    if isinstance(value, tuple):
        return {"axes": [_spelt(item) for item in value]}
    if isinstance(value, (list, set, frozenset, range)):
        return [_spelt(item) for item in value]
    return value


def _read(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple(_read(item) for item in value["axes"])
    return [_read(item) for item in value] if isinstance(value, list) else value
