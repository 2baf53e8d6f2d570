"""Coverage: what implementations declare, what the chosen cases try of it, and cases that try the rest.

A feature is what one parameter of a problem may be besides its default: groups, a stride of its own per
axis, a padding mode, a data type. It is declared by an implementation if some problem that has it is not
refused, and tried if such a problem is among the chosen ones.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

from ..plugins.declaration import Implementation
from ..problems.fields import DTYPES, PADDING_MODES
from ..problems.problem import Problem
from ..problems.random_problems import RANDOM, random_suite
from ..problems.selection import in_dtypes
from ..problems.suite import Case, Suite
from ..problems.suite_files import find_suite

DECLARED = "declared"
"""The name of the suite of cases that try what is declared and not tried by the chosen suites."""

_POOL = ("features", "corner")
_WIDE_DTYPES = {"float32", "float64"}

Refuses = Callable[[Implementation, Problem], bool]
"""Says whether an implementation does not support a problem."""


def _of_mode(mode: str) -> Callable[[Problem], bool]:
    return lambda problem: problem.padding_mode == mode and problem.is_padded


def _of_dtype(dtype: str) -> Callable[[Problem], bool]:
    return lambda problem: problem.dtype == dtype


def _of_axes(ndim: int) -> Callable[[Problem], bool]:
    return lambda problem: problem.ndim == ndim


def _is_dilated(problem: Problem) -> bool:
    return any(d > 1 and k > 1 for d, k in zip(problem.dilation, problem.kernel_size, strict=True))


def _differs(values: Sequence[object]) -> bool:
    return len(set(values)) > 1


def _has_wide_groups(problem: Problem) -> bool:
    """Say whether groups have several channels on both sides, so that their order matters."""
    return problem.groups > 1 and min(problem.in_channels, problem.out_channels) > problem.groups


FEATURES: Mapping[str, Callable[[Problem], bool]] = {
    "several samples": lambda problem: problem.batch_size > 1,
    "bias": lambda problem: problem.bias,
    "kernel per axis": lambda problem: _differs(problem.kernel_size),
    "stride": lambda problem: max(problem.stride) > 1,
    "stride per axis": lambda problem: _differs(problem.stride),
    "dilation": _is_dilated,
    "dilation per axis": lambda problem: _is_dilated(problem) and _differs(problem.dilation),
    "padding": lambda problem: problem.is_padded,
    "padding per axis": lambda problem: problem.is_padded and _differs(problem.pads),
    "padding on one side": lambda problem: any(before != after for before, after in problem.pads),
    "groups": _has_wide_groups,
    "depthwise": lambda problem: problem.groups == problem.in_channels > 1,
    **{f"{mode} padding": _of_mode(mode) for mode in PADDING_MODES if mode != "zeros"},
    **{dtype: _of_dtype(dtype) for dtype in DTYPES},
    **{f"{ndim}-D": _of_axes(ndim) for ndim in (1, 2, 3)},
}
"""The features by name; most problems have several."""


@cache
def features_of(problem: Problem) -> frozenset[str]:
    """Return the names of the features that a problem has."""
    return frozenset(name for name, has in FEATURES.items() if has(problem))


@cache
def _pool() -> tuple[Problem, ...]:
    """Return problems of every kind, the cheapest first.

    None is cropped: most kernels that take `pads` mean padding.
    """
    problems = {problem for name in _POOL for case in find_suite(name) for problem in case.problems}
    padded = [problem for problem in problems if min(map(min, problem.pads)) >= 0]
    return tuple(sorted(padded, key=lambda one: (one.dense_macs, str(one))))


def _is_degenerate(problem: Problem) -> bool:
    """Say whether an axis has one element only, so that many mistakes in it do not show."""
    channels = (problem.in_channels // problem.groups, problem.out_channels // problem.groups)
    return min(*channels, *problem.output_size, *problem.kernel_size) < 2


def untried(one: Implementation, suites: Iterable[Suite], refuses: Refuses) -> dict[Problem, frozenset[str]]:
    """Return the smallest set of problems that tries what is declared and untried, and what each tries.

    The set is found greedily, which comes within a factor of ln(features) of the smallest; problems with
    an axis of one element are taken only for what no other tries. `suites` are what the implementation is
    asked already.
    """
    asked = {problem for suite in suites for case in suite for problem in case.problems}
    tried = _united(problem for problem in asked if not refuses(one, problem))
    supported = [problem for problem in _pool() if not refuses(one, problem)]
    left = _united(supported) - tried
    found: dict[Problem, frozenset[str]] = {}
    while left:
        tries = {problem: mine for problem in supported if (mine := features_of(problem) & left)}
        best = max(tries, key=lambda problem: (not _is_degenerate(problem), len(tries[problem])))
        found[best] = tries[best]
        left -= tries[best]
    return found


def _united(problems: Iterable[Problem]) -> frozenset[str]:
    return _united_sets(map(features_of, problems))


def _united_sets(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)


def untried_features(
    implementations: Collection[Implementation], suites: Sequence[Suite], refuses: Refuses
) -> dict[str, list[str]]:
    """Return the features that implementations declare and no case tries, by the implementation's name."""
    found = {}
    for one in implementations:
        mine = [suite for suite in suites if suite.is_for(one.name)]
        if left := _in_order(untried(one, mine, refuses).values()):
            found[one.name] = left
    return found


def with_declared(
    suites: Sequence[Suite], implementations: Collection[Implementation], refuses: Refuses
) -> list[Suite]:
    """Return suites with cases of what is declared and untried, for each implementation that is not built in.

    Implementations that lack the same features share a suite.
    """
    lacking: dict[tuple[tuple[Problem, frozenset[str]], ...], set[str]] = {}
    for one in implementations:
        if one.origin != "built-in":
            mine = [suite for suite in suites if suite.is_for(one.name)]
            lacking.setdefault(tuple(untried(one, mine, refuses).items()), set()).add(one.name)
    return [*suites, *(_suite_of(dict(found), names) for found, names in lacking.items() if found)]


def _suite_of(found: Mapping[Problem, frozenset[str]], names: Collection[str]) -> Suite:
    features = ", ".join(_in_order(found.values()))
    return Suite(
        DECLARED,
        tuple(Case(str(problem), (problem,)) for problem in found),
        f"declared, and not tried by the chosen suites: {features}",
        implementations=frozenset(names),
        is_timed=False,
    )


def _in_order(sets: Iterable[frozenset[str]]) -> list[str]:
    """Return the features of some sets, once each."""
    found = _united_sets(sets)
    return [name for name in FEATURES if name in found]


def in_narrow_dtypes(suites: Sequence[Suite], implementations: Collection[Implementation]) -> list[Suite]:
    """Return suites, in a further version for implementations of 16-bit data types alone, in their types.

    A suite is written in float32; an implementation of float16 alone would be asked nothing of it. Suites
    that are for some implementations stay as they are.
    """
    names = frozenset(one.name for one in implementations)
    narrow: dict[tuple[str, ...], set[str]] = {}
    for one in implementations:
        if not _WIDE_DTYPES & set(one.dtypes):
            narrow.setdefault(one.dtypes, set()).add(one.name)
    wide = names.difference(*narrow.values())
    if not narrow:
        return list(suites)
    restricted = [suite for suite in suites if suite.implementations is not None]
    suites = [suite for suite in suites if suite.implementations is None]
    found = [replace(suite, implementations=wide) for suite in suites] if wide else []
    for dtypes, own in narrow.items():
        found += [replace(in_dtypes(suite, dtypes), implementations=frozenset(own)) for suite in suites]
    return [*found, *restricted]


def random_within(
    suites: Sequence[Suite], implementations: Collection[Implementation], refuses: Refuses
) -> list[Suite]:
    """Return suites of which each random one is drawn within what implementations declare.

    Implementations that declare the same are asked the same problems.
    """
    found: list[Suite] = []
    for suite in suites:
        if suite.source.partition(":")[0] != RANDOM:
            found.append(suite)
            continue
        alike: dict[str, list[Implementation]] = {}
        for one in implementations:
            alike.setdefault(_declaration(one), []).append(one)
        for some in alike.values():
            one, names = some[0], [each.name for each in some]
            allowed = {**one.constraints, "dtype": one.dtypes}
            drawn = random_suite(suite.source, allowed, partial(refuses, one))
            found.append(replace(drawn, implementations=frozenset(names)))
    return [suite for suite in found if len(suite)]


def _declaration(one: Implementation) -> str:
    """Return what decides on which problems an implementation supports; a condition is its own."""
    condition = "" if one.when is None else one.name
    return repr((sorted(one.constraints.items()), one.dtypes, one.direction, one.parameters, condition))
