"""Facts: a declaration is the same after it was sent to another process."""

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
    """Return an implementation with constraints of all kinds, as its file declares it."""
    mark = mark_of(kernel)
    assert mark is not None
    return replace(declare(kernel, mark, "family", Path("/there/family.py")), version="v1", site="/site")


def sent(one: Implementation) -> Implementation:
    """Return an implementation as another process receives it."""
    return read_facts(msgspec.json.decode(msgspec.json.encode(written_facts(one)), type=Facts))


def test_all_that_is_declared_arrives() -> None:
    """All fields of a declaration but its code are the same in the other process."""
    one = declared()
    found = sent(one)
    names = [field.name for field in fields(one) if field.name not in ("function", "when", "constraints")]

    assert [getattr(one, name) for name in names] == [getattr(found, name) for name in names]


def test_constraints_keep_their_tuples() -> None:
    """A tuple in a constraint stays a tuple, one value per axis, and a list stays a list."""
    assert {"ndim": 2, "kernel_size": [(1, 3), 5], "stride": (1, 2), "groups": [1, 2]} == sent(
        declared()
    ).constraints


def test_code_is_not_sent() -> None:
    """The function and the condition of a received declaration raise an error if they are called."""
    found = sent(declared())
    assert found.when is not None

    with pytest.raises(PluginError, match="runs in a process of its own, and cannot be called here"):
        found.function()
    with pytest.raises(PluginError, match="runs in a process of its own, which alone knows what it supports"):
        found.when(Problem.parse("n1c1h2w2-o1k1-float32"))
    assert None is sent(replace(declared(), when=None)).when
