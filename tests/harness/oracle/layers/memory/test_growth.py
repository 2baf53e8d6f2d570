"""Growth of memory: what goes on growing is told from what grows for a while."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

import pytest

from convharness.execution.host import Growth
from convharness.execution.local_host import LocalHost
from convharness.oracle import Oracle
from convharness.oracle.layers.memory import growth
from convharness.problems.problem import Problem
from convharness.zoo.convolution import convolve, made

MIB = 2**20
PLAIN = "n2c3h6w7-o4k3-float32"


class Growing(LocalHost):
    """A host whose memory grows as it is told: by so many bytes per call or shape, up to a limit."""

    def __init__(self, step: int, most: int = 2**62, first_s: float = 0.0) -> None:
        super().__init__(made(convolve))
        self.step, self.most, self.first_s = step, most, first_s
        self.number = 0

    def grown_by_calls(self, held: Any, rounds: int, each: int, within_s: float) -> Growth:
        """Grow with each call."""
        return self._grown(rounds, each)

    def grown_by_shapes(self, problems: Sequence[Problem], each: int, within_s: float) -> Growth:
        """Grow with each problem."""
        return self._grown(len(problems) // each, each)

    def _grown(self, rounds: int, each: int) -> Growth:
        sizes = [self._size()]
        for _ in range(rounds):
            self.number += each
            sizes.append(self._size())
        return Growth(sizes, each, self.first_s, 0.0)

    def _size(self) -> int:
        return 100 * MIB + min(self.number * self.step, self.most)


def asked(host: Growing, by: str) -> tuple[list[str], dict[str, int]]:
    """Return the statuses and the trait that come of a host."""
    trial = Oracle(level="thorough").trial(host, Problem.parse(PLAIN))
    bound = trial.bound(trial.data_of(trial.sharp)[0])
    found = growth.by_shapes(trial) if by == "shape" else growth.by_calls(trial, bound)
    return [verdict.status for verdict in found], trial.found.get("grows_by_bytes", {})


@pytest.mark.parametrize("by", ["call", "shape"])
def test_what_would_exhaust_a_machine_is_refused(by: str) -> None:
    """And what grows by less is a trait."""
    each = MIB // 4 if by == "call" else 2 * MIB

    assert (["memory"], {by: each}) == asked(Growing(each), by)
    assert ([], {by: 140_000}) == asked(Growing(140_000), by)


@pytest.mark.parametrize("by", ["call", "shape"])
def test_memory_that_stays_is_no_trait(by: str) -> None:
    """Nor is what the system's counters may be off by."""
    assert ([], {}) == asked(Growing(0), by)
    assert ([], {}) == asked(Growing(100), by)


@pytest.mark.parametrize(("by", "most"), [("call", 200 * MIB), ("shape", 2 * 128 * MIB)])
def test_a_cache_that_is_full_at_last_is_not_refused(by: str, most: int) -> None:
    """Python's own keeps what 128 shapes need."""
    each = MIB // 4 if by == "call" else 2 * MIB

    assert ([], {}) == asked(Growing(each, most), by)


def test_code_that_is_compiled_for_a_shape_is_kept() -> None:
    """A compiler takes far longer than touching new memory does."""
    assert ([], {"shape": MIB}) == asked(Growing(MIB, first_s=0.05), "shape")
    assert (["memory"], {"shape": 100 * MIB}) == asked(Growing(100 * MIB, first_s=0.05), "shape")


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], None),
        ([5 * MIB], None),
        ([0, MIB, 2 * MIB, 3 * MIB, 4 * MIB], MIB // 2),
        ([0, MIB, 2 * MIB, 3 * MIB, 3 * MIB], None),
        ([0, 0, 0, MIB, 2 * MIB], MIB // 2),
        ([0, 9 * MIB, 9 * MIB, 9 * MIB, 9 * MIB], None),
        ([0, 100, 200, 300, 400], None),
    ],
)
def test_growth_is_what_goes_on_to_the_end(sizes: list[int], expected: int | None) -> None:
    """Every round of the later half has to grow, by more than readings are off."""
    assert expected == growth.growth_of(Growth(sizes, 2))


@pytest.mark.parametrize("text", [PLAIN, "n1c2w9-o2k3-float32", "n1c1d3h4w5-o1k2-float32"])
def test_shapes_nearby_are_all_different(text: str) -> None:
    """Nothing but the input's size changes."""
    problem = Problem.parse(text)
    found = list(islice(growth.shapes_near(problem), 300))

    assert 300 == len({one.input_size for one in found} - {problem.input_size})
    assert {problem.weight_shape} == {one.weight_shape for one in found}
