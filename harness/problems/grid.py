"""A grid in a suite file: a table whose lists span one case per point of their product."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any

from ..errors import Mistake, ProblemError, SuiteError, did_you_mean
from .case_table import case_of
from .notation import spatial_text
from .problem import FIELDS, Problem
from .suite import Case

_MOST_POINTS = 100_000


def cases_of_grid(table: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[Case]:
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
            case = case_of(fields, defaults, "")
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
    """Refuse a grid without points, or with too many."""
    size = prod(len(values) for values in axes.values())
    empty = [key for key, values in axes.items() if not values]
    if size > _MOST_POINTS:
        text = f"it spans {size:,} cases; a grid has at most {_MOST_POINTS:,}"
    elif empty:
        text = f"axis {empty[0]!r} has no values"
    elif not axes:
        text = "no field is a list, so it spans nothing"
    else:
        return
    raise SuiteError([Mistake(text, (place,))])


def _point(point: Mapping[str, Any], fixed: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a point's fields, and the names of its axes for the label."""
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
    values = {name: getattr(problem, name) for name in FIELDS}
    words = {
        name: spatial_text(value) if isinstance(value, tuple) else str(value)
        for name, value in values.items()
    }
    words |= {"problem": str(problem), **names}
    try:
        return template.format_map(words)
    except KeyError as error:
        name = str(error.args[0])
        raise ProblemError(f"its label names an unknown {name!r}{did_you_mean(name, words)}") from None
    except (ValueError, IndexError, AttributeError) as error:
        raise ProblemError(
            f"its label is not a template: {error}; write it like 'k{{kernel_size}}'"
        ) from None
