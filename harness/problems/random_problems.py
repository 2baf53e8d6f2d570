"""Random problems: fresh geometry around the sizes at which kernels switch paths, within what is allowed.

Each problem moves three of its dimensions away from their defaults; the image takes what is left of a
bound on the multiply-adds. What each dimension draws from stands in one table.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from math import gcd, prod
from random import Random
from typing import Any

from ..errors import ProblemError, SelectionError
from .dimension_rules import RULES, log_uniform, one_of
from .fields import DTYPES, PADDING_MODES, SPATIAL_FIELDS
from .problem import Problem
from .suite import Case, Suite

RANDOM = "random"
"""What names of random suites begin with."""

Draw = Callable[[int], int]
"""A source of seeds: a whole number from 0 to below its argument."""

MOST_MACS = 10_000_000
"""Multiply-adds of a problem, at most."""

_USUAL_MACS = (30_000, 1_000_000)
_RARELY = 0.02
"""The share of problems as large as a layer, and of empty batches."""

_MOST_ELEMENTS = 2**20
_FEW_OUTPUTS = 14
_LAYER_OUTPUTS = 64
_DIMENSIONS_AT_ONCE = 3
_ATTEMPTS = 40
"""Draws for each problem that is asked for; where most are refused, there are fewer problems."""


_DIMENSIONS: Mapping[str, float] = {
    "batch_size": 1,
    "in_channels": 1,
    "out_channels": 1,
    "groups": 1,
    "input_size": 1.6,
    "kernel_size": 1.6,
    "stride": 1,
    "dilation": 1,
    "padding": 1,
}
"""The dimensions that can be moved, and how readily: conditions on images and kernels are commonest."""


def random_problems(
    count: int,
    seed: int,
    allowed: Mapping[str, Any] | None = None,
    refuses: Callable[[Problem], object] = lambda _: None,
) -> list[Problem]:
    """Return at most `count` different problems: the same for the same seed, on every machine.

    `allowed` restricts dimensions, `ndim` and `dtype` as an implementation declares it: one value or
    alternatives, of which a tuple is one value per axis where the dimension is spatial. Problems for
    which `refuses` returns something true are left out. Those that remain differ in more than their
    data type. Where nearly everything is refused there are fewer of them.
    """
    found: dict[Problem, Problem] = {}
    for attempt in range(_ATTEMPTS * count):
        if len(found) == count:
            break
        problem = _Geometry(_random(seed, attempt), allowed or {}).problem()
        if problem is not None and not refuses(problem):
            found.setdefault(problem.replace(dtype=DTYPES[0]), problem)
    return list(found.values())


def _random(seed: int, attempt: int) -> Random:
    """Return a source of numbers; only its `random()` stays the same from one Python to the next."""
    digest = hashlib.sha256(f"{seed}:{attempt}".encode()).digest()
    return Random(int.from_bytes(digest, "big"))  # noqa: S311 geometry is not a secret


class _Geometry:
    """One draw: which dimensions move away from their defaults, and to what."""

    def __init__(self, random: Random, allowed: Mapping[str, Any]) -> None:
        self._random, self._allowed = random, allowed
        free = [name for name in _DIMENSIONS if name not in allowed or _is_choice(name, allowed[name])]
        # The largest of u^(1/weight): a weighted draw without replacement (Efraimidis and Spirakis, 2006).
        order = sorted(free, key=lambda name: random.random() ** (1 / _DIMENSIONS[name]))
        self._away = set(order[-_DIMENSIONS_AT_ONCE:])
        ndims = (2, 2, 2, 2, 1, 3)
        self._ndim: int = self._pick("ndim") if "ndim" in allowed else one_of(random, ndims)

    def problem(self) -> Problem | None:
        """Return the problem, or None where the dimensions do not go together."""
        most_macs = self._drawn_macs()
        in_channels, out_channels, groups = self._channels()
        fields: dict[str, Any] = {
            "batch_size": self._batch_size(),
            "in_channels": in_channels,
            "out_channels": out_channels,
            "groups": groups,
            "kernel_size": self._spatial("kernel_size", 3),
            "stride": self._spatial("stride", 1),
            "dilation": self._spatial("dilation", 1),
            "bias": self._pick("bias") if "bias" in self._allowed else self._is_so(0.25),
            "dtype": self._dtype(),
        }
        try:
            fields |= self._padding(fields)
            problem = Problem(input_size=self._input_size(fields, most_macs), **fields)
        except ProblemError:
            return None
        shapes = (problem.input_shape, problem.weight_shape, problem.output_shape)
        fits = problem.dense_macs <= most_macs and max(map(prod, shapes)) <= _MOST_ELEMENTS
        return problem if fits else None

    def _is_so(self, share: float) -> bool:
        return self._random.random() < share

    def _drawn_macs(self) -> int:
        """Return how many multiply-adds the problem may have; the large ones have about as many."""
        if self._is_so(_RARELY):
            return log_uniform(self._random, MOST_MACS // 4, MOST_MACS)
        return log_uniform(self._random, *_USUAL_MACS)

    def _pick(self, name: str) -> Any:
        """Return an allowed value: half of the time one that the rule draws, if that is allowed."""
        allowed = self._allowed[name]
        if name in RULES and self._is_so(0.5):
            drawn = RULES[name].draw(self._random)
            if _holds(name, allowed, drawn):
                return drawn
        return _picked(self._random, name, allowed)

    def _batch_size(self) -> int:
        if "batch_size" in self._allowed:
            return int(self._pick("batch_size"))
        if self._is_so(_RARELY):
            return 0
        return RULES["batch_size"].draw(self._random) if "batch_size" in self._away else 1

    def _dtype(self) -> str:
        known = self._allowed.get("dtype", DTYPES)
        if _holds("dtype", known, "float32") and self._is_so(0.6):
            return "float32"
        return str(_picked(self._random, "dtype", known))

    def _channels(self) -> tuple[int, int, int]:
        """Return input channels, output channels and groups; a group of one channel is depthwise."""
        random, away, allowed = self._random, self._away, self._allowed
        groups = self._pick("groups") if "groups" in allowed else 1
        if "groups" not in away:
            inputs, outputs = (groups * self._count(name) for name in ("in_channels", "out_channels"))
        elif self._is_so(0.4):
            inputs = RULES["in_channels" if "in_channels" in away else "groups"].draw(random)
            groups = inputs if "groups" not in allowed else groups
            outputs = inputs * one_of(random, (1, 1, 2, 3))
        else:
            groups = RULES["groups"].draw(random) if "groups" not in allowed else groups
            inputs, outputs = (groups * RULES[name].draw(random) for name in ("group_in", "group_out"))
        inputs = self._pick("in_channels") if "in_channels" in allowed else inputs
        outputs = self._pick("out_channels") if "out_channels" in allowed else outputs
        return inputs, outputs, groups if "groups" in allowed else gcd(groups, inputs, outputs)

    def _count(self, name: str) -> int:
        return RULES[name].draw(self._random) if name in self._away else log_uniform(self._random, 1, 4)

    def _spatial(self, name: str, default: int) -> tuple[int, ...]:
        """Return one value per axis, equal ones most of the time."""
        if name in self._allowed:
            return _per_axis(self._pick(name), self._ndim)
        if name not in self._away:
            return (default,) * self._ndim
        rule = RULES[name]
        if self._is_so(2 / 3):
            return (rule.draw(self._random),) * self._ndim
        return tuple(one_of(self._random, (1, default, rule.draw(self._random))) for _ in range(self._ndim))

    def _padding(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return padding and its mode."""
        padding: tuple[Any, ...] = (0,) * self._ndim
        if "padding" in self._allowed:
            padding = _per_axis(self._pick("padding"), self._ndim)
        elif "padding" in self._away:
            padding = self._drawn_padding(_spans(fields))
        mode = "zeros"
        if "padding_mode" in self._allowed:
            mode = self._pick("padding_mode")
        elif any(padding) and self._is_so(0.3):
            mode = one_of(self._random, PADDING_MODES[1:])
        return {"padding": padding, "padding_mode": mode}

    def _drawn_padding(self, spans: Sequence[int]) -> tuple[Any, ...]:
        """Return the same padding on all sides, half of the kernel, one side only, or all different."""

        def draw() -> int:
            return RULES["padding"].draw(self._random)

        way = one_of(self._random, ("same", "half", "side", "different"))
        if way == "same":
            return (draw(),) * len(spans)
        if way == "half":
            return tuple(span // 2 for span in spans)
        if way == "side":
            return tuple(one_of(self._random, ((draw(), 0), (0, draw()), 0)) for _ in spans)
        return tuple((draw(), draw()) for _ in spans)

    def _input_size(self, fields: Mapping[str, Any], most_macs: int) -> tuple[int, ...]:
        """Return the size of the image: drawn, or as many outputs as are left of the multiply-adds."""
        if "input_size" in self._allowed:
            return _per_axis(self._pick("input_size"), self._ndim)
        pads = [(side, side) if isinstance(side, int) else side for side in fields["padding"]]
        spans = _spans(fields)
        # Reflected elements lie beyond the border.
        least = [max(1, span - sum(sides)) for span, sides in zip(spans, pads, strict=True)]
        if fields["padding_mode"] in ("reflect", "circular"):
            least = [
                max(size, *(side + 1 for side in sides)) for size, sides in zip(least, pads, strict=True)
            ]
        if "input_size" in self._away:
            return self._drawn_image(least)
        work = (
            max(1, fields["batch_size"]) * fields["out_channels"] * fields["in_channels"] // fields["groups"]
        )
        outputs = int((most_macs / (work * prod(fields["kernel_size"]))) ** (1 / self._ndim))
        most = _LAYER_OUTPUTS if most_macs > _USUAL_MACS[1] else _FEW_OUTPUTS
        return self._left_image(least, fields["stride"], max(1, min(outputs, most)))

    def _drawn_image(self, least: Sequence[int]) -> tuple[int, ...]:
        """Return a square image, or a small one with long rows."""
        if self._is_so(0.6):
            size = RULES["input_size"].draw(self._random)
            return tuple(max(size, one) for one in least)
        few = [one + log_uniform(self._random, 1, 4) - 1 for one in least[:-1]]
        return (*few, max(least[-1], RULES["row"].draw(self._random)))

    def _left_image(self, least: Sequence[int], stride: Sequence[int], most: int) -> tuple[int, ...]:
        """Return a size for up to `most` outputs per axis, with up to a stride of inputs left over."""
        outputs = [most if most > _FEW_OUTPUTS else log_uniform(self._random, 1, most) for _ in least]
        if self._is_so(0.5):
            outputs = outputs[:1] * len(least)
        return tuple(
            size + (count - 1) * step + int(self._random.random() * step)
            for size, count, step in zip(least, outputs, stride, strict=True)
        )


def _spans(fields: Mapping[str, Any]) -> list[int]:
    """Return how far the dilated kernel reaches on each axis."""
    return [d * (k - 1) + 1 for k, d in zip(fields["kernel_size"], fields["dilation"], strict=True)]


def _per_axis(value: Any, ndim: int) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,) * ndim


def _is_choice(name: str, allowed: Any) -> bool:
    """Say whether what is allowed lists alternatives, as declarations write them."""
    listed = isinstance(allowed, list | set | frozenset | range)
    return listed or (isinstance(allowed, tuple) and name not in SPATIAL_FIELDS)


def _picked(random: Random, name: str, allowed: Any) -> Any:
    """Return one of the alternatives; small ones of a range are as likely as large ones."""
    while _is_choice(name, allowed):
        if isinstance(allowed, range):
            return allowed[log_uniform(random, 1, len(allowed)) - 1]
        # The order of a set differs from one process to the next.
        allowed = one_of(random, sorted(allowed, key=repr))
    return allowed


def _holds(name: str, allowed: Any, value: Any) -> bool:
    """Say whether one value for all axes is among the alternatives."""
    if isinstance(allowed, range):
        return value in allowed
    if not _is_choice(name, allowed):
        return bool(value == allowed)
    return any(_holds(name, one, value) for one in allowed)


def random_suite(
    name: str,
    allowed: Mapping[str, Any] | None = None,
    refuses: Callable[[Problem], object] = lambda _: None,
) -> Suite:
    """Return the suite of a name such as `random:50:1234`; one without a seed gives a fresh suite.

    The suite's own name has the seed; the rest is as for `random_problems`. Raises `SelectionError` for a
    name that is not of this form.
    """
    name = with_seed(name)
    _, count, seed = name.split(":")
    problems = random_problems(int(count), int(seed), allowed, refuses)
    cases = tuple(Case(str(problem), (problem,)) for problem in problems)
    return Suite(name, cases, "Random geometry around the sizes at which kernels switch paths.", name)


def with_seed(name: str, draw: Draw = secrets.randbelow) -> str:
    """Return the name of a random suite with its seed; without one `draw` gives it, below 10⁹.

    Raises `SelectionError` for a name that is not one of a random suite.

    >>> with_seed("random:50", draw=lambda below: 7)
    'random:50:7'
    """
    match = re.fullmatch(rf"{RANDOM}:([1-9][0-9]{{0,4}})(?::([0-9]{{1,18}}))?", name)
    if match is None:
        raise SelectionError(
            f"cannot read {name!r} as a random suite; write random:N or random:N:SEED, with N from 1 to"
            " 99,999 and a seed of at least 0, such as random:50:1234"
        )
    seed = draw(10**9) if match[2] is None else int(match[2])
    return f"{RANDOM}:{match[1]}:{seed}"
