"""Suite files: those that come with convharness and users' TOML files, read into suites."""

import importlib.util
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import Mistake, ProblemError, SelectionError, SuiteError, did_you_mean
from .case_table import case_of
from .grid import cases_of_grid
from .problem import FIELDS
from .random_problems import RANDOM, random_suite
from .suite import Case, Suite

CONFORMANCE = "conformance"
"""The name by which `CONFORMANCE_PARTS` are selected."""

CONFORMANCE_PARTS = ("features", "corner", "sizes", "random:40")
"""The suites that try everything that an implementation may declare."""

HUGE = "huge"
"""The suite of arrays beyond 2³¹ bytes and elements."""

_SECTIONS = ("description", "defaults", "case", "grid")


def suite_folder() -> Path:
    """Return the folder of the suites that come with convharness."""
    spec = importlib.util.find_spec("convharness.suites")
    if spec is None or not spec.submodule_search_locations:
        raise SelectionError("the suites that come with convharness are not installed; install it again")
    return Path(spec.submodule_search_locations[0])


def suite_names() -> list[str]:
    """Return the names of the suites that come with convharness."""
    return sorted(path.stem for path in suite_folder().glob("*.toml"))


def find_suite(name_or_file: str) -> Suite:
    """Return a suite that comes with convharness, by name, a random one, or one of a file, by path.

    Raises `SelectionError` for an unknown name, `SuiteError` for mistakes in the file.
    """
    path = Path(name_or_file)
    if path.suffix != ".toml" and len(path.parts) == 1:
        if name_or_file.partition(":")[0] == RANDOM:
            return random_suite(name_or_file)
        if name_or_file == CONFORMANCE:
            raise SelectionError(
                f"{CONFORMANCE!r} is several suites: {', '.join(CONFORMANCE_PARTS)}; name one of them"
            )
        if name_or_file not in suite_names():
            hint = did_you_mean(name_or_file, (*suite_names(), CONFORMANCE, RANDOM))
            raise SelectionError(f"there is no suite {name_or_file!r}{hint}")
        path = suite_folder() / f"{name_or_file}.toml"
    return replace(load_suite(path), source=name_or_file)


def load_suite(path: Path | str) -> Suite:
    """Read a suite file.

    Raises `SelectionError` where the file cannot be read and `SuiteError`, which holds every mistake
    in it with its place.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise SelectionError(f"cannot read the suite file {path}: {reason}") from None
    try:
        return replace(parse_suite(path.stem, tomllib.loads(text)), source=str(path))
    except tomllib.TOMLDecodeError as error:
        raise SuiteError([Mistake(f"not valid TOML: {error}", (str(path),))]) from None
    except SuiteError as error:
        raise SuiteError([mistake.within(str(path)) for mistake in error.mistakes]) from None


def parse_suite(name: str, content: Mapping[str, Any]) -> Suite:
    """Return the suite that a parsed TOML file describes; raises `SuiteError` with every mistake."""
    reader = _Reader(content)
    cases = reader.cases()
    if not cases and not reader.mistakes:
        reader.refuse("it has no cases; write [[case]] or [[grid]] tables")
    if reader.mistakes:
        raise SuiteError(reader.mistakes)
    return Suite(name, tuple(cases), content.get("description", ""))


class _Reader:
    """Turns tables into cases and collects every mistake on the way."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.mistakes: list[Mistake] = []
        for key in content:
            if key not in _SECTIONS:
                self.refuse(f"unknown section {key!r}{did_you_mean(key, _SECTIONS)}")
        self._defaults = self._section(content, "defaults", dict, {})
        self._tables = self._section(content, "case", list, [])
        self._grids = self._section(content, "grid", list, [])
        self._section(content, "description", str, "")
        for key in [key for key in self._defaults if key not in FIELDS]:
            self.refuse(f"unknown field {key!r}{did_you_mean(key, FIELDS)}", "defaults")
        self._defaults = {key: value for key, value in self._defaults.items() if key in FIELDS}

    def refuse(self, text: str, *where: str) -> None:
        """Note a mistake and its place within the file."""
        self.mistakes.append(Mistake(text, where))

    def _section(self, content: Mapping[str, Any], name: str, kind: type, empty: Any) -> Any:
        value = content.get(name, empty)
        items = value if kind is list and isinstance(value, list) else []
        if not isinstance(value, kind) or not all(isinstance(item, dict) for item in items):
            form = {"case": "[[case]] tables", "grid": "[[grid]] tables", "defaults": "a [defaults] table"}
            self.refuse(f"{name} must be {form.get(name, 'a text')}, got {value!r}")
            return empty
        return value

    def cases(self) -> list[Case]:
        """Return the cases that could be read; labels must differ."""
        found = [*self._singles(), *self._points()]
        labels: set[str] = set()
        for case in found:
            if case.label in labels:
                self.refuse("the label is used twice; labels must differ", _place(case.label))
            labels.add(case.label)
        for case in found:
            if case.versus == case.label:
                self.refuse("versus names the case itself", _place(case.label))
            elif case.versus is not None and case.versus not in labels and not self.mistakes:
                hint = did_you_mean(case.versus, labels)
                self.refuse(f"versus={case.versus!r} is not a case{hint}", _place(case.label))
        return found

    def _singles(self) -> Iterator[Case]:
        """Yield the cases of [[case]] tables."""
        for number, table in enumerate(self._tables, start=1):
            label = str(table.get("label", ""))
            try:
                yield case_of(table, self._defaults, label)
            except ProblemError as error:
                self.refuse(str(error), _place(label, number))

    def _points(self) -> Iterator[Case]:
        """Yield the cases of [[grid]] tables; of a grid with a mistake there are none."""
        for table in self._grids:
            try:
                yield from cases_of_grid(table, self._defaults)
            except SuiteError as error:
                self.mistakes += error.mistakes


def _place(label: str, number: int = 0) -> str:
    """Return how messages name a case: by its label or, without one, by its number in the file."""
    return f"case {label!r}" if label else f"case number {number}"
