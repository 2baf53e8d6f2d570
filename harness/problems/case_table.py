"""The table of a case in a suite file: its problem or layers, its weight and its worked example."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

from ..errors import ProblemError, did_you_mean
from .problem import FIELDS, REQUIRED_FIELDS, Problem
from .suite import Case, Example

_ABOUT = ("label", "weight", "description", "versus", "example", "problem", "layers")


def case_of(table: Mapping[str, Any], defaults: Mapping[str, Any], label: str) -> Case:
    """Return the case of a table; raises `ProblemError`, to which the caller adds the place."""
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
        # The output of a layer is the input of the next, so only the first layer has to state its input.
        inputs = _output_of(problems[-1]) if problems else {}
        problems.append(_problem({**defaults, **own, **inputs, **layer}))
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
    """Return the fields of a case other than its problem."""
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
    """Refuse numbers that are not in the shape; axes of length 1 may be left out, or the nesting."""
    count = sum(1 for _ in _numbers(name, values))
    if count != prod(shape):
        raise ProblemError(f"its example's {name} has {count} numbers; shape {shape} needs {prod(shape)}")
    nested = _nesting(values)
    wanted = tuple(size for size in shape if size != 1)
    if nested is None or tuple(size for size in nested if size != 1) not in (wanted, (prod(shape),)):
        raise ProblemError(
            f"its example's {name} is not nested as shape {shape}; nest it like that, or write one flat list"
        )


def _numbers(name: str, values: Any) -> Iterator[float]:
    if isinstance(values, list):
        for value in values:
            yield from _numbers(name, value)
    elif isinstance(values, int | float) and not isinstance(values, bool) and float(values).is_integer():
        yield values
    else:
        raise ProblemError(
            f"its example's {name} holds {values!r}; it takes whole numbers: their sums are exact"
        )


def _nesting(values: Any) -> tuple[int, ...] | None:
    """Return the lengths of nested lists from the outside in, None where they are ragged."""
    if not isinstance(values, list):
        return ()
    inner = {_nesting(value) for value in values}
    if len(inner) > 1 or None in inner:
        return None
    return (len(values), *(inner.pop() or () if inner else ()))
