"""What a repository offers at a commit, and which files an implementation depends on."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from convharness.commits.events import newly_broken
from convharness.commits.repository import Repository
from convharness.commits.snapshots import Version, content_of, offered, offers_entries, relevant
from convharness.plugins.registry import Registry, Unavailable
from tests.making import declared

from ..runs.test_store import nothing

if TYPE_CHECKING:
    from convharness import Implementation

FILES = {
    "implementations/mine.py": "1",
    "implementations/theirs.py": "2",
    "implementations/_help.py": "3",
    "implementations/data/table.csv": "4",
    "README.md": "5",
}
MINE = declared(nothing, "mine", source=Path("/anywhere/implementations/mine.py"), origin="folder")
PLUGIN = """
from convharness import implementation


@implementation(kernel_size=1)
def pointwise(x, weight):
    pass
"""


def complaints(registry: Registry) -> list[str]:
    """Return the messages of the broken plugins."""
    return [str(one) for one in registry.broken]


def version(files: dict[str, str]) -> Version:
    """Return a version that consists of these files."""
    return Version("label", None, Path(), Path(), files)


@pytest.mark.parametrize(
    ("changed", "is_same"),
    [
        ("implementations/mine.py", False),
        ("implementations/theirs.py", True),
        ("implementations/_help.py", False),
        ("implementations/data/table.csv", False),
        ("README.md", True),
        ("implementations/new.py", True),
        ("implementations/new.c", False),
    ],
)
def test_a_plugin_depends_on_its_file_and_on_files_that_are_not_plugins(changed: str, is_same: bool) -> None:
    """A plugin depends on its own file and on files beside it that are not plugins."""
    before, after = version(FILES), version({**FILES, changed: "another"})

    assert is_same == before.is_same(after, MINE)
    assert is_same == (content_of(before.content, MINE) == content_of(after.content, MINE))


def test_an_installed_plugin_depends_on_all_files() -> None:
    """An installed plugin depends on every file of the repository, since it may read any."""
    installed: Implementation = replace(MINE, origin="installed")

    assert not version(FILES).is_same(version({**FILES, "README.md": "another"}), installed)
    assert version(FILES).is_same(version(dict(FILES)), installed)


def test_files_of_the_folder_are_offered(tmp_path: Path) -> None:
    """The plugins of the folder are offered, and a file that does not import is named by its path inside."""
    folder = tmp_path / "implementations"
    folder.mkdir()
    for name, text in (("mine", PLUGIN), ("_help", "1 / 0"), ("plain", "1"), ("broken", "1 / 0")):
        (folder / f"{name}.py").write_text(text, "utf-8")
    found = offered(tmp_path, tmp_path / "site")

    assert ["mine.pointwise"] == [one.name for one in found.implementations]
    assert ["implementations/broken.py does not import: line 1: ZeroDivisionError: division by zero"] == (
        complaints(found)
    )


def test_a_file_with_a_space_in_its_name_is_named_whole(tmp_path: Path) -> None:
    """A broken file with a space in its name has its whole name, apart from another such file."""
    folder = tmp_path / "implementations"
    folder.mkdir()
    for name in ("my conv", "my fft"):
        (folder / f"{name}.py").write_text("1 / 0", "utf-8")
    conv, fft = offered(tmp_path, tmp_path / "site").broken

    assert ("implementations/my conv.py", "my conv", "import") == (conv.subject, conv.family, conv.kind)
    assert "implementations/my conv.py does not import: line 1: ZeroDivisionError: division by zero" == str(
        conv
    )
    assert [fft] == newly_broken([conv], [conv, fft])


def test_an_unavailable_plugin_has_its_path_inside_the_repository(tmp_path: Path) -> None:
    """A plugin that lacks a library has its path inside the repository, the same for every commit."""
    folder = tmp_path / "implementations"
    folder.mkdir()
    (folder / "mine.py").write_text("import no_such_library_here", "utf-8")
    (one,) = offered(tmp_path, tmp_path / "site").unavailable

    assert Unavailable("mine", "no_such_library_here", "implementations/mine.py") == one


def test_a_folder_without_implementations_offers_nothing(tmp_path: Path) -> None:
    """A repository without a folder of implementations offers nothing, without an error."""
    assert ((), ()) == ((found := offered(tmp_path, tmp_path / "site")).implementations, found.broken)


def test_two_implementations_with_one_name_are_reported(tmp_path: Path) -> None:
    """Two implementations with one name are reported, and the first one is offered."""
    (tmp_path / "implementations").mkdir()
    for name in ("a", "b"):
        text = PLUGIN.replace("kernel_size=1", "kernel_size=1, name='same'")
        (tmp_path / "implementations" / f"{name}.py").write_text(text, "utf-8")
    found = offered(tmp_path, tmp_path / "site")

    assert (1, ["two implementations are called 'same'; rename one of them with name="]) == (
        len(found.implementations), complaints(found),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("pyproject.toml", '[project.entry-points."convharness.implementations"]\na = "b"', True),
        ("pyproject.toml", '[tool.poetry.plugins."convharness.implementations"]\na = "b"', True),
        ("pyproject.toml", '[project.entry-points.other]\na = "b"', False),
        ("pyproject.toml", "[project", False),
        ("pyproject.toml", "project = 3", False),
        ("setup.cfg", "[options.entry_points]\nconvharness.implementations =\n  a = b\n", True),
        ("setup.cfg", "[options", False),
        ("README.md", "convharness.implementations", False),
    ],
)
def test_entry_points_are_seen_in_a_project_s_files(
    name: str, text: str, expected: bool, tmp_path: Path
) -> None:
    """Entry points are found in the files of a project without running code."""
    (tmp_path / name).write_text(text, "utf-8")

    assert expected == offers_entries(tmp_path)


def test_only_commits_that_change_a_dependency_of_an_implementation_are_relevant(tmp_path: Path) -> None:
    """A commit is relevant to a family if it changes its file or one that is not a plugin."""

    def git(*words: str) -> None:
        identity = ("-c", "user.name=author", "-c", "user.email=author@example.org")
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True, capture_output=True)

    git("init", "--quiet")
    (tmp_path / "implementations").mkdir()
    for name in ("mine.py", "theirs.py", "../README.md", "_helper.py", "mine.py"):
        path = tmp_path / "implementations" / name
        path.write_text(f"{path.read_text('utf-8') if path.exists() else ''}# another line\n", "utf-8")
        git("add", ".")
        git("commit", "--quiet", "--message", name)
    repository = Repository(tmp_path)
    first, *others = repository.line("HEAD")

    assert [
        ["_helper.py", "mine.py"],
        ["theirs.py", "_helper.py"],
        ["theirs.py", "_helper.py", "mine.py"],
    ] == [
        [commit.subject for commit in relevant(repository, others, first, family)]
        for family in ("mine", "theirs", None)
    ]
