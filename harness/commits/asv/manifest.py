"""Which suites and implementations asv tracks: a file beside its benchmarks, and the names in it."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ...errors import SuiteError
from ...files.atomic import write_text
from ...problems.suite import Suite
from ...problems.suite_files import find_suite

MANIFEST = "tracked.json"
"""Beside the benchmarks: which suites and implementations asv knows."""


class Manifest(msgspec.Struct, forbid_unknown_fields=True):
    """The suites and implementations that asv tracks.

    asv attaches history to names, so these are only ever appended to: a commit without one of them
    leaves a gap and nothing else. A suite is one that comes with convharness, or a TOML file, by its
    path from here.
    """

    suites: list[str]
    implementations: list[str] = []

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Return that of a folder of benchmarks; raises `SuiteError`."""
        path = folder / MANIFEST
        try:
            found = msgspec.json.decode(path.read_bytes(), type=cls)
        except OSError as error:
            raise SuiteError(
                [f"cannot read {path}: {error.strerror}; make it with: convharness init"]
            ) from None
        except msgspec.MsgspecError as error:
            raise SuiteError([f"{path}: {error}"]) from None
        globs = [name for name in found.implementations if set(name) & set("*?[")]
        if globs:
            raise SuiteError(
                [f"{path}: {globs[0]!r} is not a name; write whole names such as 'mine.conv', or none"]
            )
        return found

    def write(self, folder: Path) -> None:
        """Write it, whole or not at all; raises `ResultsError`."""
        write_text(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(self)).decode() + "\n")

    @property
    def modules(self) -> list[str]:
        """Return the names of the benchmark modules, one for each suite."""
        return [module_of(source) for source in self.suites]

    def source_of(self, module: str, folder: Path) -> str:
        """Return the suite that a benchmark module stands for, as `find_suite` takes it."""
        for source in self.suites:
            if module_of(source) == module:
                return found_from(folder, source)
        raise SuiteError([f"{folder / MANIFEST} names no suite {module!r}, which {module}.py stands for"])


def found_from(folder: Path, source: str) -> str:
    """Return a suite of a folder's manifest as `find_suite` takes it: a file by its whole path."""
    return str(folder / source) if source.endswith(".toml") else source


def module_of(source: str) -> str:
    """Return the name of the benchmark module that stands for a suite."""
    stem = Path(source).stem if source.endswith(".toml") else source
    return "".join(letter if letter.isalnum() else "_" for letter in stem)


def attributes_of(implementations: Sequence[str]) -> dict[str, str]:
    """Return implementations by the names that their benchmarks have for asv, which must be Python's.

    >>> attributes_of(["a.b_c", "a_b.c"])
    {'a_b_c': 'a.b_c', 'a_b_c_2': 'a_b.c'}
    """
    found: dict[str, str] = {}
    for implementation in implementations:
        name = plain = "".join(letter if letter.isalnum() else "_" for letter in implementation)
        number = 1
        while name in found:
            number += 1
            name = f"{plain}_{number}"
        found[name] = implementation
    return found


def suites_of(folder: Path, modules: Sequence[str] = ()) -> list[Suite]:
    """Return the suites that asv tracks by the benchmarks in a folder, or those of some modules.

    Raises `SuiteError`.
    """
    manifest = Manifest.read(folder)
    return [find_suite(manifest.source_of(module, folder)) for module in modules or manifest.modules]
