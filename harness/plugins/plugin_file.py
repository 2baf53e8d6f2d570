"""A plugin's file: imported under a name of its own and searched for marks; its errors in one line."""

import ast
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import PluginError
from .broken import BrokenPlugin
from .marks import Mark, mark_of


def defined_twice(path: Path | None, family: str) -> Iterator[BrokenPlugin]:
    """Yield every marked function of a file that a later one of the same name replaces."""
    if path is None or path.suffix != ".py":
        return
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    lines: dict[str, int] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and any(map(_is_mark, node.decorator_list)):
            if node.name in lines:
                which = f"{node.name!r}, in lines {lines[node.name]} and {node.lineno}"
                yield BrokenPlugin("twice", str(path), family, which)
            lines[node.name] = node.lineno


def _is_mark(decorator: ast.expr) -> bool:
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)
    return name in ("implementation", "plan")


def marked(module: ModuleType) -> Iterator[tuple[Callable[..., Any], Mark]]:
    """Yield the functions that the module itself marks, once each, without those that it imports."""
    seen: set[int] = set()
    for value in list(vars(module).values()):
        mark = mark_of(value)
        is_own = not inspect.isroutine(value) or value.__module__ == module.__name__
        if mark is not None and is_own and id(value) not in seen:
            seen.add(id(value))
            yield value, mark


def built_in_folder() -> Path:
    """Return the folder of the implementations that come with convharness."""
    spec = importlib.util.find_spec("convharness.implementations")
    if spec is None or not spec.submodule_search_locations:
        raise PluginError(
            "the implementations that come with convharness are not installed; install it again"
        )
    return Path(spec.submodule_search_locations[0])


def module_name(path: Path, folder: Path | None) -> str:
    """Return a name under which a file of the built-in folder, or of another one, is imported."""
    if folder is None:
        return f"convharness.implementations.{path.stem}"
    return f"convharness_folder_{abs(hash(folder.resolve()))}_{path.stem}"


def import_file(path: Path, name: str) -> ModuleType:
    """Return the module of a file, imported under a name; raises whatever its code raises."""
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    # dataclasses and pickle look up a class's module by name, so it must be registered while it runs.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def lies_beside(path: Path, module: str) -> bool:
    """Say whether a module is in the folder of a file."""
    top = module.partition(".")[0]
    return any((path.parent / name).exists() for name in (f"{top}.py", top))


def last_line(error: BaseException) -> str:
    """Return an error's type and message in one line."""
    lines = traceback.format_exception_only(error)[-1].strip().splitlines()
    return lines[0] if lines else type(error).__name__


def where(error: BaseException, path: Path) -> str:
    """Return `line N: ` for the deepest frame inside the plugin's file."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: " if error.lineno else ""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).resolve() == path.resolve() and frame.lineno
    ]
    return f"line {lines[-1]}: " if lines else ""
