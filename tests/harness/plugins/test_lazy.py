"""Lazy libraries: imported at the first attribute, and not before."""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from convharness import lazy_import
from convharness.plugins.lazy import load_those_of


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


def test_what_a_module_has_only_named_is_loaded_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_plugin: Callable[..., Path]
) -> None:
    """Of one library with its parts, so that no first use has to import it; others are left alone."""
    names = ("named_here", "named_here.part", "named_here_too", "other_here")
    write_plugin("", "__init__.py", "named_here")
    for path in ("named_here/part.py", "named_here_too.py", "other_here.py"):
        write_plugin("", path)
    monkeypatch.syspath_prepend(tmp_path)
    module = ModuleType("naming")
    for name in names:
        setattr(module, name.replace(".", "_"), lazy_import(name))
    module.number = 1
    load_those_of(module, "named_here")
    loaded = [name for name in names if sys.modules.pop(name, None)]

    assert ["named_here", "named_here.part"] == loaded
