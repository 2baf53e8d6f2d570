"""Lazy libraries: imported at the first attribute, and not before."""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from convharness import lazy_import


def test_a_library_is_imported_when_it_is_used(
    write_plugin: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the stand-in, nor its text, nor somebody's inspection loads it; an attribute does."""
    write_plugin("answer = 42\n", "slow_library_here.py")
    monkeypatch.syspath_prepend(tmp_path)
    library = lazy_import("slow_library_here")

    assert "lazy_import('slow_library_here')" == repr(library)
    assert library is inspect.unwrap(library)
    assert "slow_library_here" not in sys.modules
    assert 42 == library.answer
    monkeypatch.delitem(sys.modules, "slow_library_here")
    assert 42 == library.answer


def test_a_missing_library_is_missing_when_it_is_used() -> None:
    """The error is the import's own."""
    library = lazy_import("no_such_library_here")

    with pytest.raises(ModuleNotFoundError, match="no_such_library_here"):
        _ = library.anything


def test_a_submodule_is_imported_too() -> None:
    """A dotted name is the module at its end."""
    assert "urlsplit" == lazy_import("urllib.parse").urlsplit.__name__
