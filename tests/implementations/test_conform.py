"""Each implementation of convharness, on each parameter alone and on pairs, in 1-, 2- and 3-D."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from convharness import Case, Implementation, Problem, Settings, Suite, discover, find_suite, run
from convharness.execution.kernel_call import bind
from convharness.numerics.arrays import adapter
from convharness.numerics.operands import reals
from convharness.oracle import Oracle

REGISTRY = discover(entry_points=False)
BY_NAME = {one.name: one for one in REGISTRY.implementations}

SIZES = {1: "w9", 2: "h7w8", 3: "d4h5w6"}
KERNELS = {1: "k3", 2: "k3x2", 3: "k2x3x2"}
UNEVEN = {
    1: ("s2", "p1:2", ("p2:-1", "p-1:2"), "d2"),
    2: ("s2x1", "p1x0:2", ("p1:-1x2", "p-1x-2:1"), "d1x2"),
    3: ("s1x2x1", "p1x0x0:1", ("p1:-1x1x0", "p-1:1x0x-2:-1"), "d1x2x1"),
}


def _table() -> list[str]:
    """Return small problems: each parameter alone, then pairs, for each number of axes."""
    found = []
    for ndim, size in SIZES.items():
        stride, pads, crops, dilation = UNEVEN[ndim]
        plain = f"n1c4{size}-o6{KERNELS[ndim]}"
        pairs = [
            f"{stride}{pads}",
            f"{stride}{dilation}",
            f"{pads}{dilation}",
            f"{stride}g2",
            f"{dilation}g2b",
            f"{pads}g2b",
        ]
        found += [
            plain,
            f"n3c4{size}-o6{KERNELS[ndim]}",
            f"n1c1{size}-o1k1",
            f"n2c4{size}-o6k1b",
            f"n1c4{size}-o6k1s2g2",
        ]
        found += [
            plain + one
            for one in (
                "s2",
                stride,
                "p1",
                pads,
                *crops,
                "d2" if ndim < 3 else dilation,
                dilation,
                "g2",
                "b",
                *pairs,
            )
        ]
        found += [f"n2c4{size}-o4{KERNELS[ndim]}p1g4", f"n2c4{size}-o8{KERNELS[ndim]}{stride}{dilation}g4b"]
        found += [
            f"{plain}p1{rest}-{mode}" for mode in ("reflect", "replicate", "circular") for rest in ("", "g2b")
        ]
        found += [f"{plain}{one}-reflect" for one in (pads, crops[0], crops[1], f"{stride}{pads}{dilation}")]
        found += [
            f"{plain}{one}-{dtype}"
            for one in ("", f"{stride}p1b")
            for dtype in ("float64", "float16", "bfloat16")
        ]
    return [str(Problem.parse(text)) for text in dict.fromkeys(found)]


TABLE = _table()


THOROUGHLY = frozenset(TABLE[::-5])
"""Problems for the standard level, which adds values, state and layouts to the geometry of the quick one."""


@cache
def oracle(level: str = "standard") -> Oracle:
    """Return the oracle that all tests share, so that data and references are computed once."""
    return Oracle(level=level)


@cache
def status_of(name: str, text: str) -> tuple[str, str | None]:
    """Return the status of an implementation on a problem, and the reason."""
    problem = Problem.parse(text)
    level = "standard" if text in THOROUGHLY else "quick"
    verdict = oracle(level).judge(BY_NAME[name], Case(text, (problem,)))
    return verdict.status, verdict.reason


@pytest.mark.parametrize("text", TABLE)
def test_every_implementation_is_right_or_says_what_it_needs(text: str) -> None:
    """Each implementation passes on a problem or is unsupported with a reason."""
    outcomes = {name: status_of(name, text) for name in BY_NAME}

    assert {} == {
        name: (status, reason)
        for name, (status, reason) in outcomes.items()
        if status != "passed" and not (status == "unsupported" and reason)
    }


@pytest.mark.parametrize("text", TABLE)
def test_every_problem_of_the_table_is_supported(text: str) -> None:
    """Each problem of the table is passed by an implementation."""
    assert "passed" in {status_of(name, text)[0] for name in BY_NAME}


@pytest.mark.parametrize("name", BY_NAME)
def test_every_implementation_passes_somewhere(name: str) -> None:
    """Each implementation passes on a problem."""
    texts = (
        *TABLE,
        "n1c1h5w5-o1k3-float32",
        "n1c3h5w5-o1k3-float32",
        "n1c3h5w5-o2k3-float32",
        "n1c3h5w5-o2k1-float32",
    )

    assert "passed" in {status_of(name, text)[0] for text in texts}


def test_no_family_is_broken_or_unavailable() -> None:
    """No family of convharness is broken, or unavailable with all libraries installed."""
    assert ((), ()) == (REGISTRY.broken, REGISTRY.unavailable)


X = [[[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[1, 2, 3], [4, 5, 6], [7, 8, 9]]]
K = np.array([[[0, 1], [2, 3]], [[1, 2], [3, 4]]])
WORKED = {
    1: [[[56, 72], [104, 120]]],
    2: [[[56, 72], [104, 120]], [[76, 100], [148, 172]]],
    3: [[[56, 72], [104, 120]], [[76, 100], [148, 172]], [[96, 128], [192, 224]]],
}


def output(one: Implementation, problem: Problem, x: Any, weight: Any) -> np.ndarray:
    """Return the output of an implementation for given numbers."""
    operands = reals(problem, 0)
    operands.x[...] = np.reshape(x, problem.input_shape)
    operands.weight[...] = np.reshape(weight, problem.weight_shape)
    bound = bind(one, problem, operands)
    return adapter(one.arrays).take_back(bound.run())


def supporting(problem: Problem) -> list[Implementation]:
    """Return the implementations that support a problem."""
    return [one for one in REGISTRY.implementations if one.refuses(problem) is None]


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_the_worked_figures_come_out_of_every_implementation(channels: int) -> None:
    """The outputs of the tutorials are exact, or within 10⁻⁵ for classes that round."""
    problem = Problem(in_channels=2, input_size=3, out_channels=channels, kernel_size=2)
    weight = [K + o for o in range(channels)]
    outputs = [(one, output(one, problem, X, weight)) for one in supporting(problem)]

    wrong = [
        one.name
        for one, y in outputs
        if (
            y.tolist() != [WORKED[channels]]
            if one.accuracy.exact
            else not np.allclose(y, [WORKED[channels]], rtol=1e-5)
        )
    ]
    assert [] == wrong
    assert {"numpy_arrays", "python_loops", "pytorch", "scipy_signal", "tutorial"} <= {
        one.family for one, _ in outputs
    }


@pytest.mark.parametrize("seed", range(5))
def test_the_matrix_product_is_the_1x1_convolution(seed: int) -> None:
    """Σ|Y_matmul − Y_loops| is below 10⁻⁶ in float32, as in the tutorials."""
    problem = Problem(in_channels=3, input_size=3, out_channels=2, kernel_size=1)
    random = np.random.default_rng(seed)
    x, weight = random.normal(size=problem.input_shape), random.normal(size=problem.weight_shape)
    loops = output(BY_NAME["tutorial.corr2d_multi_in_out"], problem, x, weight)
    sums = {
        name: np.abs(output(BY_NAME[name], problem, x, weight) - loops).sum()
        for name in ("tutorial.corr2d_multi_in_out_1x1", "pointwise.numpy_matmul", "pointwise.torch_matmul")
    }

    assert {} == {name: total for name, total in sums.items() if not total < 1e-6}


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("c1h4w4-o1k3", (1, 1, 2, 2)),
        ("c1h5w5-o1k3", (1, 1, 3, 3)),
        ("c64h28w28-o128k1", (1, 128, 28, 28)),
        ("c32h32w32-o16k1", (1, 16, 32, 32)),
    ],
)
def test_outputs_have_the_tutorials_shapes(text: str, shape: tuple[int, ...]) -> None:
    """The outputs of all implementations have the shapes of the tutorials."""
    problem = Problem.parse(text)
    operands = reals(problem, 0)
    found = {output(one, problem, operands.x, operands.weight).shape for one in supporting(problem)}

    assert {shape} == found


def test_the_convolution_by_hand_is_there_for_square_images() -> None:
    """The convolution by hand supports square images of one channel, and has a reason for others."""
    manual = BY_NAME["tutorial.manual_convolution"]
    reasons = [manual.refuses(Problem.parse(text)) for text in ("c1h5w5-o1k3", "c2h5w5-o1k3", "c1h5w6-o1k3")]

    assert None is reasons[0]
    assert "needs in_channels 1, got 2" == str(reasons[1])
    assert "needs a square input, got (5, 6)" == str(reasons[2])


def test_the_bottleneck_is_right_layer_by_layer() -> None:
    """The bottleneck of the tutorials passes, or is unsupported because of one of its layers."""
    case = next(case for case in find_suite("seeds") if case.label == "bottleneck")
    statuses = {
        name: oracle().judge(one, case).status
        for name, one in BY_NAME.items()
        if one.family in ("pytorch", "pointwise")
    }

    assert {"passed", "unsupported"} == set(statuses.values())
    assert ("passed", "unsupported") == (statuses["pytorch.conv"], statuses["pointwise.numpy_matmul"])


def fifth_of(suite: Suite) -> Suite:
    """Return every fifth case of a suite; all of them take minutes."""
    return replace(suite, cases=suite.cases[::5])


def test_every_implementation_is_right_on_the_suites_of_features() -> None:
    """No implementation fails on a fifth of the suites of features, in worker processes as in a user's run.

    The quick level is enough for geometry; the table above has the standard one, `check` asks all cases.
    """
    suites = [find_suite("seeds"), *(fifth_of(find_suite(name)) for name in ("features", "corner"))]
    records = list(run(suites, REGISTRY.implementations, Settings(level="quick", jobs=2)))

    assert len(REGISTRY.implementations) * sum(map(len, suites)) == len(records)
    assert {} == {
        (record.suite, record.case.label, record.implementation.name): record.verdict.reason
        for record in records
        if record.verdict.failed
    }
