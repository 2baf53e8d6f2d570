"""What an implementation declares, by its signature and the keywords of its mark; nothing is run here."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import PluginError, did_you_mean
from ..numerics import accuracy_classes
from ..numerics.accuracy import LOCALITIES, Accuracy
from ..numerics.arrays import LAYOUTS
from ..numerics.arrays import LIBRARIES as ARRAY_LIBRARIES
from ..numerics.reference import DIRECTIONS as JUDGED_DIRECTIONS
from ..problems.fields import DIRECTIONS, DTYPES, PADDING_MODES
from ..problems.problem import FIELDS, Problem
from .marks import Function, Mark, name_of
from .support import Unsupported, allows, needs, refused_by_signature

Condition = Callable[[Problem], str | None]

PARAMETERS = (
    "x",
    "weight",
    "bias",
    "stride",
    "padding",
    "pads",
    "dilation",
    "groups",
    "padding_mode",
    "problem",
)

_CONSTRAINTS = ("ndim", *(name for name in FIELDS if name not in ("direction", "dtype")))
_FLOATS = ("float32", "float64")


@dataclass(frozen=True)
class Implementation:
    """One way to convolve: a function or a plan, and what it declares.

    Where an implementation exists in several versions, such as those of two commits, `version` names
    this one and `site` is the folder of its package, if it is not an installed one.
    """

    name: str
    family: str
    function: Function = field(repr=False)
    is_plan: bool
    parameters: tuple[str, ...]
    constraints: Mapping[str, Any]
    dtypes: tuple[str, ...]
    direction: str
    when: Condition | None = field(repr=False)
    accuracy: Accuracy
    locality: str
    flushes_subnormals: bool
    deterministic: bool
    arrays: str
    layout: str
    library: str
    source: Path | None
    origin: str
    description: str
    version: str | None = None
    site: str | None = None

    @property
    def own_name(self) -> str:
        """Return the name in its own file, which does not end in `@version`."""
        return self.name.removesuffix(f"@{self.version}")

    def refuses(self, problem: Problem) -> Unsupported | None:
        """Return why this implementation does not support the problem, or None if it does.

        Raises `PluginError` if its `when=` raises, or returns something other than a text or None.
        """
        for name, allowed in (("dtype", self.dtypes), ("direction", self.direction)):
            if not allows(name, allowed, problem):
                return needs(name, allowed, problem)
        for name, allowed in self.constraints.items():
            if not allows(name, allowed, problem):
                return needs(name, allowed, problem)
        return refused_by_signature(self.parameters, problem) or self._refuses_by_when(problem)

    def _refuses_by_when(self, problem: Problem) -> Unsupported | None:
        if self.when is None:
            return None
        try:
            reason = self.when(problem)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise PluginError(f"its when= raised {type(error).__name__}: {error}") from error
        if reason is not None and not isinstance(reason, str):
            raise PluginError(f"its when= returned {reason!r}; it must be a reason, or None")
        return Unsupported.read(reason) if reason else None


def declare(
    function: Function, mark: Mark, family: str, source: Path | None = None, origin: str = "file"
) -> Implementation:
    """Return the implementation that a marked function declares.

    `origin` says how it was found: 'built-in', 'installed', 'file' or, of a repository, 'folder'.

    Raises `PluginError`, naming the function, for an unknown parameter or keyword.
    """
    keywords = dict(mark.keywords)
    default_name = f"{family}.{name_of(function)}"
    name = keywords.pop("name", default_name)
    try:
        return Implementation(
            name=_text("name", name),
            family=family,
            function=function,
            is_plan=mark.is_plan,
            parameters=_parameters(function, is_plan=mark.is_plan),
            arrays=(arrays := _choice("arrays", keywords.pop("arrays", "numpy"), ARRAY_LIBRARIES)),
            library=_text("library", keywords.pop("library", arrays)),
            layout=_choice("layout", keywords.pop("layout", "contiguous"), LAYOUTS),
            accuracy=(accuracy := accuracy_classes.parse(keywords.pop("accuracy", "direct"))),
            locality=_choice("locality", keywords.pop("locality", accuracy.locality), LOCALITIES),
            flushes_subnormals=_yes_or_no("flushes_subnormals", keywords.pop("flushes_subnormals", False)),
            deterministic=_yes_or_no("deterministic", keywords.pop("deterministic", True)),
            dtypes=_known("dtype", keywords.pop("dtype", _FLOATS), DTYPES),
            direction=_direction(keywords.pop("direction", "forward")),
            when=_callable("when", keywords.pop("when", None)),
            constraints=_constraints(keywords),
            source=source,
            origin=origin,
            description=(inspect.getdoc(function) or "").split("\n", 1)[0],
        )
    except PluginError as error:
        raise PluginError(f"{default_name} {error}") from None


def _parameters(function: Function, *, is_plan: bool) -> tuple[str, ...]:
    if inspect.isclass(function) or not callable(function):
        raise PluginError("is marked but is not a function; mark the function that convolves")
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        raise PluginError("has no signature to read; wrap it in a function that has one") from None
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise PluginError(f"takes *{name}; a signature names each thing it asks for")
        if name not in PARAMETERS:
            raise PluginError(f"takes an unknown parameter {name!r}{did_you_mean(name, PARAMETERS)}")
    for name in ("weight",) if is_plan else ("x", "weight"):
        if name not in parameters:
            raise PluginError(
                f"does not take {name!r}; {'a plan' if is_plan else 'an implementation'} needs it"
            )
    if is_plan and "x" in parameters:
        raise PluginError("takes 'x', but a plan returns the function that takes it")
    return tuple(parameters)


def _constraints(keywords: Mapping[str, Any]) -> dict[str, Any]:
    for name in keywords:
        if name not in _CONSTRAINTS:
            known = (
                *_CONSTRAINTS,
                "dtype",
                "direction",
                "when",
                "name",
                "arrays",
                "layout",
                "accuracy",
                "locality",
                "flushes_subnormals",
                "deterministic",
                "library",
            )
            raise PluginError(f"declares an unknown {name!r}{did_you_mean(name, known)}")
    _known("padding_mode", keywords.get("padding_mode", "zeros"), PADDING_MODES)
    _known("ndim", keywords.get("ndim", 2), (1, 2, 3))
    for name, value in keywords.items():
        if name not in ("padding_mode", "bias"):
            _refuse_non_numbers(name, value)
    return {"ndim": 2, **keywords}


def _refuse_non_numbers(name: str, value: Any) -> None:
    """Refuse a constraint other than a whole number, one per axis, or several of these alternatives."""
    alternatives = list(value) if isinstance(value, (list, set, frozenset, range)) else [value]
    for one in alternatives:
        items = one if isinstance(one, tuple) else (one,)
        if not items or any(not isinstance(item, int) or isinstance(item, bool) for item in items):
            raise PluginError(f"declares {name}={one!r}; it takes whole numbers")
    if not alternatives:
        raise PluginError(f"declares {name}={value!r}, which allows nothing")


def _known(keyword: str, value: Any, known: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return one value or a collection of them as a tuple of known ones."""
    values = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (value,)
    for one in values:
        if one not in known:
            hint = did_you_mean(str(one), [str(word) for word in known])
            raise PluginError(f"declares {keyword}={one!r}, which is not known{hint}")
    if not values:
        raise PluginError(f"declares {keyword}={value!r}, which allows nothing")
    return values


def _text(keyword: str, value: Any) -> str:
    if not isinstance(value, str) or len(value.split()) != 1:
        raise PluginError(f"declares {keyword}={value!r}; it must be one word")
    if set(value) & set("*?[]"):
        raise PluginError(f"declares {keyword}={value!r}; it must not contain * ? [ or ], which select names")
    return value


def _choice(keyword: str, value: Any, known: Iterable[str]) -> str:
    if value not in known:
        raise PluginError(
            f"declares {keyword}={value!r}, which is not known{did_you_mean(str(value), known)}"
        )
    return str(value)


def _direction(value: Any) -> str:
    """Return a direction that can be judged."""
    direction = _choice("direction", value, DIRECTIONS)
    if direction not in JUDGED_DIRECTIONS:
        known = " or ".join(map(repr, JUDGED_DIRECTIONS))
        raise PluginError(f"declares direction={direction!r}, which has no reference yet; declare {known}")
    return direction


def _yes_or_no(keyword: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise PluginError(f"declares {keyword}={value!r}; it must be True or False")
    return value


def _callable(keyword: str, value: Any) -> Condition | None:
    if value is not None and not callable(value):
        raise PluginError(f"declares {keyword}={value!r}; it must be a function of a problem")
    condition: Condition | None = value
    return condition
