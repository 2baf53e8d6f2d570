"""Finds implementations: built-in files, installed packages, files named on the command line.

Marks are collected by a scan of modules; there is no global table, so that two registries can live
side by side. What cannot be had is listed with the reason and never spoils the rest.
"""

import ast
import importlib.util
import inspect
import platform
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec

from ..errors import PluginError, SelectionError, did_you_mean
from .broken import BrokenPlugin, Kind, of_line
from .declaration import Implementation, Mark, declare, mark_of
from .lazy import lazy_import

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

metadata = lazy_import("importlib.metadata")  # no worker with a plain file needs it

ENTRY_POINTS = "convharness.implementations"

# Where the name to install differs from the name to import.
_DISTRIBUTIONS = {"cv2": "opencv-python-headless", "sklearn": "scikit-learn"}


@dataclass(frozen=True)
class Unavailable:
    """A file or package whose library is missing."""

    family: str
    library: str
    source: str

    @property
    def reason(self) -> str:
        """Return what is missing and the command that installs it."""
        return missing(self.library)

    @property
    def subject(self) -> str:
        """Return what is not available."""
        return self.family

    def __str__(self) -> str:
        return f"{self.family} is not available: {self.reason}"

    def takes_away(self, name: str) -> bool:
        """Say whether an implementation is missing because its library is."""
        return self.family == name.partition(".")[0]


Unusable = BrokenPlugin | Unavailable


def read_unavailable(stored: object) -> Unusable:
    """Return what lacks a library from what a run has stored of it, as `read_broken` does."""
    return of_line(stored) if isinstance(stored, str) else msgspec.convert(stored, Unavailable)


@dataclass(frozen=True)
class Registry:
    """Every implementation that was found, by name; what was not, and why."""

    implementations: tuple[Implementation, ...]
    unavailable: tuple[Unavailable, ...] = ()
    broken: tuple[BrokenPlugin, ...] = ()

    def select(self, patterns: Sequence[str]) -> tuple[Implementation, ...]:
        """Return the implementations that match any of the globs; all without a glob.

        Raises `SelectionError` for a glob that matches nothing.
        """
        chosen: set[str] = set()
        names = [one.name for one in self.implementations]
        for pattern in patterns:
            matching = {name for name in names if fnmatchcase(name, pattern)}
            if not matching:
                raise SelectionError(self._nothing_matches(pattern, names))
            chosen |= matching
        return tuple(one for one in self.implementations if not patterns or one.name in chosen)

    def of_file(self, path: Path) -> tuple[Implementation, ...]:
        """Return the implementations that a file holds."""
        wanted = path.resolve()
        return tuple(one for one in self.implementations if one.source and one.source.resolve() == wanted)

    def _nothing_matches(self, pattern: str, names: Sequence[str]) -> str:
        for one in self.unavailable:
            if fnmatchcase(one.family, pattern.partition(".")[0]):
                return f"no implementation {pattern!r}: {one.reason}"
        families = {one.family for one in self.implementations}
        hint = did_you_mean(pattern, names) or did_you_mean(pattern, families)
        if not hint.endswith("?"):
            hint = f"; families are {', '.join(sorted(families))}"
        return f"no implementation matches {pattern!r}{hint}"


def is_wanted(name: str, patterns: Sequence[str]) -> bool:
    """Say whether an implementation's name matches any of some globs; without a glob all do."""
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)


Examine = Callable[[Path, str, str], Registry]
"""Returns what a source offers: a file, or an entry of an installed package, its origin and family."""


def discover(
    plugins: Iterable[Path | str] | Path | str = (),
    *,
    folder: Path | None = None,
    entry_points: bool = True,
    examine: "Examine | None" = None,
) -> Registry:
    """Return what there is: the built-in files (or those of `folder`), installed packages, `plugins`.

    `examine` looks at what is not built in, for instance in another process; else it is imported here.

    Raises `PluginError` only where two implementations bear one name.
    """
    scan = _Scan(examine)
    plugins = [plugins] if isinstance(plugins, (str, Path)) else plugins
    for path in sorted((folder or _built_in_folder()).glob("*.py")):
        if not path.name.startswith("_"):
            scan.file(path, _module_name(path, folder), "built-in")
    for entry in metadata.entry_points(group=ENTRY_POINTS) if entry_points else ():
        scan.entry_point(entry)
    for plugin in plugins:
        scan.plugin(Path(plugin))
    return scan.registry()


def held_by(source: Path, origin: str, family: str) -> Registry:
    """Return what one file, or for the origin 'installed' the entry of that name, offers.

    A file of a 'folder' may offer nothing.
    """
    scan = _Scan()
    if origin in ("built-in", "folder"):
        own = source.parent == _built_in_folder()
        scan.file(source, _module_name(source, None if own else source.parent), origin)
    elif origin == "installed":
        for entry in metadata.entry_points(group=ENTRY_POINTS, name=family):
            scan.entry_point(entry)
    else:
        scan.plugin(source)
    return scan.registry()


def missing(library: str) -> str:
    """Return the reason for a library that is not installed."""
    top = library.partition(".")[0]
    return f"{top} is not installed; run: pip install {_DISTRIBUTIONS.get(top, top)}"


@cache
def is_installed(library: str) -> bool:
    """Say whether a library can be imported, without importing it."""
    top = library.partition(".")[0]
    if top == "python" or top in sys.modules:
        return True
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


@cache
def library_version(library: str) -> str | None:
    """Return the installed version of a library, or None where nothing tells."""
    top = library.partition(".")[0]
    if top == "python":
        return platform.python_version()
    try:
        return str(metadata.version(_DISTRIBUTIONS.get(top, top)))
    except metadata.PackageNotFoundError:
        return None


class _Scan:
    """Collects implementations module by module."""

    def __init__(self, examine: "Examine | None" = None) -> None:
        self._examine = examine
        self._found: dict[str, Implementation] = {}
        self._unavailable: list[Unavailable] = []
        self._broken: list[BrokenPlugin] = []

    def registry(self) -> Registry:
        found = tuple(self._found[name] for name in sorted(self._found))
        return Registry(found, tuple(self._unavailable), tuple(self._broken))

    def file(self, path: Path, module_name: str, origin: str) -> None:
        """Import a file and collect its marks."""
        try:
            module = _import_file(path, module_name)
        except ModuleNotFoundError as error:
            if error.name is None or is_installed(error.name):
                self._refuse("import", path, _last_line(error))
            elif _lies_beside(path, error.name):
                self._refuse("neighbour", path, error.name)
            else:
                self._unavailable.append(Unavailable(path.stem, error.name, str(path)))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 a plugin may raise anything
            self._refuse("import", path, f"{_where(error, path)}{_last_line(error)}")
        else:
            self._collect(module, path.stem, path, origin)

    def plugin(self, path: Path) -> None:
        """Import a file that somebody named, which must therefore hold an implementation."""
        if not path.is_file():
            self._refuse("folder" if path.is_dir() else "absent", path)
            return
        if path.suffix != ".py":
            self._refuse("suffix", path)
            return
        if any(one.source and one.source.resolve() == path.resolve() for one in self._found.values()):
            return  # named twice, or one of the built-in files
        counts = len(self._found) + len(self._unavailable) + len(self._broken)
        if self._examine is not None:
            self._take(self._examine(path, "file", path.stem))
            return
        resolved = path.resolve()
        self.file(path, f"convharness_plugin_{abs(hash(resolved))}_{path.stem}", "file")
        if counts == len(self._found) + len(self._unavailable) + len(self._broken):
            self._refuse("unmarked", path)

    def entry_point(self, entry: "EntryPoint") -> None:
        """Import what an installed package offers."""
        source = f"entry point {entry.name} = {entry.value}"
        broken = partial(BrokenPlugin, "import", source, entry.name)
        if self._examine is not None:
            self._take(self._examine(Path(entry.name), "installed", entry.name))
            return
        try:
            module = entry.load()
        except ModuleNotFoundError as error:
            own = entry.module.partition(".")[0]
            if error.name is None or is_installed(error.name) or error.name.partition(".")[0] == own:
                self._broken.append(broken(_last_line(error)))
            else:
                self._unavailable.append(Unavailable(entry.name, error.name, source))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 a plugin may raise anything
            self._broken.append(broken(_last_line(error)))
        else:
            path = getattr(module, "__file__", None)
            self._collect(module, entry.name, Path(path) if path else None, "installed")

    def _collect(self, module: ModuleType, family: str, path: Path | None, origin: str) -> None:
        self._broken += _defined_twice(path, family)
        for function, mark in _marked(module):
            try:
                found = declare(function, mark, family, path, origin)
            except PluginError as error:
                self._broken.append(BrokenPlugin("declaration", str(path or family), family, str(error)))
                continue
            self._add(found)

    def _refuse(self, kind: Kind, path: Path, reason: str = "") -> None:
        """Note what is wrong with a file."""
        self._broken.append(BrokenPlugin(kind, str(path), path.stem, reason))

    def _take(self, registry: Registry) -> None:
        """Add what another process has found."""
        self._unavailable += registry.unavailable
        self._broken += registry.broken
        for found in registry.implementations:
            self._add(found)

    def _add(self, found: Implementation) -> None:
        known = self._found.setdefault(found.name, found)
        if known is not found:
            raise PluginError(
                f"two implementations are called {found.name!r}: one in {known.source},"
                f" one in {found.source}; rename one of them with name="
            )


def _defined_twice(path: Path | None, family: str) -> Iterator[BrokenPlugin]:
    """Yield every marked function of a file that a later one of its name replaces."""
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


def _marked(module: ModuleType) -> Iterator[tuple[Callable[..., Any], Mark]]:
    """Yield what the module itself marks, once each, and not what it imports from another."""
    seen: set[int] = set()
    for value in list(vars(module).values()):
        mark = mark_of(value)
        is_own = not inspect.isroutine(value) or value.__module__ == module.__name__
        if mark is not None and is_own and id(value) not in seen:
            seen.add(id(value))
            yield value, mark


def _built_in_folder() -> Path:
    spec = importlib.util.find_spec("convharness.implementations")
    if spec is None or not spec.submodule_search_locations:
        raise PluginError(
            "the implementations that come with convharness are not installed; install it again"
        )
    return Path(spec.submodule_search_locations[0])


def _module_name(path: Path, folder: Path | None) -> str:
    """Return a name under which a file of the built-in folder, or of another one, is imported."""
    if folder is None:
        return f"convharness.implementations.{path.stem}"
    return f"convharness_folder_{abs(hash(folder.resolve()))}_{path.stem}"


def _import_file(path: Path, name: str) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    # dataclasses and pickle look a class's module up by name, so it must be findable while it runs.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _lies_beside(path: Path, module: str) -> bool:
    top = module.partition(".")[0]
    return any((path.parent / name).exists() for name in (f"{top}.py", top))


def _last_line(error: BaseException) -> str:
    """Return what an error says, in one line."""
    lines = traceback.format_exception_only(error)[-1].strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _where(error: BaseException, path: Path) -> str:
    """Return `line N: ` for the deepest frame inside the plugin's file."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: " if error.lineno else ""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).resolve() == path.resolve() and frame.lineno
    ]
    return f"line {lines[-1]}: " if lines else ""
