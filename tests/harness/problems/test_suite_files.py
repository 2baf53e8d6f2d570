"""Suite files: from TOML to cases, with all mistakes reported at once."""

import re
import tomllib
from pathlib import Path

import pytest

from convharness import Case, Problem, ProblemError, SelectionError, Suite, SuiteError, find_suite, load_suite
from convharness.problems.suite_files import parse_suite, suite_names

ONE = "in_channels = 1\ninput_size = 3\nout_channels = 1\nkernel_size = 2\n"


def read(text: str) -> Suite:
    """Return the suite of a TOML text."""
    return parse_suite("mine", tomllib.loads(text))


def mistakes(text: str) -> list[str]:
    """Return the mistakes in a TOML text."""
    with pytest.raises(SuiteError) as refused:
        read(text)
    return [str(one) for one in refused.value.mistakes]


def strings(text: str) -> dict[str, str]:
    """Return the problems of a TOML text by label."""
    return {case.label: str(case) for case in read(text)}


def test_a_case_is_a_problem_with_a_label() -> None:
    """A case has the fields of a problem, at their defaults if they are left out."""
    assert {"small": "n1c1h3w3-o1k2-float32"} == strings(f'[[case]]\nlabel = "small"\n{ONE}')


def test_a_case_without_a_label_is_called_by_its_string() -> None:
    """A case without a label has the canonical string as its label."""
    assert {"n1c1h3w3-o1k2-float32": "n1c1h3w3-o1k2-float32"} == strings(f"[[case]]\n{ONE}")


def test_a_case_may_be_a_string() -> None:
    """A case may have all its fields in the string `problem`."""
    assert {"a": "n1c3h8w8-o4k3p1-float64"} == strings('[[case]]\nlabel="a"\nproblem="c3h8w8-o4k3p1-float64"')


def test_defaults_hold_for_every_case_and_a_case_overrides_them() -> None:
    """The defaults of a file hold for each case that does not override them."""
    text = f'[defaults]\n{ONE}dtype="float64"\n[[case]]\nlabel="a"\n[[case]]\nlabel="b"\ndtype="float16"'

    assert {"a": "n1c1h3w3-o1k2-float64", "b": "n1c1h3w3-o1k2-float16"} == strings(text)


def test_a_layer_of_a_chain_takes_the_output_before_it() -> None:
    """Each layer of a chain takes batch, channels, size and data type from the one before."""
    text = """[[case]]
label = "chain"
batch_size = 2
in_channels = 4
input_size = [9, 8]
dtype = "float64"
layers = [{ out_channels = 6, kernel_size = 3, stride = 2 }, { out_channels = 2, kernel_size = 1 }]
"""
    expected = "n2c4h9w8-o6k3s2-float64 -> n2c6h4w3-o2k1-float64"

    assert {"chain": expected} == strings(text)


def test_the_total_of_a_chain_is_the_sum_of_its_layers() -> None:
    """The parameters and multiply-adds of a chain are the sums over its layers."""
    layers = (Problem.parse("c2h4w4-o3k1"), Problem.parse("c3h4w4-o1k3p1b"))
    case = Case("chain", layers)

    assert (6 + 28, sum(layer.macs for layer in layers)) == (case.total("parameters"), case.total("macs"))


def test_layers_that_do_not_fit_are_refused() -> None:
    """A chain with a layer that does not take the output before it is refused."""
    with pytest.raises(ProblemError) as refused:
        Case("chain", (Problem.parse("c2h4w4-o3k1"), Problem.parse("c4h4w4-o1k1")))

    expected = "a layer takes float32 (1, 4, 4, 4), but the layer before it gives float32 (1, 3, 4, 4)"
    assert expected == str(refused.value)


def test_a_grid_is_the_product_of_its_lists() -> None:
    """A grid is the product of its lists, the last one fastest, with labels from its template."""
    text = """[[grid]]
label = "k{kernel_size}-{dtype}-{input_size}"
in_channels = 1
input_size = [[8, 9]]
out_channels = 1
kernel_size = [1, [3, 2]]
dtype = ["float32", "float64"]
"""
    expected = ["k1-float32-8x9", "k1-float64-8x9", "k3x2-float32-8x9", "k3x2-float64-8x9"]

    assert expected == [case.label for case in read(text)]


def test_a_table_in_a_list_sets_several_fields_at_once() -> None:
    """An axis of tables sets several fields at once, with a `name` for the label."""
    text = """[[grid]]
label = "{net}-{size}"
input_size = 8
kernel_size = 1
net = [{ name = "wide", in_channels = 2, out_channels = 8 }, { in_channels = 8, out_channels = 2 }]
size = [{ input_size = 4 }, { name = "odd", input_size = 5 }]
"""
    expected = {
        "wide-4": "n1c2h4w4-o8k1-float32",
        "wide-odd": "n1c2h5w5-o8k1-float32",
        "8-2-4": "n1c8h4w4-o2k1-float32",
        "8-2-odd": "n1c8h5w5-o2k1-float32",
    }

    assert expected == strings(text)


def test_a_grid_without_a_template_is_labelled_by_its_problems() -> None:
    """The cases of a grid without a template have their canonical strings as labels."""
    assert ["n1c1h3w3-o1k2-float32", "n1c1h4w4-o1k2-float32"] == list(
        strings("[[grid]]\nin_channels=1\nout_channels=1\nkernel_size=2\ninput_size=[3,4]")
    )


def test_a_case_keeps_its_weight_description_and_alternative() -> None:
    """A case has its weight, its description and the case that it is an alternative to."""
    text = f'[[case]]\nlabel="a"\nweight=3\ndescription="words"\nversus="b"\n{ONE}[[case]]\nlabel="b"\n{ONE}'
    case = read(text).cases[0]

    assert (3.0, "words", "b") == (case.weight, case.description, case.versus)


def test_a_suite_has_a_name_a_description_and_a_length() -> None:
    """A suite has a name, a description and a number of cases."""
    suite = read(f'description = "words"\n[[case]]\n{ONE}')

    assert ("mine", "words", 1) == (suite.name, suite.description, len(suite))


def test_every_mistake_is_reported_at_once() -> None:
    """All mistakes in sections, defaults, cases and grids of a file are reported at once."""
    text = """
[default]
dtype = "float32"
[defaults]
in_chanels = 3
[[case]]
label = "a"
in_channel = 1
[[case]]
label = "b"
in_channels = 3
input_size = 8
[[case]]
in_channels = 3
input_size = 8
out_channels = 4
kernel_size = 9
[[grid]]
label = "k{kernelsize}"
in_channels = 1
input_size = 8
out_channels = 1
kernel_size = [1, 3]
"""
    expected = [
        "unknown section 'default'; did you mean 'defaults'?",
        "defaults: unknown field 'in_chanels'; did you mean 'in_channels'?",
        "case 'a': unknown field 'in_channel'; did you mean 'in_channels'?",
    ]

    found = mistakes(text)
    assert expected == found[:3]
    assert any(
        text.startswith("case 'b': ") and "out_channels and kernel_size missing" in text for text in found
    )
    assert any(text.startswith("case number 3: kernel_size=(9, 9)") for text in found)
    assert any("'kernelsize'; did you mean 'kernel_size'?" in text for text in found)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "it has no cases; write [[case]] or [[grid]] tables"),
        ("case = 3", "case must be [[case]] tables, got 3"),
        ("defaults = 3", "defaults must be a [defaults] table, got 3"),
        (f"description = 3\n[[case]]\n{ONE}", "description must be a text, got 3"),
        (f'[[case]]\nlabel="a"\nweight=0\n{ONE}', "case 'a': weight must be a number above 0, got 0"),
        (f'[[case]]\nlabel="a"\nweight=true\n{ONE}', "case 'a': weight must be a number above 0, got True"),
        (f'[[case]]\nlabel="a"\ndescription=1\n{ONE}', "case 'a': description must be a text, got 1"),
        (f'[[case]]\nlabel="a"\nversus="b"\n{ONE}', "case 'a': versus='b' is not a case; known are a"),
        (
            f'[[case]]\nlabel="a"\n{ONE}[[case]]\nlabel="a"\n{ONE}',
            "case 'a': the label is used twice; labels must differ",
        ),
        ('[[case]]\nlabel="a"\nlayers=[]', "case 'a': layers must be a list of tables, got []"),
        (
            '[[case]]\nlabel="a"\nproblem="c1h3w3-o1k2"\nstride=2',
            "case 'a': problem= already says everything; drop stride",
        ),
        (
            '[[case]]\nlabel="a"\nin_channels=1\ninput_size=3\nlayers=[{out_channels=1, kernel=1}]',
            "case 'a': unknown field 'kernel'; did you mean 'kernel_size'?",
        ),
        (f"[[grid]]\n{ONE}", "grid '{problem}': no field is a list, so it spans nothing"),
        (f"[[grid]]\n{ONE}dtype=[]", "grid '{problem}': axis 'dtype' has no values"),
        (
            f'[[grid]]\nlabel="same"\n{ONE}dtype=["float32", "float64"]',
            "case 'same': the label is used twice; labels must differ",
        ),
        (
            f'[[grid]]\nlabel="g"\n{ONE}dtype=["float32", "float33"]',
            "grid 'g' at dtype=float33: dtype='float33' is not known; did you mean 'float32'?",
        ),
    ],
)
def test_a_mistake_is_named_with_its_label_and_what_would_be_right(text: str, mistake: str) -> None:
    """The message about a mistake has the label of its case and what would be right."""
    assert [mistake] == mistakes(text)


@pytest.mark.parametrize("words", ["a case without a label", "case number 1", "case 'a': weight"])
def test_a_case_without_a_label_is_named_by_its_number(words: str) -> None:
    """The place of a mistake in a case without a label is its number, apart from the text."""
    with pytest.raises(SuiteError) as refused:
        read(f'[[case]]\nlabel="a"\n{ONE}[[case]]\n{ONE}"{words}" = 1')
    (mistake,) = refused.value.mistakes

    assert ("case number 2",) == mistake.where
    assert mistake.text.startswith(f"unknown field {words!r}")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('label="g: h"\nweight=0\ndtype=["float32"]', ("grid 'g: h' at dtype=float32",)),
        ('label="g: h"\ndtype=[]', ("grid 'g: h'",)),
    ],
)
def test_a_grid_s_mistake_has_the_grid_or_its_point_as_its_place(text: str, where: tuple[str, ...]) -> None:
    """The place of a mistake in a grid is the grid, or its point, also with a colon in the label."""
    with pytest.raises(SuiteError) as refused:
        read(f"[[grid]]\n{ONE}{text}")

    assert [where] == [mistake.where for mistake in refused.value.mistakes]


@pytest.mark.parametrize("padding", ["1.5", "{before = 1}", "true", '"sam"', "[[1, 2, 3], [1, 2, 3]]"])
def test_an_invalid_value_of_a_field_is_a_mistake(padding: str) -> None:
    """An invalid value of a field is a mistake with the label of its case."""
    found = mistakes(f'[[case]]\nlabel="a"\n{ONE}padding = {padding}')

    assert 1 == len(found)
    assert found[0].startswith("case 'a': ")


@pytest.mark.parametrize("template", ["{", "k{kernel_size.x}", "{0}", "{kernel_size:d}", "{kernel_size!z}"])
def test_an_invalid_label_template_is_a_mistake(template: str) -> None:
    """A label that Python cannot format is a mistake."""
    found = mistakes(f'[[grid]]\nlabel="{template}"\n{ONE}dtype=["float32", "float64"]')

    assert 1 == len(found)
    assert "label" in found[0]


EXAMPLE = f'[[case]]\nlabel="a"\n{ONE}[case.example]\n'


def test_a_worked_example_is_kept_with_its_case() -> None:
    """A case keeps its worked example."""
    text = f"{EXAMPLE}x=[[0,1,2],[3,4,5],[6,7,8]]\nweight=[0,1,2,3]\ny=[[19,25],[37,43]]"
    example = read(text).cases[0].example

    assert ([0, 1, 2, 3], [[19, 25], [37, 43]], None) == (example.weight, example.y, example.bias)


@pytest.mark.parametrize(
    ("example", "mistake"),
    [
        ("x=[1]\nweight=[0,1,2,3]\ny=[1,2,3,4]", "its example's x has 1 numbers; shape (1, 1, 3, 3) needs 9"),
        ("weight=[0,1,2,3]\ny=[1,2,3,4]", "its example needs x"),
        (
            "x=[1,2,3,4,5,6,7,8,9]\nweight=[0,1,2,3]\ny=[1,2,3,4]\nbias=[1]",
            "its example must not have bias",
        ),
        (
            "x=[1,2,3,4,5,6,7,8,'a']\nweight=[0,1,2,3]\ny=[1,2,3,4]",
            "its example's x holds 'a'; it takes whole numbers: their sums are exact",
        ),
        ("z=1", "unknown field 'z'; known are x, weight, bias, y"),
    ],
)
def test_an_example_that_does_not_fit_is_a_mistake(example: str, mistake: str) -> None:
    """A worked example with a missing, surplus or misshaped operand is a mistake."""
    assert [f"case 'a': {mistake}"] == mistakes(EXAMPLE + example)


def test_an_example_of_ragged_lists_is_a_mistake() -> None:
    """A worked example with rows of unequal length is a mistake."""
    found = mistakes(f"{EXAMPLE}x=[[0,1,2],[3],[4,5,6,7,8]]\nweight=[0,1,2,3]\ny=[19,25,37,43]")

    assert found[0].startswith("case 'a': its example's x")


def test_an_example_belongs_to_a_single_problem() -> None:
    """A worked example of a chain is a mistake."""
    text = '[[case]]\nlabel="a"\nin_channels=1\ninput_size=3\nlayers=[LAYER, LAYER]\n[case.example]\nx=[1]'
    text = text.replace("LAYER", "{out_channels=1, kernel_size=1}")

    assert ["case 'a': an example belongs to a single problem, not to a chain of layers"] == mistakes(text)


def test_mistakes_name_the_file(tmp_path: Path) -> None:
    """Each mistake of a file begins with its path."""
    path = tmp_path / "mine.toml"
    path.write_text("[[case]]\nlabel = 'a'\nin_channel = 1\n[[cas]]\n", "utf-8")

    with pytest.raises(SuiteError) as refused:
        load_suite(path)

    assert [True, True] == [str(mistake).startswith(f"{path}: ") for mistake in refused.value.mistakes]


def test_a_file_that_is_not_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    """A file that is not TOML is refused with its path and the parser's message."""
    path = tmp_path / "mine.toml"
    path.write_text("[[case]\n", "utf-8")

    with pytest.raises(SuiteError, match=rf"^{path}: not valid TOML: .*line 1") as refused:
        load_suite(path)

    assert 1 == len(refused.value.mistakes)


def test_a_missing_suite_file_is_an_error_of_the_selection(tmp_path: Path) -> None:
    """A missing suite file is refused with its path and the system's reason."""
    with pytest.raises(SelectionError) as refused:
        find_suite(str(tmp_path / "mine.toml"))

    expected = f"cannot read the suite file {tmp_path / 'mine.toml'}: No such file or directory"
    assert expected == str(refused.value)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    """A file that is not UTF-8 is refused."""
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe")

    with pytest.raises(SelectionError, match=r"it is not UTF-8 text$"):
        load_suite(path)


def test_an_unknown_suite_is_answered_with_the_nearest() -> None:
    """The message about an unknown suite has the nearest name."""
    with pytest.raises(SelectionError) as refused:
        find_suite("smok")

    assert "there is no suite 'smok'; did you mean 'smoke'?" == str(refused.value)


def test_a_random_suite_is_named_by_its_seed() -> None:
    """Without a seed it gets one; its name and its source repeat it."""
    named, fresh = find_suite("random:5:7"), find_suite("random:5")

    assert ("random:5:7", "random:5:7", 5) == (named.name, named.source, len(named))
    assert [str(case) for case in named] == [case.label for case in named]
    assert fresh == find_suite(fresh.source)
    assert re.fullmatch("random:5:[0-9]+", fresh.source)


@pytest.mark.parametrize(
    "name", ["random", "random:", "random:0", "random:x", "random:5:-1", "random:5:x", "random:5:1:2"]
)
def test_what_is_not_the_name_of_a_random_suite_is_refused(name: str) -> None:
    """The refusal says how to write one."""
    with pytest.raises(SelectionError) as refused:
        find_suite(name)

    expected = (
        f"cannot read {name!r} as a random suite; write random:N or random:N:SEED, with N from 1 to 99,999"
        " and a seed of at least 0, such as random:50:1234"
    )
    assert expected == str(refused.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("conformanc", "there is no suite 'conformanc'; did you mean 'conformance'?"),
        ("randm:5", "there is no suite 'randm:5'; did you mean 'random'?"),
        (
            "conformance",
            "'conformance' is several suites: features, corner, sizes, random:40; name one of them",
        ),
    ],
)
def test_a_name_that_is_not_one_suite_is_answered(name: str, message: str) -> None:
    """With the nearest name, or the parts."""
    with pytest.raises(SelectionError) as refused:
        find_suite(name)

    assert message == str(refused.value)


@pytest.mark.parametrize("name", suite_names())
def test_every_suite_of_convharness_loads(name: str) -> None:
    """Each suite of convharness loads, with at least one case and unique labels."""
    suite = find_suite(name)

    assert name == suite.name
    assert len(suite) == len({case.label for case in suite}) > 0


def test_suites_of_sizes_are_cheap_to_judge() -> None:
    """A few cases have the size of layers, the others at most some 100,000 multiply-adds."""
    macs = sorted(case.total("dense_macs") for case in find_suite("sizes"))

    assert macs[-1] < 10_000_000
    assert macs[-15] < 400_000
    assert sum(macs) < 80_000_000


def test_the_bottleneck_of_the_tutorials_has_its_figures() -> None:
    """The bottleneck of the tutorials and its alternative have the published weights and work."""
    cases = {case.label: case for case in find_suite("seeds")}
    counts = {
        label: (cases[label].total("parameters"), round(cases[label].total("dense_macs") / 1e6, 1))
        for label in ("bottleneck", "plain-3x3")
    }

    assert {"bottleneck": (69_632, 13.6), "plain-3x3": (589_824, 115.6)} == counts
    assert "plain-3x3" == cases["bottleneck"].versus
