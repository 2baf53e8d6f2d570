"""The self-test of the oracle: what it, and each of its layers, refuses of the kernels of the zoo."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from time import perf_counter
from typing import Any

from ..plugins.declaration import Implementation
from ..problems.problem import Problem
from ..problems.suite import Case
from . import LAYERS, Oracle

PROBLEMS = (
    "n2c3h6w7-o4k3b-float32",
    "n1c4h7w7-o6k3s2p1g2b-float64",
    "n1c2w9-o3k3p1:2d2-reflect-float32",
    "n1c2d4h4w4-o2k2p1-circular-float32",
    "n1c6h4w5-o2k3x2p2:-1b-replicate-float16",
    "n2c5h4w4-o2k3b-bfloat16",
)
"""The problems on which unusual kernels must pass."""


@dataclass(frozen=True)
class Finding:
    """The verdict of the oracle on one kernel and problem, and the statuses of its layers.

    `layers` has the status that each layer gives on its own; `seconds` is the time that the verdict took.
    """

    kernel: str
    is_wrong: bool
    about: str
    problem: str
    status: str
    layer: str | None
    reason: str | None
    layers: Mapping[str, str]
    seconds: float

    @property
    def is_as_it_should_be(self) -> bool:
        """Say whether a wrong kernel was refused, or a right one was not."""
        refused = self.status not in ("passed", "unsupported")
        return refused == self.is_wrong


@dataclass(frozen=True)
class Score:
    """The kill rate over wrong kernels and the false-alarm rate over right ones, with their counts."""

    wrong: int
    killed: int
    right: int
    alarms: int
    seconds: float

    @property
    def is_perfect(self) -> bool:
        """Say whether every wrong kernel was refused, and no right one."""
        return self.killed == self.wrong and self.alarms == 0

    def __str__(self) -> str:
        kills = 100 * self.killed / self.wrong if self.wrong else 100
        alarms = 100 * self.alarms / self.right if self.right else 0
        return (
            f"{self.killed} of {self.wrong} wrong kernels refused ({kills:.4g} %),"
            f" {self.alarms} of {self.right} right ones refused ({alarms:.4g} %), in {self.seconds:.1f} s"
        )


def size() -> int:
    """Return how many findings a whole selftest has."""
    zoo = _zoo()
    return len(zoo.WRONG) + len(zoo.RIGHT) * len(PROBLEMS) + len(zoo.RIGHT_ON)


def findings(*, level: str = "thorough", seed: int = 0) -> Iterator[Finding]:
    """Yield a finding for every wrong kernel on its own problem, and for every right one.

    Right ones are asked on `PROBLEMS`, or on their own problem where they are unusual on some alone.
    """
    zoo = _zoo()
    oracle = Oracle(level=level, seed=seed)
    for mutant in zoo.WRONG:
        yield _finding(oracle, mutant.implementation, mutant.problem, is_wrong=True)
    for text in PROBLEMS:
        for one in zoo.RIGHT:
            yield _finding(oracle, one, Problem.parse(text), is_wrong=False)
    for odd in zoo.RIGHT_ON:
        yield _finding(oracle, odd.implementation, odd.problem, is_wrong=False)


def score(found: Sequence[Finding]) -> Score:
    """Return the rates of some findings; a right kernel counts once, however often it was refused."""
    wrong = [one for one in found if one.is_wrong]
    right = {one.kernel for one in found if not one.is_wrong}
    alarms = {one.kernel for one in found if not one.is_wrong and not one.is_as_it_should_be}
    killed = sum(one.is_as_it_should_be for one in wrong)
    return Score(len(wrong), killed, len(right), len(alarms), sum(one.seconds for one in found))


def rows(found: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return findings as flat rows, a column per layer: the kill matrix."""
    flat = []
    for one in found:
        row = asdict(one)
        layers = row.pop("layers")
        flat.append({**row, **{name: layers.get(name) for name in LAYERS}})
    return flat


def marks(found: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return the kill matrix for people: wrong kernels with a mark for every layer that refuses them.

    Right kernels that were refused follow.
    """
    return [
        {
            "kernel": one.kernel,
            "verdict": one.status if one.is_as_it_should_be else f"{one.status} (!)",
            "by": one.layer,
            **{name: "x" if _refused(one, name) else "" for name in LAYERS},
            "about": one.about,
        }
        for one in found
        if one.is_wrong or not one.is_as_it_should_be
    ]


def layer_rows(found: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return for every layer how many wrong kernels it refuses, and how many it alone refuses."""
    wrong = [one for one in found if one.is_wrong]
    refusers = [{name for name in LAYERS if _refused(one, name)} for one in wrong]
    return [
        {
            "layer": name,
            "refuses": sum(name in layers for layers in refusers),
            "names itself": sum(one.layer == name for one in wrong),
            "is alone": sum(layers == {name} for layers in refusers),
        }
        for name in LAYERS
    ]


def _refused(one: Finding, layer: str) -> bool:
    return one.layers.get(layer, "passed") not in ("passed", "unsupported")


def _zoo() -> Any:
    """Return the zoo, which is looked up by name as implementations are: the engine does not depend on it."""
    return import_module("convharness.zoo")


def _finding(oracle: Oracle, one: Implementation, problem: Problem, *, is_wrong: bool) -> Finding:
    begin = perf_counter()
    verdict = oracle.judge(one, Case(str(problem), (problem,)))
    seconds = perf_counter() - begin
    layers: dict[str, str] = {}
    if verdict.status != "unsupported":
        layers = {name: seen.status for name, seen in oracle.seen_by(one, problem).items()}
    return Finding(
        kernel=one.name.removeprefix("zoo."),
        is_wrong=is_wrong,
        about=one.description,
        problem=str(problem),
        status=verdict.status,
        layer=verdict.layer,
        reason=verdict.reason,
        layers=layers,
        seconds=seconds,
    )
