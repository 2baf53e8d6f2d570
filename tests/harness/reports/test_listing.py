"""Lists: what there is to choose from, as rows."""

from convharness import Registry, implementation
from convharness.plugins.registry import Unavailable
from convharness.problems.suite_files import find_suite, suite_names
from convharness.reports.listing import case_rows, implementation_rows, suite_rows
from tests.making import declared


@implementation(kernel_size=1, ndim=(1, 2), when=lambda problem: None, layout="channels_last", accuracy="fft")
def mine(x, weight, bias, stride):
    """Say what it does."""


def test_an_implementation_s_row_is_its_declaration() -> None:
    """What it takes, what it is narrowed to, how exact it is, how it is timed."""
    row = implementation_rows(Registry((declared(mine),)))[0]

    assert {
        "implementation": "test.mine",
        "available": "yes",
        "library": "numpy",
        "ndim": "1 2",
        "dtypes": "float32 float64",
        "takes": "bias stride",
        "only": "kernel_size=1 layout=channels_last and its own when=",
        "accuracy": "fft",
        "timed": "call",
        "about": "Say what it does.",
    }.items() <= row.items()


def test_what_is_unavailable_comes_last_with_its_reason() -> None:
    """The command that installs it."""
    rows = implementation_rows(Registry((declared(mine),), (Unavailable("opencv", "cv2", "opencv.py"),)))

    reason = "cv2 is not installed; run: pip install opencv-python-headless"
    assert ("opencv.*", reason) == (rows[-1]["implementation"], rows[-1]["available"])


def test_an_implementation_of_a_missing_library_says_so() -> None:
    """A library that is only imported when it is used may be missing all the same."""

    @implementation(library="no_such_library_here")
    def lacking(x, weight): ...

    row = implementation_rows(Registry((declared(lacking),)))[0]
    assert "no_such_library_here is not installed; run: pip install no_such_library_here" == row["available"]


def test_suites_are_listed_with_their_sizes() -> None:
    """All that come along, with a word about each, then the names that stand for others."""
    rows = suite_rows()

    assert [*suite_names(), "random:N", "conformance"] == [row["suite"] for row in rows]
    assert [] == [row["suite"] for row in rows[:-2] if not row["cases"]]
    assert all(row["about"] for row in rows)


def test_cases_of_several_suites_name_their_suite() -> None:
    """So does a random suite, whose name has the seed."""
    several = case_rows([find_suite("pointwise"), find_suite("random:2:7")])

    assert {"pointwise", "random:2:7"} == {row["suite"] for row in several}
    assert ["random:2:7"] * 2 == [row["suite"] for row in case_rows([find_suite("random:2:7")])]


def test_cases_are_listed_with_their_costs() -> None:
    """Of a chain the sums."""
    rows = {row["case"]: row for row in case_rows([find_suite("seeds")])}

    assert (69_632, 589_824) == (rows["bottleneck"]["parameters"], rows["plain-3x3"]["parameters"])
    assert 3 == len(rows["bottleneck"]["problem"].split(" -> "))
