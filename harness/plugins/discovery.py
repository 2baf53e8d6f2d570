"""Discovery of implementations: built-in files, installed packages, files named on the command line.

Marks are collected by a scan of modules; there is no global table, so that two registries can exist
side by side. A plugin that cannot be used is listed with the reason and does not affect the others.
"""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ..errors import PluginError
from .broken import BrokenPlugin, Kind
from .declaration import Implementation, declare
from .lazy import lazy_import
from .libraries import is_installed
from .plugin_file import (
    built_in_folder,
    defined_twice,
    import_file,
    last_line,
    lies_beside,
    marked,
    module_name,
    where,
)
from .registry import Registry, Unavailable

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

metadata = lazy_import("importlib.metadata")  # a worker with a plain file does not need it

ENTRY_POINTS = "convharness.implementations"

Examine = Callable[[Path, str, str], Registry]
"""Returns what a source offers: a file, or an entry of an installed package, its origin and family."""


def discover(
    plugins: Iterable[Path | str] | Path | str = (),
    *,
    folder: Path | None = None,
    entry_points: bool = True,
    examine: "Examine | None" = None,
) -> Registry:
    """Return the implementations of built-in files (or those of `folder`), installed packages, `plugins`.

    `examine` loads sources that are not built in, for instance in another process; by default they are
    imported here.

    Raises `PluginError` only where two implementations have the same name.
    """
    scan = _Scan(examine)
    plugins = [plugins] if isinstance(plugins, (str, Path)) else plugins
    for path in sorted((folder or built_in_folder()).glob("*.py")):
        if not path.name.startswith("_"):
            scan.file(path, module_name(path, folder), "built-in")
    for entry in metadata.entry_points(group=ENTRY_POINTS) if entry_points else ():
        scan.entry_point(entry)
    for plugin in plugins:
        scan.plugin(Path(plugin))
    return scan.registry()


def held_by(source: Path, origin: str, family: str) -> Registry:
    """Return the implementations of one file or, for the origin 'installed', of the entry point `family`.

    A file of the origin 'folder' may be without implementations.
    """
    scan = _Scan()
    if origin in ("built-in", "folder"):
        own = source.parent == built_in_folder()
        scan.file(source, module_name(source, None if own else source.parent), origin)
    elif origin == "installed":
        for entry in metadata.entry_points(group=ENTRY_POINTS, name=family):
            scan.entry_point(entry)
    else:
        scan.plugin(source)
    return scan.registry()


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
            module = import_file(path, module_name)
        except ModuleNotFoundError as error:
            if error.name is None or is_installed(error.name):
                self._refuse("import", path, last_line(error))
            elif lies_beside(path, error.name):
                self._refuse("neighbour", path, error.name)
            else:
                self._unavailable.append(Unavailable(path.stem, error.name, str(path)))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 a plugin may raise anything
            self._refuse("import", path, f"{where(error, path)}{last_line(error)}")
        else:
            self._collect(module, path.stem, path, origin)

    def plugin(self, path: Path) -> None:
        """Import a file that the user named, which must contain an implementation."""
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
        """Import the entry point of an installed package."""
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
                self._broken.append(broken(last_line(error)))
            else:
                self._unavailable.append(Unavailable(entry.name, error.name, source))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 a plugin may raise anything
            self._broken.append(broken(last_line(error)))
        else:
            path = getattr(module, "__file__", None)
            self._collect(module, entry.name, Path(path) if path else None, "installed")

    def _collect(self, module: ModuleType, family: str, path: Path | None, origin: str) -> None:
        self._broken += defined_twice(path, family)
        for function, mark in marked(module):
            try:
                found = declare(function, mark, family, path, origin)
            except PluginError as error:
                self._broken.append(BrokenPlugin("declaration", str(path or family), family, str(error)))
                continue
            self._add(found)

    def _refuse(self, kind: Kind, path: Path, reason: str = "") -> None:
        """Note a mistake in a file."""
        self._broken.append(BrokenPlugin(kind, str(path), path.stem, reason))

    def _take(self, registry: Registry) -> None:
        """Add what another process found."""
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
