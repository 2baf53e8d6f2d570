"""Lazy libraries: a library is imported when an attribute of it is first read."""

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
    """A lazy library is imported by reading an attribute, and neither by printing nor by inspecting it."""
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
    """Reading an attribute of a missing library raises the error of its import."""
    library = lazy_import("no_such_library_here")

    with pytest.raises(ModuleNotFoundError, match="no_such_library_here"):
        _ = library.anything


def test_a_submodule_is_imported_too() -> None:
    """A lazy library with a dotted name is the submodule."""
    assert "urlsplit" == lazy_import("urllib.parse").urlsplit.__name__


def test_the_lazy_libraries_of_a_module_can_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_plugin: Callable[..., Path]
) -> None:
    """The lazy submodules of a module are loaded with their library, and other libraries are not."""
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
