"""Verdicts of the oracle on cases: chains, worked examples, refusals, empty outputs, reproducers."""

from typing import Any

import numpy as np
import pytest

from convharness import Case, Problem, SuiteError, implementation
from convharness.oracle import LEVELS, Oracle
from convharness.problems.suite import Example
from convharness.zoo.convolution import convolve, made
from tests.making import case_of, declared, judged

RIGHT = made(convolve, "right")


@pytest.mark.parametrize("level", LEVELS)
def test_a_right_implementation_passes_at_every_level(level: str) -> None:
    """A verdict that passed has its errors and its seed, and neither reason, layer nor reproducer."""
    verdict = Oracle(level=level, seed=5).judge(RIGHT, case_of("n1c2h4w4-o2k3b-float32"))

    assert ("passed", None, None, None, 5) == (
        verdict.status,
        verdict.reason,
        verdict.layer,
        verdict.reproduce,
        verdict.seed,
    )
    assert 0 < verdict.error_u <= verdict.error_bound_u


def test_an_unsupported_problem_is_not_run() -> None:
    """An implementation is not called on a problem that its declaration refuses."""

    @implementation
    def never(x, weight):
        raise RuntimeError("it ran")

    verdict = judged(never, "n1c2h4w4-o2k3s2-float32")
    assert ("unsupported", "needs stride 1, got (2, 2)") == (verdict.status, verdict.reason)


def test_a_declaration_that_fails_is_the_plugin_s_error() -> None:
    """A `when=` that raises is an error of the implementation, and the reason names the exception."""

    @implementation(when=lambda problem: 1 / 0)
    def never(x, weight):
        raise RuntimeError("it ran")

    verdict = judged(never, "n1c2h4w4-o2k3-float32")
    assert "error" == verdict.status
    assert "ZeroDivisionError" in (verdict.reason or "")


def test_an_output_without_elements_proves_nothing() -> None:
    """A verdict on an empty batch is `mistrusted`, not `passed`."""
    verdict = Oracle().judge(RIGHT, case_of("n0c2h4w4-o2k3-float32"))

    assert ("mistrusted", "the output has no elements to compare") == (verdict.status, verdict.reason)


CHAIN = Case("chain", (Problem.parse("c2h4w4-o3k1"), Problem.parse("c3h4w4-o2k3")))


def test_a_chain_passes_if_every_layer_passes() -> None:
    """A chain passes when each of its layers passes on its own."""
    assert "passed" == Oracle().judge(RIGHT, CHAIN).status


def test_a_chain_s_verdict_names_the_layer() -> None:
    """The reason of a chain's verdict names the layer that failed, and the reproducer runs that layer."""

    def wrong_for_3x3(asked: Any) -> Any:
        return convolve(asked) + np.float32(asked.weight.shape[-1] == 3)

    verdict = Oracle().judge(made(wrong_for_3x3), CHAIN)
    assert (verdict.reason or "").startswith("layer 2 (n1c3h4w4-o2k3-float32): y[0, 0, 0, 0] is ")
    assert "--problem n1c3h4w4-o2k3-float32 " in (verdict.reproduce or "")


def test_a_chain_is_unsupported_if_one_layer_is() -> None:
    """A chain with an unsupported layer is unsupported, and the reason names the layer."""

    @implementation(kernel_size=1)
    def pointwise(x, weight): ...

    verdict = Oracle().judge(declared(pointwise), CHAIN)
    expected = "layer 2 (n1c3h4w4-o2k3-float32): needs kernel_size 1, got (3, 3)"
    assert ("unsupported", expected) == (verdict.status, verdict.reason)
    assert "needs kernel_size 1" == verdict.cause


def test_the_cause_of_a_mistrusted_chain_leaves_out_the_layer() -> None:
    """The cause of a mistrusted chain leaves out the layer, so that reports count it with other cases."""
    chain = Case("chain", (Problem.parse("n1c1h1w1-o1k3p1"), Problem.parse("n1c1h1w1-o1k1s3p2")))
    verdict = Oracle(level="quick").judge(RIGHT, chain)
    cause = "every output reads nothing but padding"

    assert ("mistrusted", f"layer 2 (n1c1h1w1-o1k1s3p2-float32): {cause}", cause) == (
        verdict.status,
        verdict.reason,
        verdict.cause,
    )


EXAMPLE = Example(x=[[0, 1, 2], [3, 4, 5], [6, 7, 8]], weight=[[0, 1], [2, 3]], y=[[19, 25], [37, 43]])


def test_an_implementation_s_own_numbers_on_an_example_are_kept() -> None:
    """The verdict on a worked example keeps the output for reports."""
    verdict = Oracle().judge(RIGHT, case_of("c1h3w3-o1k2", example=EXAMPLE))

    assert ("passed", [[[[19, 25], [37, 43]]]]) == (verdict.status, verdict.values)


def test_a_worked_example_is_judged_first() -> None:
    """A worked example is judged before anything else, and to the digit."""

    def off_by_one(asked: Any) -> Any:
        return convolve(asked) + 1

    verdict = Oracle().judge(made(off_by_one), case_of("c1h3w3-o1k2", example=EXAMPLE))
    expected = ("wrong", "example", "y[0, 0, 0, 0] is 20, want 19; 4 of 4 elements are wrong")
    assert expected == (verdict.status, verdict.layer, verdict.reason)
    assert [[[[20, 26], [38, 44]]]] == verdict.values


def test_an_example_that_contradicts_itself_is_the_suite_s_mistake() -> None:
    """A worked example with a wrong output is an error of the suite, not of the implementation."""
    example = Example(EXAMPLE.x, EXAMPLE.weight, [[19, 25], [37, 44]])

    with pytest.raises(
        SuiteError, match=r"the worked example of n1c1h3w3-o1k2-float32 says .*44.* convolution is .*43"
    ):
        Oracle().judge(RIGHT, case_of("c1h3w3-o1k2", example=example))


def test_an_example_that_the_type_cannot_hold_is_the_suite_s_mistake() -> None:
    """A worked example whose sum float32 cannot hold, such as 2²⁴ + 1, is an error of the suite."""
    example = Example(x=[16777216, 1], weight=[1, 1], y=[16777217])

    with pytest.raises(SuiteError, match=r"has sums that float32 cannot hold; use smaller numbers$"):
        Oracle().judge(RIGHT, case_of("c1w2-o1k2", example=example))


def test_a_reason_names_the_element_its_value_and_how_many_there_are() -> None:
    """A reason names the first wrong element in memory order, its value, and the number of wrong elements."""

    def two_are_wrong(asked: Any) -> Any:
        y = convolve(asked)
        y[0, 1, 0, 1] = y[0, 1, 1, 0] = 1e9
        return y

    verdict = Oracle().judge(made(two_are_wrong), case_of("n1c2h4w4-o2k3-float32"))
    assert "[0, 1, 0, 1]" == verdict.where
    assert (verdict.reason or "").startswith("y[0, 1, 0, 1] is 1e+09, want ")
    assert (verdict.reason or "").endswith("; 2 of 8 elements are wrong")


def test_a_low_precision_is_reported_with_its_bits() -> None:
    """The reason of an imprecise output names about as many bits as it was computed with."""
    from convharness.zoo.convolution import rounded

    def bfloat16_inside(asked: Any) -> Any:
        return convolve(asked.but(x=rounded(asked.x, 8), weight=rounded(asked.weight, 8)))

    verdict = Oracle().judge(made(bfloat16_inside), case_of("n1c1h8w8-o8k1-float32"))
    assert "imprecise" == verdict.status
    assert any(
        (verdict.reason or "").endswith(f"; as exact as some {bits} significant bits") for bits in (7, 8, 9)
    )


@pytest.mark.parametrize(
    ("level", "options"), [("standard", " --seed 3"), ("quick", " --level quick --seed 3")]
)
def test_a_reproducer_repeats_plugin_level_and_seed(level: str, options: str, tmp_path: Any) -> None:
    """A reproducer names the implementation, problem, plugin file, level and seed, quoted for a shell."""

    @implementation
    def wrong(x, weight):
        return x

    one = declared(wrong, source=tmp_path / "my plugin.py")
    verdict = Oracle(level=level, seed=3).judge(one, case_of("c1h3w3-o1k2"))

    command = "convharness verify --implementation test.wrong --problem n1c1h3w3-o1k2-float32"
    assert f"{command} --plugin '{tmp_path}/my plugin.py'{options}" == verdict.reproduce


def test_the_same_seed_gives_the_same_verdict() -> None:
    """Two verdicts with the same seed are equal to the bit, and with another seed they differ."""
    case = case_of("n1c2h4w4-o2k3b-float32")

    assert Oracle(seed=1).judge(RIGHT, case) == Oracle(seed=1).judge(RIGHT, case)
    assert Oracle(seed=1).judge(RIGHT, case) != Oracle(seed=2).judge(RIGHT, case)


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
def test_a_declared_layout_is_required_of_the_output(layout: str) -> None:
    """An output must have the memory order channels_last if that is declared, and any order otherwise."""

    def contiguous(asked: Any) -> Any:
        return np.ascontiguousarray(convolve(asked))

    verdict = Oracle().judge(made(contiguous, layout=layout), case_of("n1c2h4w4-o2k3-float32"))
    reason = "returned another memory order than the declared channels_last"
    assert (reason if layout == "channels_last" else None) == verdict.reason


@pytest.mark.parametrize(
    ("y", "reason"),
    [
        (None, "returned nothing, want numpy.ndarray"),
        ([[1]], "returned a list, want numpy.ndarray"),
        (3, "returned a int, want numpy.ndarray"),
        (np.float32(3), "returned a numpy.float32, want numpy.ndarray"),
        (np.zeros((1, 2)), "returned shape (1, 2), want (1, 2, 2, 2)"),
        (np.zeros((1, 2, 2, 2)), "returned dtype float64, want float32"),
    ],
    ids=str,
)
def test_a_breach_of_contract_says_what_came_and_what_was_wanted(y: Any, reason: str) -> None:
    """A breach of contract names the returned and the wanted type, shape or dtype, checked in this order."""

    @implementation
    def odd(x, weight):
        return y

    verdict = judged(odd, "n1c2h4w4-o2k3-float32")
    assert ("contract", "contract", reason) == (verdict.status, verdict.layer, verdict.reason)


@pytest.mark.parametrize("what", ["x", "weight", "bias"])
def test_a_tensor_that_was_written_to_is_found(what: str) -> None:
    """A write to an input tensor, which cannot be read-only, is found by comparing its bits."""

    @implementation(arrays="torch")
    def writes(x, weight, bias):
        import torch

        y = torch.conv2d(x, weight, bias)
        {"x": x, "weight": weight, "bias": bias}[what].view(-1)[0] += 1
        return y

    assert f"changed its input {what}, want it untouched" == judged(writes, "n1c2h4w4-o2k3b-float32").reason


def test_a_tensor_that_cannot_be_read_is_refused() -> None:
    """A sparse tensor as output is a failure of the implementation, and the run goes on."""

    @implementation(arrays="torch")
    def sparse(x, weight):
        import torch

        return torch.conv2d(x, weight).to_sparse()

    assert judged(sparse, "n1c2h4w4-o2k3-float32").failed


def test_a_reason_shows_enough_digits_to_tell_two_numbers_apart() -> None:
    """A reason shows enough digits for two float64 numbers that differ in the last bit."""

    def last_bit(asked: Any) -> Any:
        y = convolve(asked)
        y[0, 0, 0, 0] = np.nextafter(y[0, 0, 0, 0], np.inf)
        return y

    reason = Oracle().judge(made(last_bit), case_of("c2h4w4-o1k3-float64")).reason or ""
    got, want = reason.removeprefix("y[0, 0, 0, 0] is ").split(", want ")

    assert got != want


@pytest.mark.parametrize("accuracy", ["direct", "fft"])
def test_an_empty_batch_proves_nothing(accuracy: str) -> None:
    """A verdict on an empty batch is `mistrusted` in every accuracy class."""

    def empty(asked: Any) -> Any:
        return convolve(asked)

    verdict = Oracle().judge(made(empty, accuracy=accuracy), case_of("n0c2h5w5-o2k3-float32"))

    assert ("mistrusted", "the output has no elements to compare") == (verdict.status, verdict.reason)


def test_the_unit_of_the_error_is_that_of_the_data_type() -> None:
    """The error of a bfloat16 output that is rounded once is about one rounding unit of bfloat16."""

    def once(asked: Any) -> Any:
        return convolve(asked)

    verdict = Oracle().judge(made(once, dtype="bfloat16"), case_of("n1c2h5w5-o2k3-bfloat16"))

    assert verdict.ok
    assert 0.01 < verdict.error_u <= verdict.error_bound_u < 4
