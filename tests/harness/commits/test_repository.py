"""Commits of a git repository."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from convharness.commits.repository import Repository, facts
from convharness.errors import CommitError


def git(folder: Path, *words: str) -> str:
    """Run git with an identity of its own, and return what it prints."""
    identity = ("-c", "user.name=author", "-c", "user.email=author@example.org")
    command = ["git", "-C", str(folder), *identity, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a repository with three commits."""
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    for number in range(3):
        (tmp_path / "implementations").mkdir(exist_ok=True)
        (tmp_path / "implementations" / "mine.py").write_text(f"# {number}\n", "utf-8")
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "--quiet", "--message", f"Commit {number}")
    return tmp_path


def test_a_repository_is_found_from_any_folder_inside(folder: Path) -> None:
    """A repository is found from a folder inside it, with the root that git reports."""
    assert folder.resolve() == Repository(folder / "implementations").root.resolve()


def test_a_folder_outside_a_repository_is_refused(tmp_path: Path) -> None:
    """The message about a folder outside any repository says how to make one."""
    with pytest.raises(
        CommitError, match="this folder is in no git repository; go to one, or make one with: git init"
    ):
        Repository(tmp_path)


def test_a_range_is_in_order(folder: Path) -> None:
    """A range has its commits from the oldest to the newest, without its older end."""
    found = Repository(folder).commits("HEAD~2..HEAD")

    assert ["Commit 1", "Commit 2"] == [one.subject for one in found]


def test_one_name_is_one_commit(folder: Path) -> None:
    """A single name stands for one commit, without its ancestors."""
    assert ["Commit 1"] == [one.subject for one in Repository(folder).commits("HEAD~1")]


def test_a_line_follows_first_parents(folder: Path) -> None:
    """The commit line follows first parents and leaves out the commits of merged branches."""
    git(folder, "checkout", "--quiet", "-b", "side", "HEAD~1")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "Aside")
    git(folder, "checkout", "--quiet", "main")
    git(folder, "merge", "--quiet", "--no-ff", "--message", "Merge", "side")

    assert ["Commit 0", "Commit 1", "Commit 2", "Merge"] == [
        one.subject for one in Repository(folder).line("HEAD")
    ]


@pytest.mark.parametrize(
    ("span", "complaint"),
    [
        ("nobody", "'nobody' is not a commit of "),
        ("HEAD..HEAD", "the range 'HEAD..HEAD' holds no commits; the older end comes first"),
        ("nobody..HEAD", "'nobody..HEAD' is not a range of commits"),
        ("--all", "'--all' is not a range of commits; write one such as HEAD~10..HEAD"),
        ("-n1..2", "'-n1..2' is not a range of commits"),
    ],
)
def test_an_unknown_commit_or_range_is_refused(span: str, complaint: str, folder: Path) -> None:
    """The message about a name or range that git does not know says what would be right."""
    with pytest.raises(CommitError) as raised:
        Repository(folder).commits(span)

    assert str(raised.value).startswith(complaint)


def test_unknown_names_resolve_to_none(folder: Path) -> None:
    """A name that is not a commit, or is an option of git, resolves to None."""
    repository = Repository(folder)

    assert [None, None, True] == [
        repository.resolve("nobody"),
        repository.resolve("--all"),
        repository.resolve("main") == git(folder, "rev-parse", "main"),
    ]


def test_files_have_the_hashes_of_their_content(folder: Path) -> None:
    """The files of a folder at a commit come with the hashes of their content."""
    found = Repository(folder).files("HEAD~2", "implementations")

    assert {"implementations/mine.py": git(folder, "rev-parse", "HEAD~2:implementations/mine.py")} == found


def test_a_commit_is_checked_out_once(folder: Path) -> None:
    """A copy of a commit that exists is used again as it is."""
    repository = Repository(folder)
    place = folder.parent / f"{folder.name}-copies" / "one"
    commit = repository.commit("HEAD~2").hash
    copy = repository.checked_out(commit, place)
    (copy / "kept").touch()
    repository.checked_out(commit, place)

    assert ("# 0\n", True) == (
        (copy / "implementations/mine.py").read_text("utf-8"),
        (copy / "kept").exists(),
    )


@pytest.mark.parametrize(
    "damage",
    [
        lambda copy: (copy / "implementations/mine.py").write_text("# another\n", "utf-8"),
        lambda copy: (copy / "implementations/mine.py").unlink(),
        lambda copy: git(copy, "checkout", "--quiet", "HEAD~1"),
        lambda copy: (copy / ".git/HEAD").unlink(),
    ],
)
def test_a_damaged_copy_is_made_anew(damage: Callable[[Path], object], folder: Path) -> None:
    """A copy of a commit that was changed or damaged is made again."""
    repository = Repository(folder)
    place = folder.parent / f"{folder.name}-copies" / "damaged"
    commit = repository.commit("HEAD~1").hash
    damage(repository.checked_out(commit, place))
    copy = repository.checked_out(commit, place)

    assert (commit, "# 1\n") == (
        git(copy, "rev-parse", "HEAD"),
        (copy / "implementations/mine.py").read_text("utf-8"),
    )


def test_a_shallow_clone_has_no_ranges(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A range in a shallow clone is refused with the command that gets the history."""
    clone = tmp_path_factory.mktemp("clone")
    git(folder.parent, "clone", "--quiet", "--depth", "1", folder.as_uri(), str(clone / "it"))

    with pytest.raises(CommitError, match="run: git fetch --unshallow"):
        Repository(clone / "it").commits("HEAD~1..HEAD")


def test_inside_a_hook_the_repository_of_the_folder_is_used(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repository of the folder is used inside a git hook, whose variables name another one."""
    monkeypatch.setenv("GIT_DIR", os.fspath(tmp_path_factory.mktemp("other")))

    assert "Commit 2" == Repository(folder).commit("HEAD").subject


def test_the_facts_of_a_folder_are_its_commit_and_changes(folder: Path) -> None:
    """The facts of a folder are its commit and whether tracked files have changed."""
    clean = facts(folder)
    (folder / "implementations" / "mine.py").write_text("# changed\n", "utf-8")

    assert [
        {"commit": git(folder, "rev-parse", "HEAD"), "dirty": False},
        {"commit": git(folder, "rev-parse", "HEAD"), "dirty": True},
    ] == [clean, facts(folder)]


@pytest.mark.parametrize("subject", ["a \x0c form feed", "a \u2028 separator", "a \x1e record", "ä"])
def test_subjects_may_hold_anything(subject: str, folder: Path) -> None:
    """The subject of a commit may hold any character but a line feed."""
    git(folder, "commit", "--quiet", "--allow-empty", "--message", subject)

    assert subject == Repository(folder).line("HEAD")[-1].subject


def test_a_folder_without_git_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The facts of a folder outside a repository are None, without an error."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    assert {"commit": None, "dirty": None} == facts(tmp_path)


def test_without_the_program_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The facts of a folder are None, without an error, if git is not installed."""
    monkeypatch.setenv("PATH", str(tmp_path))

    assert {"commit": None, "dirty": None} == facts(tmp_path)
