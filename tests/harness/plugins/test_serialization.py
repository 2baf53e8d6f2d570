"""Facts: what an implementation declares arrives in another process as it was declared."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from convharness import Implementation, Problem, implementation
from convharness.errors import PluginError
from convharness.plugins.declaration import declare
from convharness.plugins.marks import mark_of
from convharness.plugins.serialization import Facts, read_facts, written_facts


@implementation(
    kernel_size=[(1, 3), 5],
    stride=(1, 2),
    groups=range(1, 3),
    accuracy="winograd(4,3)",
    deterministic=False,
    when=lambda problem: None,
    dtype={"float64"},
)
def kernel(x: Any, weight: Any, stride: Any, groups: Any) -> Any:
    """Return nothing."""


def declared() -> Implementation:
    """Return an implementation with all kinds of constraints, as its file declares it."""
    mark = mark_of(kernel)
    assert mark is not None
    return replace(declare(kernel, mark, "family", Path("/there/family.py")), version="v1", site="/site")


def travelled(one: Implementation) -> Implementation:
    """Return what arrives of an implementation."""
    return read_facts(msgspec.json.decode(msgspec.json.encode(written_facts(one)), type=Facts))


def test_all_that_is_declared_arrives() -> None:
    """Each field but the code."""
    one = declared()
    found = travelled(one)
    names = [field.name for field in fields(one) if field.name not in ("function", "when", "constraints")]

    assert [getattr(one, name) for name in names] == [getattr(found, name) for name in names]


def test_constraints_keep_what_a_tuple_is() -> None:
    """One value per axis, where a list has alternatives."""
    assert {"ndim": 2, "kernel_size": [(1, 3), 5], "stride": (1, 2), "groups": [1, 2]} == travelled(
        declared()
    ).constraints


def test_code_does_not_travel() -> None:
    """A call, and a condition, say where they can be made."""
    found = travelled(declared())
    assert found.when is not None

    with pytest.raises(PluginError, match="runs in a process of its own, and cannot be called here"):
        found.function()
    with pytest.raises(PluginError, match="runs in a process of its own, which alone knows what it supports"):
        found.when(Problem.parse("n1c1h2w2-o1k1-float32"))
    assert None is travelled(replace(declared(), when=None)).when
