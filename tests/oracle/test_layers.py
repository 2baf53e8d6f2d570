"""Layers: their order, what each finds, and the traits of a kernel."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from convharness import implementation
from convharness.oracle import LAYERS, LEVELS, Oracle
from convharness.problems.problem import Problem
from convharness.problems.reduced_problem import smaller
from convharness.zoo.convolution import Asked, convolve, made, rounded
from tests.making import case_of, declared

PLAIN = "n2c3h6w7-o4k3-float32"


def verdict_of(body: Any, text: str = PLAIN, level: str = "thorough", **keywords: Any) -> Any:
    """Return the verdict on the implementation that calls a body."""
    return Oracle(level=level).judge(made(body, **keywords), case_of(text))


def test_layers_are_asked_from_the_cheapest_on() -> None:
    """The layers are asked in a fixed order, from the cheapest on."""
    expected = "contract exact precision bound values non-finite layout state memory"

    assert LAYERS == (*expected.split(), "full size", "threads")


def test_every_layer_can_be_asked_alone() -> None:
    """A kernel with the wrong sign is refused by each layer that compares numbers."""

    def negative(asked: Asked) -> Any:
        """Return the opposite."""
        return -convolve(asked)

    seen = Oracle(level="thorough").seen_by(made(negative), Problem.parse(PLAIN))
    assert list(LAYERS) == list(seen)
    assert {"contract", "threads", "full size"} == {
        name for name, verdict in seen.items() if not verdict.failed
    }


@pytest.mark.parametrize(("level", "count"), [("quick", 4), ("standard", 10), ("thorough", 11)])
def test_a_level_asks_the_layers_that_are_part_of_it(level: str, count: int) -> None:
    """The quick level asks four layers, the standard one all but threads, and the thorough one all."""
    seen = Oracle(level=level).seen_by(made(convolve), Problem.parse(PLAIN))

    assert LAYERS[:count] == tuple(seen)


def test_the_traits_of_a_verdict() -> None:
    """A verdict that passed has the traits: determinism, bits, subnormals, locality, infinity, threads."""
    expected = {
        "deterministic": True,
        "significand_bits": 24,
        "subnormals": "kept",
        "locality": "window",
        "infinity": "kept",
        "threads": "one",
        "batch_invariant": True,
    }

    assert expected == dict(verdict_of(convolve).traits)


def test_a_kernel_that_uses_other_threads_is_found() -> None:
    """A kernel that computes in another thread has the trait `several` threads."""

    def handing_on(asked: Asked) -> Any:
        """Let another thread do it."""
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(convolve, asked).result()

    assert "several" == verdict_of(handing_on).traits["threads"]


def test_a_claim_that_is_too_modest_is_a_trait() -> None:
    """A direct kernel that is declared as `fft` has the trait of being exact on integers."""
    traits = verdict_of(convolve, accuracy="fft").traits

    assert (True, 24) == (traits["exact_on_integers"], traits["significand_bits"])


@pytest.mark.parametrize(
    ("keywords", "status"),
    [({}, "wrong"), ({"locality": "sample"}, "passed"), ({"accuracy": "fft"}, "passed")],
)
def test_a_nan_may_spread_as_far_as_is_declared(keywords: dict, status: str) -> None:
    """A NaN may spread over its sample if the kernel declares that, or a transform."""

    def spreading(asked: Asked) -> Any:
        """Spoil a sample with a NaN in it."""
        y = convolve(asked)
        y[~np.isfinite(asked.x).all(axis=(1, 2, 3))] = np.nan
        return y

    assert status == verdict_of(spreading, **keywords).status


@pytest.mark.parametrize(("keywords", "status"), [({}, "wrong"), ({"flushes_subnormals": True}, "passed")])
def test_subnormals_may_be_flushed_if_declared(keywords: dict, status: str) -> None:
    """A kernel may flush subnormals if it declares that."""

    def flushing(asked: Asked) -> Any:
        """Clear what is subnormal."""
        y = convolve(asked)
        y[np.abs(y) < np.finfo(np.float32).tiny] = 0
        return y

    verdict = verdict_of(flushing, **keywords)
    assert status == verdict.status
    assert status == "wrong" or verdict.traits["subnormals"] == "flushed"


def test_an_output_of_padding_alone_proves_nothing() -> None:
    """A problem whose outputs read nothing but padding is mistrusted."""
    verdict = verdict_of(convolve, "n1c1h1w1-o1k1x1s3p2x2-float32")

    assert verdict.status in ("passed", "mistrusted")
    assert "mistrusted" == verdict_of(convolve, "n1c1h2w2-o1k1s9p2x2-float32").status


def test_a_kernel_that_refuses_an_empty_batch_is_not_wrong() -> None:
    """A kernel that raises on an empty batch is unsupported there and passes otherwise."""

    def at_least_one(asked: Asked) -> Any:
        """Refuse to do nothing."""
        if len(asked.x) == 0:
            raise ValueError("no samples")
        return convolve(asked)

    assert "passed" == verdict_of(at_least_one).status
    verdict = verdict_of(at_least_one, "n0c3h6w7-o4k3-float32")
    assert ("unsupported", "raises on an empty batch: ValueError: no samples") == (
        verdict.status,
        verdict.reason,
    )


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (lambda y: y[..., None], "returned shape (2, 4, 4, 5, 1), want (2, 4, 4, 5)"),
        (lambda y: y.astype(np.float64), "returned dtype float64, want float32"),
        (lambda y: float(y.sum()), "returned a float, want numpy.ndarray"),
        (lambda y: None, "returned nothing, want numpy.ndarray"),
        (lambda y: y.view(np.matrix) if y.ndim == 2 else np.ma.array(y), "returned a numpy.MaskedArray"),
        (lambda y: np.zeros((4096, 4096), np.float32), "returned shape (4096, 4096), want (2, 4, 4, 5)"),
    ],
)
@pytest.mark.parametrize("given", ["always", "a large input"])
def test_an_invalid_output_is_a_breach_of_contract(returned: Any, words: str, given: str) -> None:
    """An invalid output breaks the contract, whether always or only for the data of one layer."""

    def odd(asked: Asked) -> Any:
        """Return something else."""
        y = convolve(asked)
        asked_for = given == "always" or (
            np.isfinite(asked.x).all() and np.abs(asked.x).max(initial=0) > 1e30
        )
        return returned(y) if asked_for else y

    verdict = verdict_of(odd)
    assert "contract" == verdict.status
    assert words in (verdict.reason or "")
    assert ("contract" if given == "always" else "values") == verdict.layer


def test_a_kernel_that_raises_in_one_layer_only_is_an_error_there() -> None:
    """A kernel that raises in one layer is an error, and the verdict names the layer."""

    @implementation(ndim=2)
    def picky(x, weight):
        if not x.flags.c_contiguous:
            raise ValueError("x must be contiguous")
        return convolve(Asked(x, weight, None, (1, 1), ((0, 0), (0, 0)), (1, 1), 1, "zeros"))

    verdict = Oracle().judge(declared(picky), case_of(PLAIN))
    assert ("error", "layout", "ValueError: x must be contiguous") == (
        verdict.status,
        verdict.layer,
        verdict.reason,
    )


@pytest.mark.parametrize(
    "text",
    [
        "n8c256h56w56-o512k3s2p1-float32",
        "n2c64d20h30w30-o64k3p1-reflect-float32",
        "n1c512h20w20-o512k3p1g512-bfloat16",
        "n1c3h224w224-o64k7s2p3b-float32",
        "n1c64w5000-o64k9p4:2d8-circular-float64",
    ],
)
def test_a_smaller_problem_is_of_the_same_kind(text: str) -> None:
    """A smaller problem keeps kernel, stride, padding, dilation, mode, bias and data type."""
    large = Problem.parse(text)
    small = smaller(large)

    kept = ("kernel_size", "stride", "padding", "dilation", "padding_mode", "bias", "dtype")
    assert [getattr(large, name) for name in kept] == [getattr(small, name) for name in kept]
    assert small.dense_macs < large.dense_macs / 100
    assert (large.groups > 1) == (small.groups > 1)


def test_a_small_problem_stays_as_it_is() -> None:
    """A small problem is not made smaller."""
    problem = Problem.parse(PLAIN)

    assert problem is smaller(problem)


def test_a_misread_stride_is_reported_with_the_layouts() -> None:
    """The reason of a misread stride has the layouts of both operands."""

    def misreading(asked: Asked) -> Any:
        """Take every x for contiguous."""
        memory = asked.x.ravel(order="K").reshape(asked.x.shape)
        return convolve(asked.but(x=memory))

    verdict = verdict_of(misreading)
    words = "with x in fortran's order and weight with gaps between its elements: y["
    assert ("wrong", "layout", words) == (verdict.status, verdict.layer, (verdict.reason or "")[: len(words)])


def _transformed(asked: Asked, dtype: type) -> Any:
    """Return what Fourier transforms of that type give, for a kernel without options."""
    size = [n + k - 1 for n, k in zip(asked.x.shape[2:], asked.weight.shape[2:], strict=True)]
    x, w = (
        np.fft.fft2(a.astype(dtype), size).astype(dtype) for a in (asked.x, asked.weight[..., ::-1, ::-1])
    )
    y = np.fft.ifft2(np.einsum("ncij,ocij->noij", x, w)).real
    k, height, width = asked.weight.shape[2], *asked.x.shape[2:]
    return np.ascontiguousarray(y[..., k - 1 : height, k - 1 : width]).astype(asked.x.dtype)


def test_a_transform_in_a_narrower_type_is_imprecise() -> None:
    """A float64 transform computed in complex64 is imprecise at each level."""

    def narrow(asked: Asked) -> Any:
        """Transform in complex64 what is float64."""
        return _transformed(asked, np.complex64)

    found = [
        Oracle(level=level).judge(made(narrow, accuracy="fft"), case_of("n1c4h9w11-o6k3-float64")).status
        for level in LEVELS
    ]
    assert ["imprecise"] * 3 == found


def test_one_element_that_is_a_little_off_is_wrong() -> None:
    """A single element off by a thousandth is wrong, since low precision would affect all."""

    def little(asked: Asked) -> Any:
        """Move one element by a thousandth."""
        y = convolve(asked)
        y.reshape(-1)[0] *= y.dtype.type(1.001)
        return y

    assert {"wrong"} == {
        Oracle(level=level).judge(made(little), case_of("n1c3h8w11-o1k6-float32")).status for level in LEVELS
    }


def test_low_precision_on_another_problem_is_wrong() -> None:
    """A kernel that is coarse on another problem is wrong, since its precision is settled before."""

    def coarse_on_three_samples(asked: Asked) -> Any:
        """Round what three samples give, and what two give not."""
        y = convolve(asked)
        return rounded(y, 12) if len(y) == 3 else y

    verdict = verdict_of(coarse_on_three_samples, "n2c3h6w7-o4k3-float32")
    assert ("wrong", "state") == (verdict.status, verdict.layer)
    assert "with n3c3h8w9-o4k3-float32, called in between: " in verdict.reason


def test_an_exception_on_another_problem_names_it() -> None:
    """The reason of an exception on another problem names that problem."""

    def raising_on_three_samples(asked: Asked) -> Any:
        """Take two at most."""
        if len(asked.x) == 3:
            raise ValueError("too many")
        return convolve(asked)

    verdict = verdict_of(raising_on_three_samples, "n2c3h6w7-o4k3-float32")
    assert ("error", "with n3c3h8w9-o4k3-float32, called in between: ValueError: too many") == (
        verdict.status,
        verdict.reason,
    )
