"""Coverage: what an implementation declares is tried, by the chosen suites or by further cases."""

from typing import Any

import pytest

from convharness import Implementation, Problem, Suite, find_suite, implementation
from convharness.engine.coverage import (
    FEATURES,
    features_of,
    in_narrow_dtypes,
    random_within,
    untried,
    untried_features,
    with_declared,
)
from tests.making import case_of, declared

PLAIN = Suite("plain", (case_of("n1c2h6w5-o3k3-float32"),))


def refuses(one: Implementation, problem: Problem) -> bool:
    """Say whether an implementation that runs in this process does not support a problem."""
    return one.refuses(problem) is not None


def kernel(*parameters: str, **keywords: Any) -> Implementation:
    """Return an implementation of a file that asks for some parameters besides x and weight."""
    space: dict[str, Any] = {}
    exec(f"def kernel({', '.join(('x', 'weight', *parameters))}): ...", space)
    return declared(implementation(**keywords)(space["kernel"]), origin="file")


@pytest.mark.parametrize(
    ("problem", "features"),
    [
        ("n1c2h6w5-o3k3-float32", {"float32", "2-D"}),
        ("n2c2w9-o3k3b-float64", {"several samples", "bias", "float64", "1-D"}),
        ("n1c2h6w5-o3k3s2x1-float32", {"stride", "stride per axis", "float32", "2-D"}),
        ("n1c2h6w5-o3k3p1-reflect-float32", {"padding", "reflect padding", "float32", "2-D"}),
        ("n1c2h6w5-o3k1d2-float32", {"float32", "2-D"}),
        ("n1c4h6w5-o4k3g4-float32", {"depthwise", "float32", "2-D"}),
        ("n1c4h6w5-o6k3g2-float32", {"groups", "float32", "2-D"}),
    ],
)
def test_a_problem_has_the_features_in_which_it_differs(problem: str, features: set[str]) -> None:
    """A dilation of one tap, and groups of one channel, are not what their names promise."""
    assert features == features_of(Problem.parse(problem))


def test_what_a_signature_declares_is_tried_by_few_problems() -> None:
    """Each problem is supported and tries at least one feature more, until none is left."""
    one = kernel("bias", "stride", "pads", "dilation", "groups", "padding_mode", ndim=(1, 2, 3))
    found = untried(one, [PLAIN], refuses)
    tried = frozenset().union(*found.values()) | features_of(PLAIN.cases[0].problems[0])

    assert set(FEATURES) - {"float16", "bfloat16"} == tried
    assert len(found) < 10
    assert not any(refuses(one, problem) for problem in found)
    assert all(found.values())


def test_what_a_signature_leaves_out_is_not_tried() -> None:
    """A kernel of x and weight has no groups, no padding and one number of axes."""
    found = untried(kernel(), [PLAIN], refuses)

    assert {"several samples", "kernel per axis", "float64"} == set().union(*found.values())


def test_what_the_suites_try_is_not_tried_again() -> None:
    """The suites of features try everything."""
    one = kernel("bias", "stride", "pads", "dilation", "groups", "padding_mode", ndim=(1, 2, 3))

    assert {} == untried(one, [find_suite("features"), find_suite("corner")], refuses)


def test_cases_are_added_for_implementations_that_are_not_built_in() -> None:
    """Those that lack the same features share a suite, which is judged and not timed."""
    first, second = kernel("groups", name="test.first"), kernel("groups", name="test.second")
    other = kernel(name="test.other", dtype="float32")
    built_in = declared(implementation(name="test.built_in")(lambda x, weight, bias: ...), origin="built-in")
    suites = with_declared([PLAIN], [first, second, other, built_in], refuses)

    assert ["plain", "declared", "declared"] == [suite.name for suite in suites]
    assert [{"test.first", "test.second"}, {"test.other"}] == [suite.implementations for suite in suites[1:]]
    assert [True, False, False] == [suite.is_timed for suite in suites]
    assert "declared, and not tried by the chosen suites: several samples, kernel per axis" == (
        suites[2].description
    )


def test_features_that_no_case_tries_are_named_by_implementation() -> None:
    """In the order of the table."""
    one = kernel("bias", name="test.one", dtype="float32")

    assert {"test.one": ["several samples", "bias", "kernel per axis"]} == untried_features(
        [one], [PLAIN], refuses
    )


def test_an_implementation_of_narrow_types_gets_suites_in_them() -> None:
    """Others keep the suite as it is."""
    wide, narrow = kernel(name="test.wide"), kernel(name="test.narrow", dtype="float16")
    first, second = in_narrow_dtypes([PLAIN], [wide, narrow])

    assert ({"test.wide"}, "float32") == (first.implementations, first.cases[0].problems[0].dtype)
    assert ({"test.narrow"}, "float16") == (second.implementations, second.cases[0].problems[0].dtype)


def test_suites_stay_as_they_are_without_implementations_of_narrow_types() -> None:
    """Also where a type of 16 bits is one of several."""
    assert [PLAIN] == in_narrow_dtypes([PLAIN], [kernel(dtype=("float16", "float32"))])


def test_random_problems_are_drawn_within_what_is_declared() -> None:
    """Implementations that declare the same share the problems; each problem is supported."""
    first, second = kernel("groups", name="test.first"), kernel("groups", name="test.second")
    other = kernel("stride", name="test.other", kernel_size=3, dtype="float32")
    plain, shared, own = random_within([PLAIN, find_suite("random:12:5")], [first, second, other], refuses)

    assert PLAIN == plain
    assert [{"test.first", "test.second"}, {"test.other"}] == [shared.implementations, own.implementations]
    assert [12, 12] == [len(shared), len(own)]
    assert not any(
        refuses(one, case.problems[0]) for one, suite in ((first, shared), (other, own)) for case in suite
    )
    assert any(max(case.problems[0].stride) > 1 for case in own)
