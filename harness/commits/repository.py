"""A git repository: its commits, what they hold, and copies of them; nothing here knows a convolution."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import CommitError
from ..files.atomic import making_folder

ABBREVIATED = 10
"""The digits of a commit's hash that are shown."""

_SECONDS = 120
_FIELDS = "%H%x1f%ct%x1f%P%x1f%s"


@dataclass(frozen=True)
class Commit:
    """One commit: its full hash, when it was committed (UTC), the hashes of its parents, its first line."""

    hash: str
    date: datetime
    parents: tuple[str, ...]
    subject: str

    @property
    def short(self) -> str:
        """Return the hash as people read it."""
        return self.hash[:ABBREVIATED]


class Repository:
    """The repository that a folder lies in.

    Raises `CommitError` where there is none, or git is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self.root = Path(self._git("rev-parse", "--show-toplevel"))

    def resolve(self, reference: str) -> str | None:
        """Return the hash of the commit that a branch, tag, hash or the like names; None if it names none."""
        if reference.startswith("-"):
            return None
        try:
            return self._git("rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")
        except CommitError:
            return None

    def commit(self, reference: str) -> Commit:
        """Return a commit; raises `CommitError` for a name that is none."""
        found = self.resolve(reference)
        if found is None:
            if reference == "HEAD":
                raise CommitError(f"{self.root} has no commits yet; make one with: git commit")
            self.check_is_whole()
            raise CommitError(f"{reference!r} is not a commit of {self.root}; `git log --oneline` lists them")
        return self._listed("--max-count=1", found)[0]

    def commits(self, span: str) -> list[Commit]:
        """Return the commits of a range such as `main~10..main`, the oldest first; for one name, that one.

        Merges are followed along their first parents: what a branch did on its way is not what its
        repository was.

        Raises `CommitError` for a range that git does not understand, or that holds nothing.
        """
        if span.startswith("-"):
            raise CommitError(f"{span!r} is not a range of commits; write one such as HEAD~10..HEAD")
        if ".." not in span and not span.endswith(("^!", "^@", "^-")):
            return [self.commit(span)]
        try:
            found = self._listed("--first-parent", "--reverse", "--topo-order", span, "--")
        except CommitError as error:
            self.check_is_whole()
            raise CommitError(f"{span!r} is not a range of commits: {error}") from None
        if not found:
            raise CommitError(f"the range {span!r} holds no commits; the older end comes first")
        return found

    def line(self, reference: str) -> list[Commit]:
        """Return all first parents of a commit and itself, the oldest first."""
        return self._listed("--first-parent", "--reverse", "--topo-order", self.commit(reference).hash, "--")

    def files(self, commit: str, folder: str = "") -> Mapping[str, str]:
        """Return the files of a commit below a folder ('' for all), each with the hash of its content."""
        words = ["ls-tree", "-r", "-z", "--full-tree", commit, *([f"{folder}/"] if folder else [])]
        entries = self._git(*words).split("\0")
        pairs = (entry.partition("\t") for entry in entries if entry)
        return {path: facts.split()[2] for facts, _, path in pairs}

    def lying_there(self) -> list[str]:
        """Return the files in the folder, by path from its root: those that git knows or would take."""
        names = self._git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--full-name")
        return [name for name in names.split("\0") if name]

    def is_dirty(self, but: str = "") -> bool:
        """Say whether files that git knows, but for one, have changes that are in no commit."""
        paths = ["--", ":/", f":(top,exclude){but}"] if but else []
        return bool(self._git("status", "--porcelain", "--untracked-files=no", *paths))

    def checked_out(self, commit: str, folder: Path) -> Path:
        """Return a folder with the files of a commit, as a clone of its own.

        It is made if it does not exist yet, or if its files have changed since.

        Raises `CommitError` where it cannot be made.
        """
        if _is_whole(folder, commit):
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        try:
            with making_folder(folder) as part:
                self._git("clone", "--quiet", "--shared", "--no-checkout", str(self.root), str(part))
                _git(part, "-c", "advice.detachedHead=false", "checkout", "--quiet", "--detach", commit)
                if (part / ".gitmodules").exists():
                    _git(part, "submodule", "--quiet", "update", "--init", "--recursive")
        except OSError as error:
            if not _is_whole(folder, commit):  # else another process was faster
                raise CommitError(f"cannot check {commit} out into {folder}: {error.strerror}") from None
        return folder

    def _listed(self, *words: str) -> list[Commit]:
        lines = self._git("log", "--no-color", f"--format={_FIELDS}", *words).split("\n")
        return [_parsed(line) for line in lines if line]

    def check_is_whole(self) -> None:
        """Raise `CommitError` for a clone whose history is cut off."""
        if self._git("rev-parse", "--is-shallow-repository") == "true":
            raise CommitError(
                f"{self.root} is a shallow clone, whose history is cut off; run: git fetch --unshallow"
            )

    def _git(self, *words: str) -> str:
        return _git(self.root, *words)


def facts(folder: Path) -> dict[str, Any]:
    """Return the commit of a folder and whether it has uncommitted changes; None without git."""
    try:
        repository = Repository(folder)
        return {"commit": repository.resolve("HEAD"), "dirty": repository.is_dirty()}
    except CommitError:
        return {"commit": None, "dirty": None}


def _is_whole(folder: Path, commit: str) -> bool:
    """Say whether a folder is a clone that has the files of a commit, as they were."""
    if not (folder / ".git").exists():
        return False
    try:
        is_there = _git(folder, "rev-parse", "HEAD") == commit
        return is_there and not _git(folder, "status", "--porcelain", "--untracked-files=no")
    except CommitError:
        return False


def _parsed(line: str) -> Commit:
    name, seconds, parents, subject = line.split("\x1f", 3)
    return Commit(name, datetime.fromtimestamp(int(seconds), UTC), tuple(parents.split()), subject)


def _git(folder: Path, *words: str) -> str:
    """Return what git prints; raises `CommitError` with its own words where it fails."""
    try:
        done = subprocess.run(  # noqa: S603 no shell
            ["git", "-C", str(folder), *words],  # noqa: S607 git is looked up on the path as everywhere
            capture_output=True,
            check=False,
            timeout=_SECONDS,
            env=_environment(),
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise CommitError("git is not installed; commits cannot be looked at without it") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommitError(f"git {words[0]} failed: {error}") from None
    if done.returncode:
        raise CommitError(_complaint(words, done.stderr.decode("utf-8", "replace")))
    return done.stdout.decode("utf-8", "surrogateescape").strip("\n")


def _environment() -> dict[str, str]:
    """Return our environment without what would lead git to another repository, as inside a hook."""
    return {
        **{name: value for name, value in os.environ.items() if name not in _LEADING_ASTRAY},
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
    }


_LEADING_ASTRAY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")


def _complaint(words: Sequence[str], text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    first = lines[0].removeprefix("fatal: ") if lines else "it said nothing"
    if "not a git repository" in first:
        return "this folder is in no git repository; go to one, or make one with: git init"
    if "dubious ownership" in first:
        return f"git does not trust this repository: {first}"
    return f"git {words[0]} failed: {first}"
