"""Suites: named, ordered lists of cases, read from TOML files; problems only, no implementations."""

import importlib.util
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from ..errors import Mistake, ProblemError, SelectionError, SuiteError, did_you_mean
from .problem import FIELDS, REQUIRED_FIELDS, Problem

_ABOUT = ("label", "weight", "description", "versus", "example", "problem", "layers")
_MOST_POINTS = 100_000
_SECTIONS = ("description", "defaults", "case", "grid")


@dataclass(frozen=True)
class Example:
    """A worked example: given data and the output that belongs to it, to the digit.

    Nested lists in the shapes of the problem, or flat lists of as many numbers.
    """

    x: Any
    weight: Any
    y: Any
    bias: Any = None


@dataclass(frozen=True)
class Case:
    """A label and a chain of one or more problems; of a chain each layer is judged, the whole timed.

    `weight` says how often the layer occurs in its network; `versus` names the case of the same
    suite that this one is an alternative to.
    """

    label: str
    problems: tuple[Problem, ...]
    weight: float = 1.0
    description: str = ""
    versus: str | None = None
    example: Example | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for before, after in zip(self.problems, self.problems[1:], strict=False):
            if (before.output_shape, before.dtype) != (after.input_shape, after.dtype):
                raise ProblemError(
                    f"a layer takes {after.dtype} {after.input_shape},"
                    f" but the layer before it gives {before.dtype} {before.output_shape}"
                )

    def __str__(self) -> str:
        return " -> ".join(map(str, self.problems))

    def total(self, count: str) -> int:
        """Return a count of `Problem` (macs, parameters…) summed over the layers."""
        return sum(getattr(problem, count) for problem in self.problems)

    @property
    def min_bytes(self) -> int:
        """Return the bytes that the layers must touch; what passes between them is counted twice."""
        return self.total("min_bytes")


@dataclass(frozen=True)
class Suite:
    """A named, ordered list of cases with labels of their own.

    `source` is what finds it again: the name of a suite that comes with convharness, or a file.
    """

    name: str
    cases: tuple[Case, ...]
    description: str = ""
    source: str = ""

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)

    def __len__(self) -> int:
        return len(self.cases)


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
    """Return a suite that comes with convharness, by name, or one of a file, by path.

    Raises `SelectionError` for a name that is none, `SuiteError` for mistakes in the file.
    """
    path = Path(name_or_file)
    if path.suffix != ".toml" and len(path.parts) == 1:
        if name_or_file not in suite_names():
            hint = did_you_mean(name_or_file, suite_names())
            raise SelectionError(f"there is no suite {name_or_file!r}{hint}")
        path = suite_folder() / f"{name_or_file}.toml"
    return replace(load_suite(path), source=name_or_file)


def load_suite(path: Path | str) -> Suite:
    """Read a suite file.

    Raises `SelectionError` where there is no such file and `SuiteError`, which holds every mistake
    with the file's name and the case's label, where it makes no sense.
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
        """Note a mistake, and the place of it within the file."""
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
                self.refuse(f"versus={case.versus!r} is no case{hint}", _place(case.label))
        return found

    def _singles(self) -> Iterator[Case]:
        """Yield the cases of [[case]] tables."""
        for number, table in enumerate(self._tables, start=1):
            label = str(table.get("label", ""))
            try:
                yield _case(table, self._defaults, label)
            except ProblemError as error:
                self.refuse(str(error), _place(label, number))

    def _points(self) -> Iterator[Case]:
        """Yield the cases of [[grid]] tables; of a grid with a mistake there are none."""
        for table in self._grids:
            try:
                yield from _cases_of_grid(table, self._defaults)
            except SuiteError as error:
                self.mistakes += error.mistakes


def _place(label: str, number: int = 0) -> str:
    """Return how messages name a case: by its label or, without one, by its number in the file."""
    return f"case {label!r}" if label else f"case number {number}"


def _case(table: Mapping[str, Any], defaults: Mapping[str, Any], label: str) -> Case:
    """Return the case of a table; raises `ProblemError`, which leaves the place to the caller."""
    _refuse_unknown(table, (*FIELDS, *_ABOUT))
    problems = _problems(table, defaults)
    about = _about(table)
    example = _example(table["example"], problems) if "example" in table else None
    return Case(label=label or str(problems[0]), problems=problems, example=example, **about)


def _problems(table: Mapping[str, Any], defaults: Mapping[str, Any]) -> tuple[Problem, ...]:
    own = {name: table[name] for name in table if name in FIELDS}
    ways = [way for way in ("problem", "layers") if way in table]
    if "problem" in table:
        if own or len(ways) > 1:
            raise ProblemError(f"problem= already says everything; drop {', '.join((*own, *ways[1:]))}")
        return (Problem.parse(str(table["problem"])),)
    if "layers" not in table:
        return (_problem({**defaults, **own}),)
    layers = table["layers"]
    if not isinstance(layers, list) or not layers or not all(isinstance(layer, dict) for layer in layers):
        raise ProblemError(f"layers must be a list of tables, got {layers!r}")
    problems: list[Problem] = []
    for layer in layers:
        _refuse_unknown(layer, FIELDS)
        # What a layer gives is what the next one takes, so only the first layer has to say it.
        given = _output_of(problems[-1]) if problems else {}
        problems.append(_problem({**defaults, **own, **given, **layer}))
    return tuple(problems)


def _output_of(problem: Problem) -> dict[str, Any]:
    return {
        "batch_size": problem.batch_size,
        "in_channels": problem.out_channels,
        "input_size": problem.output_size,
        "dtype": problem.dtype,
    }


def _problem(fields: Mapping[str, Any]) -> Problem:
    missing = [name for name in REQUIRED_FIELDS if name not in fields]
    if missing:
        raise ProblemError(f"{' and '.join(missing)} missing; a problem needs {', '.join(REQUIRED_FIELDS)}")
    return Problem(**fields)


def _refuse_unknown(table: Iterable[str], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            raise ProblemError(f"unknown field {key!r}{did_you_mean(key, known)}")


def _about(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a table says about its case beside the problem."""
    weight = table.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not weight > 0:
        raise ProblemError(f"weight must be a number above 0, got {weight!r}")
    texts = {name: table[name] for name in ("description", "versus") if name in table}
    for name, value in texts.items():
        if not isinstance(value, str):
            raise ProblemError(f"{name} must be a text, got {value!r}")
    return {"weight": float(weight), **texts}


def _example(table: Any, problems: tuple[Problem, ...]) -> Example:
    if not isinstance(table, dict):
        raise ProblemError(f"example must be a table with x, weight and y, got {table!r}")
    _refuse_unknown(table, ("x", "weight", "bias", "y"))
    if len(problems) != 1:
        raise ProblemError("an example belongs to a single problem, not to a chain of layers")
    problem = problems[0]
    shapes: dict[str, tuple[int, ...] | None] = {
        "x": problem.input_shape,
        "weight": problem.weight_shape,
        "bias": problem.bias_shape,
        "y": problem.output_shape,
    }
    for name, shape in shapes.items():
        if (name in table) != (shape is not None):
            raise ProblemError(f"its example {'needs' if shape else 'must not have'} {name}")
        if shape is not None:
            _refuse_misfit(name, table[name], shape)
    return Example(**table)


def _refuse_misfit(name: str, values: Any, shape: tuple[int, ...]) -> None:
    """Refuse numbers that do not have the shape; axes of length 1 may be left out, or all of them."""
    count = sum(1 for _ in _numbers(name, values))
    if count != prod(shape):
        raise ProblemError(f"its example's {name} has {count} numbers; shape {shape} needs {prod(shape)}")
    nested = _nesting(values)
    wanted = tuple(size for size in shape if size != 1)
    if nested is None or tuple(size for size in nested if size != 1) not in (wanted, (prod(shape),)):
        raise ProblemError(
            f"its example's {name} is not nested as shape {shape}; nest it so, or write one list"
        )


def _numbers(name: str, values: Any) -> Iterator[float]:
    if isinstance(values, list):
        for value in values:
            yield from _numbers(name, value)
    elif isinstance(values, int | float) and not isinstance(values, bool) and float(values).is_integer():
        yield values
    else:
        raise ProblemError(
            f"its example's {name} holds {values!r}; it takes whole numbers, which no order of sums rounds"
        )


def _nesting(values: Any) -> tuple[int, ...] | None:
    """Return the lengths of nested lists from the outside in, None where they are ragged."""
    if not isinstance(values, list):
        return ()
    inner = {_nesting(value) for value in values}
    if len(inner) > 1 or None in inner:
        return None
    return (len(values), *(inner.pop() or () if inner else ()))


def _cases_of_grid(table: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[Case]:
    """Return one case per point: every list is an axis of the product.

    A table inside a list moves several fields at once; such an axis may have any name, and its
    tables a `name` for the label.
    """
    mistakes: list[Mistake] = []
    cases: list[Case] = []
    template = str(table.get("label", "{problem}"))
    place = f"grid {template!r}"
    axes = {key: value for key, value in table.items() if isinstance(value, list)}
    fixed = {key: value for key, value in table.items() if key not in axes and key != "label"}
    _refuse_empty_or_vast(place, axes)
    for values in product(*axes.values()):
        point = dict(zip(axes, values, strict=True))
        fields, names = _point(point, fixed)
        try:
            case = _case(fields, defaults, "")
        except ProblemError as error:
            at = ", ".join(f"{key}={value}" for key, value in point.items())
            mistakes.append(Mistake(str(error), (f"{place} at {at}",)))
            continue
        try:
            label = _label(template, case.problems[0], names)
        except ProblemError as error:
            mistakes.append(Mistake(str(error), (place,)))
        else:
            cases.append(replace(case, label=label or case.label))
    if mistakes:
        # The same mistake at every point of the grid is one mistake.
        raise SuiteError(list(dict.fromkeys(mistakes)))
    return cases


def _refuse_empty_or_vast(place: str, axes: Mapping[str, Sequence[Any]]) -> None:
    """Refuse a grid without points, or with more than a suite can have."""
    size = prod(len(values) for values in axes.values())
    empty = [key for key, values in axes.items() if not values]
    if size > _MOST_POINTS:
        text = f"it spans {size:,} cases; at most {_MOST_POINTS:,} are a suite"
    elif empty:
        text = f"axis {empty[0]!r} has no values"
    elif not axes:
        text = "no field is a list, so it spans nothing"
    else:
        return
    raise SuiteError([Mistake(text, (place,))])


def _point(point: Mapping[str, Any], fixed: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a point's fields, and what its label may name."""
    fields, names = dict(fixed), {}
    for key, value in point.items():
        if isinstance(value, dict):
            inner = dict(value)
            names[key] = inner.pop("name", None) or "-".join(str(item) for item in value.values())
            fields.update(inner)
        else:
            fields[key] = value
    return fields, names


def _label(template: str, problem: Problem, names: Mapping[str, Any]) -> str:
    words = {name: _word(getattr(problem, name)) for name in FIELDS}
    words |= {"problem": str(problem), **names}
    try:
        return template.format_map(words)
    except KeyError as error:
        name = str(error.args[0])
        raise ProblemError(f"its label names an unknown {name!r}{did_you_mean(name, words)}") from None
    except (ValueError, IndexError, AttributeError) as error:
        raise ProblemError(f"its label is no template: {error}; write it like 'k{{kernel_size}}'") from None


def _word(value: Any) -> str:
    """Return a field for a label: equal axes collapsed, others joined by x."""
    if not isinstance(value, tuple):
        return str(value)
    tokens = [":".join(map(str, item)) if isinstance(item, tuple) else str(item) for item in value]
    return tokens[0] if len(set(tokens)) == 1 else "x".join(tokens)
