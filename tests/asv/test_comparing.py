"""`convharness compare` on two commits of a repository."""

import json

import pytest

from .commits import OTHER, Repository, kernel

QUICK = ("--suite", "mini.toml", "--budget", "0.1", "--level", "quick")


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Return a repository whose kernels become slower, then wrong, and then do not import."""
    made = Repository(tmp_path_factory.mktemp("compared") / "repository")
    made.slow = kernel(200).replace("range(UNITS)", "range(2 * UNITS)")
    made.commit("Begin", mine=kernel(200), theirs=OTHER)
    made.commit("Slower", mine=made.slow)
    made.commit("Wrong", theirs=OTHER.replace("return (", "return 2 * ("))
    made.commit("Not importing", theirs="def")
    made.git("tag", "begin", "HEAD~3")
    return made


def effects(output):
    """Return the effects of changes, by implementation."""
    return {one["implementation"]: one["effects"] for one in json.loads(output)}


def test_an_unchanged_implementation_is_not_measured(repository):
    """An implementation with the same files at both commits is not measured, and the table says so."""
    code, output, complaint = repository.convharness("compare", "begin", "HEAD~2", *QUICK, "--format", "json")
    table = repository.convharness("compare", "begin", "HEAD~2", *QUICK, "-k", "theirs.*")[1]

    assert (0, {"mine.pointwise": ["slower"]}) == (code, effects(output)), complaint
    assert "1 implementation the same in both, not measured." in table


@pytest.mark.parametrize(
    ("base", "other", "gate", "code"),
    [
        ("begin", "HEAD~2", "slower", 1),
        ("begin", "HEAD~2", "slower:400%", 0),
        ("begin", "HEAD~2", "wrong,imprecise", 0),
        ("HEAD~2", "HEAD~1", "slower", 0),
        ("HEAD~2", "HEAD~1", "wrong", 1),
        ("HEAD~2", "HEAD~1", None, 1),
        ("HEAD~1", "HEAD", "wrong", 1),
        ("HEAD~1", "HEAD", None, 2),
    ],
)
def test_a_gate_decides_on_the_exit_code(base, other, gate, code, repository):
    """The exit code is that of the gate, or without one that of the failures."""
    words = ("--fail-on", gate) if gate else ()
    found, _, complaint = repository.convharness("compare", base, other, *QUICK, *words)

    assert code == found, complaint


def test_markdown_goes_to_a_file_beside_what_is_printed(repository, tmp_path):
    """`--markdown` writes a file beside the output in another format."""
    path = tmp_path / "changes.md"
    words = ("--format", "json", "--markdown", str(path))
    _, output, _ = repository.convharness("compare", "HEAD~2", "HEAD~1", *QUICK, *words)
    text = path.read_text("utf-8")

    assert {"theirs.another": ["wrong"]} == effects(output)
    assert "2 pairs of implementation and case compared: 2 wrong; 1 implementation the same in both" in text
    assert "| small | theirs.another | wrong |" in text


def test_the_working_tree_can_be_compared(repository):
    """The working tree, with uncommitted changes, can be compared with a commit."""
    path = repository.folder / "implementations/mine.py"
    path.write_text(kernel(200), "utf-8")
    try:
        code, output, complaint = repository.convharness(
            "compare", "HEAD", ".", *QUICK, "-k", "mine.*", "--fail-on", "slower", "--format", "json"
        )
    finally:
        repository.git("checkout", "--quiet", "implementations/mine.py")

    assert (0, {"mine.pointwise": ["faster"]}) == (code, effects(output)), complaint


def test_a_file_with_a_space_in_its_name_is_named_whole(tmp_path):
    """A broken file with a space in its name has its whole name in the changes and on stderr."""
    made = Repository(tmp_path / "repository")
    made.commit("Begin", mine=kernel(100), **{"my conv": "def"})
    made.commit("Another", **{"my fft": "def"})
    code, output, complaint = made.convharness("compare", "HEAD~1", "HEAD", *QUICK, "--format", "json")
    reason = "implementations/my fft.py does not import: line 1: SyntaxError: invalid syntax"

    assert (2, [reason]) == (code, [one["reason"] for one in json.loads(output)]), complaint
    assert reason in complaint


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("begin", "nobody"), "'nobody' is not a commit, as the other one is"),
        (("begin", "HEAD~3"), "begin and HEAD~3 are the same commit"),
        (("begin", "HEAD", "-k", "min.*"), "no implementation matches 'min.*'"),
        (("begin", "HEAD", "--plugin", "mine.py"), "--plugin is not for comparing commits"),
        (("begin", "HEAD", "--fail-on", "slow"), "--fail-on has no effect 'slow'"),
        (("numpy_arrays.fft", "pytorch.conv", "--fail-on", "slower"), "are for two commits"),
    ],
)
def test_mistakes_are_one_line(words, complaint, repository):
    """A mistake in the arguments exits with 2 and one line."""
    code, output, said = repository.convharness("compare", *words)
    errors = [line for line in said.splitlines() if "error: " in line and complaint in line]

    assert (2, "", 1) == (code, output, len(errors)), said
