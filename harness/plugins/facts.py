"""The facts of an implementation: its declaration as JSON, sent by the process that loaded its file."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..errors import PluginError
from ..numerics import accuracy_classes
from ..problems.problem import Problem
from .declaration import Implementation

_PLAIN = frozenset(field.name for field in fields(Implementation)) - {
    *("function", "when", "accuracy", "source", "constraints", "parameters", "dtypes")
}


def written_facts(one: Implementation) -> dict[str, Any]:
    """Return everything that an implementation declares, without its code."""
    return {name: getattr(one, name) for name in _PLAIN} | {
        "accuracy": one.accuracy.name,
        "source": str(one.source),
        "parameters": list(one.parameters),
        "dtypes": list(one.dtypes),
        "constraints": {name: _spelt(value) for name, value in one.constraints.items()},
        "asks": one.when is not None,
    }


def read_facts(facts: Mapping[str, Any]) -> Implementation:
    """Return the implementation that facts describe; its code is in another process."""
    return Implementation(
        **{name: facts[name] for name in _PLAIN},
        function=_elsewhere,
        when=_asked_elsewhere if facts["asks"] else None,
        accuracy=accuracy_classes.parse(facts["accuracy"]),
        source=Path(facts["source"]),
        parameters=tuple(facts["parameters"]),
        dtypes=tuple(facts["dtypes"]),
        constraints={name: _read(value) for name, value in facts["constraints"].items()},
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
