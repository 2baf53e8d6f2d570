"""Marks and declarations: the signature says what an implementation supports."""

from pathlib import Path
from typing import Any

import pytest

from convharness import Implementation, PluginError, Problem, implementation, plan
from convharness.plugins.marks import mark_of
from convharness.plugins.support import Unsupported
from tests.making import declared

PLAIN = Problem.parse("c4h8w8-o4k3")


def reason_of(one: Implementation, problem: Problem) -> str | None:
    """Return why an implementation does not support a problem, as text, or None."""
    refusal = one.refuses(problem)
    return None if refusal is None else str(refusal)


def test_a_marked_function_is_still_callable_as_itself() -> None:
    """A marked function is called as before, since a mark attaches facts and wraps nothing."""

    @implementation
    def double(x, weight):
        return 2 * x

    @plan(kernel_size=1)
    def planned(weight):
        return lambda x: x * weight

    assert (6, 12) == (double(3, None), planned(4)(3))


def test_a_function_without_a_mark_has_none() -> None:
    """An object of any kind without a mark has the mark None."""
    assert [None, None, None] == [mark_of(candidate) for candidate in (_fresh(), 3, object())]


def test_two_marks_are_refused() -> None:
    """A second mark on a function is refused."""
    with pytest.raises(PluginError) as refused:
        plan(implementation(_fresh()))

    assert "fresh is marked twice; one mark per function" == str(refused.value)


def test_a_declaration_holds_what_the_mark_and_the_signature_say() -> None:
    """A declaration has name, family, parameters, defaults and the docstring's first line."""

    @implementation
    def mine(x, weight, stride):
        """Say what it does.

        And more.
        """

    one = declared(mine, "family", source=Path("f.py"), origin="file")
    found = (one.name, one.family, one.parameters, one.dtypes, one.direction, one.arrays, one.library)
    rest = (one.layout, one.accuracy.name, one.is_plan, one.origin, one.source, one.description)

    assert ("family.mine", "family", ("x", "weight", "stride"), ("float32", "float64")) == found[:4]
    assert ("forward", "numpy", "numpy") == found[4:]
    assert ("contiguous", "direct", False, "file", Path("f.py"), "Say what it does.") == rest


def test_keywords_of_a_mark_are_declared() -> None:
    """A declaration has the name, arrays, layout, accuracy and library of the mark."""

    @plan(
        name="other", arrays="torch", layout="channels_last", accuracy="fft", library="scipy", dtype="float16"
    )
    def mine(weight): ...

    one = declared(mine)
    found = (one.name, one.arrays, one.layout, one.accuracy.name, one.library, one.dtypes, one.is_plan)
    assert ("other", "torch", "channels_last", "fft", "scipy", ("float16",), True) == found


def test_the_library_is_by_default_that_of_the_arrays() -> None:
    """An implementation on tensors has the library torch by default."""

    @implementation(arrays="torch")
    def mine(x, weight): ...

    assert "torch" == declared(mine).library


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"stride": 2}, "needs stride 1, got (2, 2)"),
        ({"dilation": (1, 2)}, "needs dilation 1, got (1, 2)"),
        ({"padding": 1}, "needs padding 0, got (1, 1)"),
        ({"padding": ((0, -1), 0)}, "needs padding 0, got ((0, -1), 0)"),
        ({"groups": 2}, "needs groups 1, got 2"),
        ({"bias": True}, "takes no bias"),
        ({"padding_mode": "reflect"}, None),
        ({"padding": 1, "padding_mode": "reflect"}, "needs padding 0, got (1, 1)"),
        ({"dtype": "float16"}, "needs dtype float32 or float64, got float16"),
        ({"direction": "input_gradient"}, "needs direction forward, got input_gradient"),
    ],
)
def test_a_parameter_that_a_signature_leaves_out_is_not_supported(changes: dict, reason: str | None) -> None:
    """A parameter missing in the signature must be at its default, and the reason has both values."""

    @implementation
    def bare(x, weight): ...

    assert reason == reason_of(declared(bare), PLAIN.replace(**changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"padding": 1}, None),
        ({"padding": (1, 2)}, None),
        ({"padding": ((1, 2), 0)}, "needs symmetric padding, got ((1, 2), 0)"),
        ({"padding": -1}, "needs padding of at least 0, got (-1, -1)"),
        ({"padding": 1, "padding_mode": "circular"}, "needs padding_mode zeros, got circular"),
    ],
)
def test_the_parameter_padding_is_one_int_per_axis(changes: dict, reason: str | None) -> None:
    """An implementation with `padding` needs symmetric zeros; `pads` and `padding_mode` give more."""

    @implementation
    def symmetric(x, weight, padding): ...

    assert reason == reason_of(declared(symmetric), PLAIN.replace(**changes))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"stride": (2, 1)}, Unsupported("needs stride 1", "(2, 1)", "stride")),
        ({"padding": ((1, 2), 0)}, Unsupported("needs symmetric padding", "((1, 2), 0)", "padding")),
        ({"bias": True}, Unsupported("takes no bias", None, "bias")),
        ({"groups": 4}, Unsupported("needs at most 2 groups", "4")),
        ({"groups": 3, "in_channels": 3, "out_channels": 3}, Unsupported("has an odd number")),
    ],
)
def test_the_need_of_a_refusal_is_the_same_for_all_problems(changes: dict, expected: Unsupported) -> None:
    """A refusal has the need apart from the value, also in the text of a plugin's own condition."""

    def few(problem: Problem) -> str | None:
        if problem.groups == 3:
            return "has an odd number"
        return f"needs at most 2 groups, got {problem.groups}" if problem.groups > 2 else None

    @implementation(when=few)
    def grouped(x, weight, padding, groups): ...

    assert expected == declared(grouped).refuses(PLAIN.replace(**changes))


@pytest.mark.parametrize("parameters", ["everything", "problem"])
def test_a_signature_with_all_parameters_supports_any_2d_problem(parameters: str) -> None:
    """A signature with all parameters, or with the problem and the bias, supports any 2-D problem."""

    @implementation
    def whole(x, weight, bias, problem): ...

    one = declared(implementation(_fresh()) if parameters == "everything" else whole)
    asked = PLAIN.replace(
        bias=True,
        stride=2,
        padding=((1, 2), 0),
        dilation=2,
        groups=2,
        padding_mode="reflect",
        dtype="float64",
    )

    assert None is one.refuses(asked)


def test_the_problem_does_not_stand_for_the_bias() -> None:
    """An implementation that takes the problem and not the bias does not support a bias."""

    @implementation
    def whole(x, weight, problem): ...

    assert "takes no bias" == reason_of(declared(whole), PLAIN.replace(bias=True))


@pytest.mark.parametrize(
    ("keywords", "changes", "reason"),
    [
        ({"kernel_size": 3}, {}, None),
        ({"kernel_size": 3}, {"kernel_size": (3, 1)}, "needs kernel_size 3, got (3, 1)"),
        ({"kernel_size": (3, 1)}, {"kernel_size": (3, 1)}, None),
        ({"kernel_size": (3, 1)}, {}, "needs kernel_size (3, 1), got (3, 3)"),
        ({"kernel_size": [1, 3]}, {}, None),
        ({"kernel_size": [1, (5, 3)]}, {}, "needs kernel_size 1 or (5, 3), got (3, 3)"),
        ({"groups": (1, 2)}, {"groups": 2}, None),
        ({"groups": (1, 2)}, {"groups": 4}, "needs groups 1 or 2, got 4"),
        ({"in_channels": range(1, 4)}, {}, "needs in_channels 1 or 2 or 3, got 4"),
        ({"dtype": "float64"}, {}, "needs dtype float64, got float32"),
        ({"dtype": ["float16", "float32"]}, {}, None),
        ({"batch_size": 1}, {"batch_size": 2}, "needs batch_size 1, got 2"),
        ({"padding_mode": "reflect"}, {}, "needs padding_mode reflect, got zeros"),
        ({"bias": True}, {}, "needs bias True, got False"),
        ({"when": lambda problem: None}, {}, None),
        ({"when": lambda problem: f"has {problem.groups} groups"}, {}, "has 1 groups"),
    ],
)
def test_keywords_narrow_further(keywords: dict, changes: dict, reason: str | None) -> None:
    """A keyword narrows the declaration: an int for all axes, a tuple per axis, a list of alternatives."""
    one = declared(implementation(**keywords)(_fresh()))

    assert reason == reason_of(one, PLAIN.replace(**changes))


def _fresh() -> Any:
    """Return a function with all parameters and without a mark."""

    def fresh(x, weight, bias, stride, pads, dilation, groups, padding_mode): ...

    return fresh


@pytest.mark.parametrize(
    ("keywords", "refused"),
    [({}, [1, 3]), ({"ndim": 1}, [2, 3]), ({"ndim": (1, 3)}, [2]), ({"ndim": (1, 2, 3)}, [])],
)
def test_two_axes_are_the_default(keywords: dict, refused: list[int]) -> None:
    """An implementation supports two axes unless it declares other numbers."""
    one = declared(implementation(**keywords)(_fresh()))
    problems = [
        Problem(in_channels=1, input_size=(4,) * n, out_channels=1, kernel_size=(1,) * n) for n in (1, 2, 3)
    ]

    assert refused == [problem.ndim for problem in problems if one.refuses(problem)]


def test_the_reason_for_a_number_of_axes_names_what_is_needed() -> None:
    """The reason for an unsupported number of axes has the needed and the given one."""
    one = declared(implementation(_fresh()))

    assert "needs ndim 2, got 1" == reason_of(one, Problem.parse("c1w4-o1k1"))


def _takes_paddin(x, weight, paddin): ...
def _takes_anything(x, weight, *rest): ...
def _takes_any_keyword(x, weight, **rest): ...
def _without_weight(x): ...
def _without_x(weight): ...
def _takes_nonsense(x, weight, q): ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_takes_paddin, "takes an unknown parameter 'paddin'; did you mean 'padding'?"),
        (
            _takes_nonsense,
            "takes an unknown parameter 'q'; known are x, weight, bias, stride, padding, pads, dilation,"
            " groups, padding_mode, problem",
        ),
        (_takes_anything, "takes *rest; a signature names each thing it asks for"),
        (_takes_any_keyword, "takes *rest; a signature names each thing it asks for"),
        (_without_weight, "does not take 'weight'; an implementation needs it"),
        (_without_x, "does not take 'x'; an implementation needs it"),
    ],
)
def test_a_signature_that_asks_for_something_else_is_refused(function: Any, message: str) -> None:
    """The message about an unknown parameter names the function, the word and the nearest right one."""
    if mark_of(function) is None:
        implementation(function)

    with pytest.raises(PluginError) as refused:
        declared(function)

    assert f"test.{function.__name__} {message}" == str(refused.value)


def test_a_plan_does_not_take_the_input() -> None:
    """A plan that takes `x` is refused, since it returns the function that does."""

    @plan
    def early(x, weight): ...

    with pytest.raises(PluginError) as refused:
        declared(early)

    assert "test.early takes 'x', but a plan returns the function that takes it" == str(refused.value)


def test_a_plan_needs_the_weight() -> None:
    """A plan that does not take the weight is refused."""

    @plan
    def idle(stride): ...

    with pytest.raises(PluginError) as refused:
        declared(idle)

    assert "test.idle does not take 'weight'; a plan needs it" == str(refused.value)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"kernel_sise": 1}, "test.fresh declares an unknown 'kernel_sise'; did you mean 'kernel_size'?"),
        ({"dtypes": "float32"}, "test.fresh declares an unknown 'dtypes'; did you mean 'dtype'?"),
        ({"accuracy": "ftt"}, "test.fresh declares accuracy='ftt', which is not known; did you mean 'fft'?"),
        (
            {"arrays": "tensor"},
            "test.fresh declares arrays='tensor', which is not known; known are numpy, torch",
        ),
        (
            {"layout": "channel_last"},
            "test.fresh declares layout='channel_last', which is not known; did you mean 'channels_last'?",
        ),
        ({"dtype": []}, "test.fresh declares dtype=[], which allows nothing"),
        ({"kernel_size": []}, "test.fresh declares kernel_size=[], which allows nothing"),
        ({"kernel_size": "3"}, "test.fresh declares kernel_size='3'; it takes whole numbers"),
        ({"groups": None}, "test.fresh declares groups=None; it takes whole numbers"),
        ({"name": "a\nb"}, "test.fresh declares name='a\\nb'; it must be one word"),
        (
            {"name": "a.b*"},
            "test.fresh declares name='a.b*'; it must not contain * ? [ or ], which select names",
        ),
        ({"library": ""}, "test.fresh declares library=''; it must be one word"),
        ({"when": "never"}, "test.fresh declares when='never'; it must be a function of a problem"),
    ],
)
def test_an_invalid_keyword_is_refused(keywords: dict, message: str) -> None:
    """The message about an invalid keyword names the function, the keyword and what would be right."""
    with pytest.raises(PluginError) as refused:
        declared(implementation(**keywords)(_fresh()))

    assert message == str(refused.value)


@pytest.mark.parametrize(
    "keywords", [{"dtype": 5}, {"dtype": None}, {"accuracy": ["direct"]}, {"name": 3}, {"arrays": 3}]
)
def test_a_keyword_of_a_wrong_type_is_refused(keywords: dict) -> None:
    """A keyword of a wrong type is an error of the plugin that names the keyword."""
    with pytest.raises(PluginError, match=next(iter(keywords))):
        declared(implementation(**keywords)(_fresh()))


@pytest.mark.parametrize(
    "keywords", [{"dtype": "float23"}, {"direction": "forwards"}, {"padding_mode": "zero"}]
)
def test_a_value_that_no_problem_has_is_refused(keywords: dict) -> None:
    """A keyword with a value that no problem can have is refused with the nearest right one."""
    with pytest.raises(PluginError, match=f"did you mean '{'float32' if 'dtype' in keywords else ''}"):
        declared(implementation(**keywords)(_fresh()))


@pytest.mark.parametrize("direction", ["input_gradient", "weight_gradient"])
def test_a_direction_without_a_reference_is_refused(direction: str) -> None:
    """A declared direction without a reference is an error of the plugin, since nothing can judge it."""
    with pytest.raises(PluginError) as refused:
        declared(implementation(direction=direction)(_fresh()))

    reason = f"declares direction='{direction}', which has no reference yet; declare 'forward'"
    assert str(refused.value).endswith(reason)


def test_an_object_without_a_signature_is_refused() -> None:
    """A callable without a readable signature is refused, and the message says what to do."""

    class Opaque:
        __signature__ = "none"
        __name__ = "opaque"

        def __call__(self) -> None: ...

    with pytest.raises(PluginError) as refused:
        declared(implementation(Opaque()))

    assert "test.opaque has no signature to read; wrap it in a function that has one" == str(refused.value)


def test_a_marked_class_is_refused() -> None:
    """A marked class is refused, since an implementation is a function."""

    @implementation
    class Kernel:
        def __init__(self, x, weight): ...

    with pytest.raises(
        PluginError, match=r"is marked but is not a function; mark the function that convolves$"
    ):
        declared(Kernel)


def test_a_builtin_cannot_be_marked() -> None:
    """Marking a built-in function is refused, and the message says what to do."""
    with pytest.raises(PluginError, match=r"^len cannot be marked; wrap it in a function of your own$"):
        implementation(len)
