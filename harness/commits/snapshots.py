"""What a repository offers at a commit, or as it lies there: its plugins, read from a copy of their own.

Plugins are the files of the folder `implementations`, and what the repository's own package offers as
entry points. A package is installed into a folder of its own, without what it depends on: that is
shared by all versions. The engine and the suites are always those that are installed now.
"""

import hashlib
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from configparser import ConfigParser
from configparser import Error as ConfigError
from dataclasses import dataclass, replace
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from ..errors import PluginError
from ..files.atomic import write_text
from ..plugins.broken import BrokenPlugin
from ..plugins.declaration import Implementation
from ..plugins.discovery import ENTRY_POINTS
from ..plugins.registry import Registry
from ..workers import examined
from .repository import Commit, Repository

FOLDER = "implementations"
WORKING_TREE = "."
"""Where a commit is named, this names the files as they lie there, changes included."""

_STORE = ".convharness"
_BUILD_S = 1800
_INSTALLED = "convharness-installed"


@dataclass(frozen=True)
class Version:
    """A repository as it was at a commit, or as it is: then `commit` is None.

    `content` has the hash of every file that its implementations may depend on, by path; `site` is
    where its package is installed, if it is one.
    """

    label: str
    commit: Commit | None
    folder: Path
    site: Path
    content: Mapping[str, str]

    @property
    def title(self) -> str:
        """Return what people read: the commit and its first line."""
        return "the working tree" if self.commit is None else f"{self.label} ({self.commit.subject})"

    def registry(self) -> Registry:
        """Return what it offers; every name ends in `@` and the label."""
        found = offered(self.folder, self.site)
        mine = tuple(
            replace(one, name=f"{one.name}@{self.label}", version=self.label) for one in found.implementations
        )
        return replace(found, implementations=mine)

    def is_same(self, other: "Version", implementation: Implementation) -> bool:
        """Say whether an implementation is the same in two versions, as all that it is made of is equal.

        A file of the folder depends on itself and on what is not a plugin there; what is installed, on
        all files of the repository.
        """
        mine, theirs = (_parts(one.content, implementation) for one in (self, other))
        return bool(mine) and mine == theirs


def version_of(repository: Repository, name: str) -> Version:
    """Return the version that a name stands for, checked out; '.' stands for the working tree.

    Raises `CommitError` for a name that is not a commit, or where it cannot be checked out.
    """
    store = store_of(repository)
    if name == WORKING_TREE:
        site = store / "sites" / "working-tree"
        shutil.rmtree(site, ignore_errors=True)
        return Version("working-tree", None, repository.root, site, files_of(repository.root))
    commit = repository.commit(name)
    folder = repository.checked_out(commit.hash, store / "commits" / commit.hash)
    return Version(commit.short, commit, folder, store / "sites" / commit.hash, repository.files(commit.hash))


def relevant(
    repository: Repository, commits: Sequence[Commit], since: Commit, family: str | None = None
) -> list[Commit]:
    """Return those of some commits, in order, at which anything is another that plugins may depend on.

    With a `family`, only what its plugins may depend on: other files of the folder do not count.
    """
    is_package = offers_entries(repository.root)

    def made_of(commit: Commit) -> dict[str, str]:
        files = repository.files(commit.hash, "" if is_package else FOLDER)
        if is_package or family is None:
            return dict(files)
        return _of_file(files, f"{family}.py")

    known = made_of(since)
    found = []
    for commit in commits:
        files = made_of(commit)
        if files != known:
            found.append(commit)
        known = files
    return found


def store_of(repository: Repository) -> Path:
    """Return the folder for copies of commits, which git does not look at."""
    store = repository.root / _STORE
    store.mkdir(exist_ok=True)
    write_text(store / ".gitignore", "*\n")
    return store


def content_of(files: Mapping[str, str], implementation: Implementation) -> str:
    """Return a hash of all that an implementation is made of, from the hashes of a repository's files."""
    parts = sorted(_parts(files, implementation).items())
    return hashlib.sha256("".join(f"{path} {name}\n" for path, name in parts).encode()).hexdigest()[:16]


def files_of(root: Path) -> dict[str, str]:
    """Return the hashes of the files that lie in a repository's folder, as git would name them."""
    paths = [root / name for name in Repository(root).lying_there()]
    return {path.relative_to(root).as_posix(): _blob(path) for path in paths if path.is_file()}


def _blob(path: Path) -> str:
    """Return git's name of a file's content."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content)).hexdigest()  # noqa: S324 it is git's choice


def _parts(content: Mapping[str, str], implementation: Implementation) -> dict[str, str]:
    """Return the hashes of what an implementation is made of."""
    content = {path: name for path, name in content.items() if "__pycache__" not in path}
    if implementation.origin == "installed" or implementation.source is None:
        return content
    return _of_file(content, implementation.source.name)


def _of_file(content: Mapping[str, str], name: str) -> dict[str, str]:
    """Return what a file of the folder is made of: itself, and whatever there is not a plugin."""
    return {
        path: found
        for path, found in content.items()
        if path == f"{FOLDER}/{name}" or (path.startswith(f"{FOLDER}/") and not _is_plugin(path))
    }


def _is_plugin(path: str) -> bool:
    name = path.removeprefix(f"{FOLDER}/")
    return name.endswith(".py") and "/" not in name and not name.startswith("_")


def offered(folder: Path, site: Path) -> Registry:
    """Return what a repository's files offer, each looked at in a process of its own.

    Its package, if it has one with entry points for us, is installed into `site` first, unless it is
    there already. What cannot be installed or imported is `broken`; a repository without any plugin
    offers nothing.
    """
    parts = [
        _within(examined(path, "folder", path.stem), path.relative_to(folder))
        for path in sorted((folder / FOLDER).glob("*.py"))
        if not path.name.startswith("_")
    ]
    if offers_entries(folder):
        parts += _installed(folder, site)
    found: dict[str, Implementation] = {}
    broken = [mistake for part in parts for mistake in part.broken]
    for one in (one for part in parts for one in part.implementations):
        if one.name in found:
            broken.append(BrokenPlugin("name", one.name, one.family))
        found.setdefault(one.name, one)
    unavailable = tuple(one for part in parts for one in part.unavailable)
    return Registry(tuple(found[name] for name in sorted(found)), unavailable, tuple(broken))


def _within(found: Registry, path: Path) -> Registry:
    """Return what a file offers with its path inside the copy, which lies elsewhere at every commit."""
    broken = tuple(replace(one, subject=str(path)) for one in found.broken)
    unavailable = tuple(replace(one, source=str(path)) for one in found.unavailable)
    return replace(found, broken=broken, unavailable=unavailable)


def offers_entries(folder: Path) -> bool:
    """Say whether a project's own files declare entry points for us."""
    return any(_declares(folder))


def _declares(folder: Path) -> Iterator[bool]:
    """Yield for each kind of declaration whether it is there."""
    try:
        facts: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):
        facts = {}
    for path in (("project", "entry-points"), ("tool", "poetry", "plugins")):
        table: Any = facts
        for name in path:
            table = table.get(name) if isinstance(table, dict) else None
        yield isinstance(table, dict) and ENTRY_POINTS in table
    settings = ConfigParser()
    try:
        settings.read(folder / "setup.cfg", "utf-8")
    except (ConfigError, UnicodeDecodeError):
        return
    yield settings.has_option("options.entry_points", ENTRY_POINTS)


def _installed(folder: Path, site: Path) -> list[Registry]:
    """Return what the entry points of a project's package offer, installed if it is not there yet."""
    try:
        _install(folder, site)
    except PluginError as error:
        return [Registry((), broken=(BrokenPlugin.package(str(error)),))]
    names = [
        entry.name
        for distribution in distributions(path=[str(site)])
        for entry in distribution.entry_points
        if entry.group == ENTRY_POINTS
    ]
    parts = [examined(Path(name), "installed", name, str(site)) for name in sorted(names)]
    return [
        replace(part, implementations=tuple(replace(one, site=str(site)) for one in part.implementations))
        for part in parts
    ]


def _install(folder: Path, site: Path) -> None:
    """Build and install a project without its dependencies; raises `PluginError` where that fails.

    First with the build tools that are installed, as that takes no network; then as it asks for.
    """
    if (site / _INSTALLED).exists():
        return
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir(parents=True)
    common = ["install", "--quiet", "--no-deps", "--disable-pip-version-check", "--target", str(site)]
    for isolation in (["--no-build-isolation"], []):
        done = _pip([*common, *isolation, str(folder)])
        if done.returncode == 0:
            (site / _INSTALLED).touch()
            return
    raise PluginError(_last_line(done.stderr or done.stdout))


def _pip(words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 our own interpreter
        [sys.executable, "-m", "pip", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=_BUILD_S,
        stdin=subprocess.DEVNULL,
    )


def _last_line(text: str) -> str:
    told = [line.strip() for line in text.splitlines() if not line.strip().startswith("note:")]
    lines = [line for line in told if "error" in line.lower() and "subprocess-exited" not in line]
    return (lines or text.strip().splitlines() or ["pip said nothing"])[-1].strip()
