"""`Problem` by example: canonical strings, derived figures, and messages."""

import numpy as np
import pytest

from convharness import Problem, ProblemError

FINE = {"in_channels": 3, "input_size": 8, "out_channels": 4, "kernel_size": 3}

STEM = "n1c3h224w224-o64k7s2p3-float32"
EVERYTHING = "n8c32h56w28-o64k3x5s2x1p1x0:2d2g4b-reflect-bfloat16-weight_gradient"


def test_a_canonical_string_leaves_out_defaults() -> None:
    """The canonical string leaves out defaults and writes equal axes once."""
    problem = Problem(in_channels=3, input_size=224, out_channels=64, kernel_size=7, stride=2, padding=3)

    assert STEM == str(problem)


def test_a_canonical_string_has_all_fields() -> None:
    """The canonical string has a place for each field that is not at its default."""
    problem = Problem(
        batch_size=8,
        in_channels=32,
        input_size=(56, 28),
        out_channels=64,
        kernel_size=(3, 5),
        stride=(2, 1),
        padding=(1, (0, 2)),
        dilation=2,
        groups=4,
        bias=True,
        padding_mode="reflect",
        dtype="bfloat16",
        direction="weight_gradient",
    )

    assert EVERYTHING == str(problem)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("batch_size", 8),
        ("in_channels", 32),
        ("input_size", (56, 28)),
        ("out_channels", 64),
        ("kernel_size", (3, 5)),
        ("stride", (2, 1)),
        ("padding", (1, (0, 2))),
        ("pads", ((1, 1), (0, 2))),
        ("dilation", (2, 2)),
        ("groups", 4),
        ("bias", True),
        ("padding_mode", "reflect"),
        ("dtype", "bfloat16"),
        ("direction", "weight_gradient"),
        ("kernel_span", (5, 9)),
        ("output_size", (27, 22)),
        ("input_shape", (8, 32, 56, 28)),
        ("weight_shape", (64, 8, 3, 5)),
        ("bias_shape", (64,)),
        ("output_shape", (8, 64, 27, 22)),
        ("products", 120),
        ("parameters", 7744),
        ("dense_macs", 8 * 64 * 27 * 22 * 120),
        ("min_bytes", 2 * (8 * 32 * 56 * 28 + 7744 + 8 * 64 * 27 * 22)),
    ],
)
def test_a_canonical_string_with_all_fields_is_read(field: str, value: object) -> None:
    """Each part of a canonical string is read into its field, and derived figures follow."""
    assert value == getattr(Problem.parse(EVERYTHING), field)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("c3h8w8-o4k3", "n1c3h8w8-o4k3-float32"),
        (" n1c3h8w8-o4k3-float32\n", "n1c3h8w8-o4k3-float32"),
        ("n01c3h8w8-o4k03x3s1x1p0d1g1", "n1c3h8w8-o4k3-float32"),
        ("c3h8w8-o4k3p1:1x1:1-zeros-forward", "n1c3h8w8-o4k3p1-float32"),
        ("c3h8w8-o4k3-float64-circular", "n1c3h8w8-o4k3-circular-float64"),
        ("c3w8-o4k3p2:-1", "n1c3w8-o4k3p2:-1-float32"),
        ("c3d8h8w8-o4k3p1x2x3", "n1c3d8h8w8-o4k3p1x2x3-float32"),
        ("c2d4h5w6-o4k1x2x3d2x1x1", "n1c2d4h5w6-o4k1x2x3d2x1x1-float32"),
    ],
)
def test_other_ways_to_write_a_problem_have_one_canonical_string(text: str, canonical: str) -> None:
    """A string with parts left out, written out or surrounded by space has one canonical form."""
    assert canonical == str(Problem.parse(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot read '' as a problem; write it like 'n1c3h224w224-o64k7s2p3-float32'"),
        ("resnet", "cannot read 'resnet' as a problem; write it like 'n1c3h224w224-o64k7s2p3-float32'"),
        (
            "c3h8-o4k3",
            "cannot read 'c3h8-o4k3' as a problem: its input has axes w, h and w, or d, h and w",
        ),
        (
            "c3d8w8-o4k3",
            "cannot read 'c3d8w8-o4k3' as a problem: its input has axes w, h and w, or d, h and w",
        ),
        (
            "c3h8w8-o4k3-float33",
            "cannot read 'c3h8w8-o4k3-float33' as a problem:"
            " 'float33' is not a padding mode, dtype or direction; did you mean 'float32'?",
        ),
        (
            "c3h8w8-o4k3-float32-float64",
            "cannot read 'c3h8w8-o4k3-float32-float64' as a problem: it names a dtype twice",
        ),
        (
            "c3h8w8-o4s2k3s1",
            "cannot read 'c3h8w8-o4s2k3s1' as a problem: it names s twice: s2 and s1",
        ),
        ("c3h8w8-o4bk3b", "cannot read 'c3h8w8-o4bk3b' as a problem: it names b twice: b and b"),
        (
            "c3h8w8-o4k3q2",
            "cannot read 'c3h8w8-o4k3q2' as a problem:"
            " it has no part 'q2'; write its parts like 'o64k3x5s2p1x0:2d2g4b'",
        ),
        (
            "c3h8w8-o4k-3",
            "cannot read 'c3h8w8-o4k-3' as a problem:"
            " it has no part 'k-3'; write its parts like 'o64k3x5s2p1x0:2d2g4b'",
        ),
        (
            "c3h8w8-o4g2",
            "cannot read 'c3h8w8-o4g2' as a problem:"
            " its kernel size is missing; write it behind the output channels, like k3",
        ),
        ("c3h8w8-o4k3x3x3", "kernel_size=(3, 3, 3) has 3 axes but input_size=(8, 8) has 2"),
    ],
)
def test_a_text_that_is_not_a_problem_is_refused(text: str, message: str) -> None:
    """The message about a text that is not a problem repeats it and shows a right one."""
    with pytest.raises(ProblemError) as refused:
        Problem.parse(text)

    assert message == str(refused.value)


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    """A number with thousands of digits is refused as a `ProblemError`."""
    with pytest.raises(ProblemError):
        Problem.parse(f"c{'9' * 5000}h8w8-o4k3")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"groups": 2}, "groups=2 must divide in_channels=3 and out_channels=4"),
        (
            {"kernel_size": 9},
            "kernel_size=(9, 9) with dilation=(1, 1) does not fit input_size=(8, 8) padded by (0, 0)",
        ),
        (
            {"kernel_size": 3, "dilation": 4, "padding": ((0, 0), (1, -1))},
            "kernel_size=(3, 3) with dilation=(4, 4) does not fit input_size=(8, 8) padded by (0, (1, -1))",
        ),
        ({"in_channels": 0}, "in_channels must be at least 1, got 0"),
        ({"batch_size": -1}, "batch_size must be at least 0, got -1"),
        ({"stride": 0}, "stride must be at least 1, got 0"),
        ({"stride": (1, 0)}, "stride must be at least 1, got 0"),
        ({"kernel_size": 3.0}, "kernel_size must be a whole number, got 3.0"),
        ({"kernel_size": "3"}, "kernel_size must be a whole number, got '3'"),
        ({"groups": True}, "groups must be a whole number, got True"),
        ({"bias": 1}, "bias must be true or false, got 1"),
        ({"dtype": "float23"}, "dtype='float23' is not known; did you mean 'float32'?"),
        ({"padding_mode": "zero"}, "padding_mode='zero' is not known; did you mean 'zeros'?"),
        (
            {"direction": "back"},
            "direction='back' is not known; known are forward, input_gradient, weight_gradient",
        ),
        ({"padding": "some"}, "padding='some' is not known; did you mean 'same'?"),
        ({"padding": "same", "stride": 2}, "padding='same' needs stride 1, got stride=(2, 2)"),
        ({"padding": ((1, 1, 1), 0)}, "padding takes (before, after) pairs, got (1, 1, 1)"),
        (
            {"padding": -4},
            "kernel_size=(3, 3) with dilation=(1, 1) does not fit input_size=(8, 8) padded by (-4, -4)",
        ),
        (
            {"padding": 8, "padding_mode": "reflect"},
            "padding_mode='reflect' needs padding of at most input_size - 1,"
            " got padding=(8, 8) for input_size=(8, 8)",
        ),
        (
            {"padding": 9, "padding_mode": "circular"},
            "padding_mode='circular' needs padding of at most input_size,"
            " got padding=(9, 9) for input_size=(8, 8)",
        ),
        (
            {"kernel_size": (3, 3, 3), "input_size": (8, 8)},
            "kernel_size=(3, 3, 3) has 3 axes but input_size=(8, 8) has 2",
        ),
        (
            {"input_size": (8, 8, 8, 8)},
            "input_size=(8, 8, 8, 8) has 4 axes; a convolution has 1, 2 or 3",
        ),
        ({"input_size": ()}, "input_size=() has 0 axes; a convolution has 1, 2 or 3"),
    ],
)
def test_an_impossible_problem_is_refused_with_the_value_and_what_would_be_right(
    changes: dict, message: str
) -> None:
    """The message about an impossible problem has the value and what would be right."""
    with pytest.raises(ProblemError) as refused:
        Problem(**{**FINE, **changes})

    assert message == str(refused.value)


@pytest.mark.parametrize("padding", [1.5, None, {"before": 1}, object()])
def test_padding_of_a_wrong_type_is_refused(padding: object) -> None:
    """Padding that is neither a number, a word nor a list is refused as a `ProblemError`."""
    with pytest.raises(ProblemError, match="padding"):
        Problem(**FINE, padding=padding)


@pytest.mark.parametrize(
    "field", ["batch_size", "in_channels", "input_size", "kernel_size", "stride", "padding"]
)
def test_numbers_of_numpy_are_numbers(field: str) -> None:
    """An integer of NumPy is accepted and stored as one of Python."""
    problem = Problem(**{**FINE, field: np.int64(3)})

    assert Problem(**{**FINE, field: 3}) == problem
    assert "int64" not in repr(problem)


@pytest.mark.parametrize(
    ("kernel_size", "dilation", "padding"),
    [(3, 1, (1, 1)), (2, 1, ((0, 1), (0, 1))), (3, 2, (2, 2)), (2, 3, ((1, 2), (1, 2))), (1, 5, (0, 0))],
)
def test_same_puts_the_odd_element_behind(kernel_size: int, dilation: int, padding: object) -> None:
    """`padding='same'` puts the odd element after the input, as PyTorch does."""
    problem = Problem(**{**FINE, "kernel_size": kernel_size}, dilation=dilation, padding="same")

    assert padding == problem.padding


def test_a_problem_is_a_value() -> None:
    """A problem can be a key, cannot be changed, and its changed copy is another problem."""
    problem = Problem(**FINE)

    assert 1 == {problem: 1}[Problem(**FINE)]
    assert problem != problem.replace(stride=2)
    with pytest.raises(AttributeError):
        problem.stride = (2, 2)


@pytest.mark.parametrize(
    ("text", "macs", "parameters"),
    [
        ("c256h14w14-o256k3p1", 256 * 256 * (3 * 14 - 2) ** 2, 589_824),
        ("c64h28w28-o128k1", 28 * 28 * 64 * 128, 8192),
        ("c1h5w5-o1k3", 81, 9),
        ("c1w4-o1k3p5", 3 * 4, 3),
        ("c1w9-o1k3p-4:1", 3 * 4 - 1, 3),  # one tap of the last window lies on the zero
        ("c1w9-o1k1p-9:2", 0, 1),  # nothing of the input is left
        ("n0c1h5w5-o1k3", 0, 9),
    ],
)
def test_the_work_of_known_layers(text: str, macs: int, parameters: int) -> None:
    """Multiply-adds and parameters are those counted by hand."""
    problem = Problem.parse(text)

    assert (macs, parameters, 2 * macs) == (problem.macs, problem.parameters, problem.flops)


@pytest.mark.parametrize(
    ("text", "output_bytes", "im2col_bytes"),
    [
        ("n2c3h9w7-o4k3x2s2p1-float64", 2 * 4 * 5 * 4 * 8, 3 * 6 * 2 * 5 * 4 * 8),
        ("n1c4w6-o2k1g2-float16", 2 * 6 * 2, 4 * 6 * 2),  # the matrix has the columns of all groups
    ],
)
def test_the_bytes_of_an_output_and_of_the_matrix_of_windows(
    text: str, output_bytes: int, im2col_bytes: int
) -> None:
    """The bytes of an output and of the matrix of windows are those counted by hand."""
    problem = Problem.parse(text)

    assert (output_bytes, im2col_bytes) == (problem.output_bytes, problem.im2col_bytes)


def test_intensity_is_flops_per_byte() -> None:
    """The intensity of a 1×1 convolution of one pixel is two flops over twelve bytes."""
    assert 2 / 12 == Problem.parse("c1h1w1-o1k1").intensity


def test_the_shape_of_a_missing_bias_is_none() -> None:
    """The shape of the bias is None without a bias."""
    assert None is Problem(**FINE).bias_shape
