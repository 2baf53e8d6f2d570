"""asv's configuration for a repository: its own, or else one that is made for it; and its benchmarks."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from ...errors import HarnessError, SuiteError
from ...files.atomic import write_text
from ...problems.suite_files import find_suite
from ..repository import Repository
from ..snapshots import store_of
from .manifest import MANIFEST, Manifest, found_from, module_of

CONFIGURATION = "asv.conf.json"

PLUGIN = '''"""Makes convharness's environment known to asv."""

from convharness import Worktree
from convharness import introduce_machine as setup

__all__ = ["Worktree", "setup"]
'''
_MODULE = '''"""The suite `{name}`, for asv."""

from convharness import asv_benchmarks

globals().update(asv_benchmarks(__file__))
'''


@dataclass(frozen=True)
class Configuration:
    """Where asv's configuration, benchmarks, results and site are."""

    path: Path
    benchmarks: Path
    results: Path
    html: Path


def configured(repository: Repository, results: Path, suites: Sequence[str], threads: int) -> Configuration:
    """Return asv's configuration: the repository's own, or else one that is made for it.

    Raises `SuiteError` for a suite that the repository's own benchmarks do not have, and for threads
    where its own configuration says them.
    """
    own = repository.root / CONFIGURATION
    if folders := asv_folders(repository):
        if threads != 1:
            raise SuiteError([f"{own} says how many threads there are: OMP_NUM_THREADS in its matrix"])
        return _checked(Configuration(own, **folders), suites)
    store = store_of(repository)
    folder = store / "benchmarks"
    folder.mkdir(exist_ok=True)
    known = Manifest.read(folder) if (folder / MANIFEST).exists() else Manifest([])
    known.suites = [source for source in known.suites if _is_there(source, folder)]
    asked = [_relative(source, folder) for source in suites] or known.suites or ["smoke"]
    for source in asked:
        find_suite(found_from(folder, source))
        other = next((one for one in known.suites if module_of(one) == module_of(source)), source)
        if other != source:
            raise SuiteError([f"{source} and {other}, which is tracked, have one name; rename one of them"])
        known.suites += [source] if source not in known.suites else []
    _write_benchmarks(folder, known)
    path = store / CONFIGURATION
    facts = configuration_of(
        repository.root.name,
        "..",
        "benchmarks",
        os.path.relpath(results.resolve() / "asv", store),
        threads,
        work=".",
    )
    write_text(path, facts)
    write_text(store / "asv_worktree.py", PLUGIN)
    return Configuration(path, folder, results / "asv", store / "html")


def _checked(found: Configuration, suites: Sequence[str]) -> Configuration:
    """Return a repository's own configuration, if its benchmarks have all suites that are asked for."""
    known = Manifest.read(found.benchmarks).modules
    for source in suites:
        if module_of(source) not in known:
            raise SuiteError(
                [f"{found.benchmarks / MANIFEST} has no suite {source!r}; add it there, and a module for it"]
            )
    return found


def _relative(source: str, folder: Path) -> str:
    """Return a suite as a manifest names it: a file by its path from there."""
    return os.path.relpath(Path(source).resolve(), folder.resolve()) if source.endswith(".toml") else source


def _is_there(source: str, folder: Path) -> bool:
    """Say whether a suite that was tracked before can still be read."""
    try:
        find_suite(found_from(folder, source))
    except HarnessError:
        return False
    return True


def configuration_of(
    project: str, repo: str, benchmarks: str, results: str, threads: int, *, work: str = ".asv"
) -> str:
    """Return the text of an asv.conf.json; below the folder `work` asv keeps checkouts and its site."""
    facts = {
        "version": 1,
        "project": project,
        "project_url": "#",
        "show_commit_url": "#",
        "repo": repo,
        "dvcs": "git",
        "branches": ["HEAD"],
        "plugins": [".asv_worktree"],
        "environment_type": "worktree",
        "build_command": [],
        "install_command": [],
        "uninstall_command": [],
        "matrix": {"env_nobuild": {"OMP_NUM_THREADS": [str(threads)]}},
        "launch_method": "forkserver",
        "default_benchmark_timeout": 60,
        "benchmark_dir": benchmarks,
        "results_dir": results,
        "env_dir": PurePosixPath(work, "env").as_posix(),
        "html_dir": PurePosixPath(work, "html").as_posix(),
    }
    return msgspec.json.format(msgspec.json.encode(facts)).decode() + "\n"


def module_text(name: str) -> str:
    """Return the text of a benchmark module."""
    return _MODULE.format(name=name)


def _write_benchmarks(folder: Path, manifest: Manifest) -> None:
    """Write a manifest, and a module for each of its suites."""
    manifest.write(folder)
    (folder / "__init__.py").touch()
    for path in folder.glob("[!_]*.py"):
        if path.stem not in manifest.modules:
            path.unlink()
    for name in manifest.modules:
        write_text(folder / f"{name}.py", module_text(name))


def asv_folders(repository: Repository) -> dict[str, Path] | None:
    """Return the folders of a repository's own configuration of asv for convharness, if it has one."""
    path = repository.root / CONFIGURATION
    if not path.is_file():
        return None
    from .environment import own_folders  # loads asv

    return own_folders(path)


def asv_results(repository: Repository, results: Path) -> Path:
    """Return where asv keeps its results beside ours: below them, unless its own configuration says."""
    folders = asv_folders(repository)
    return folders["results"] if folders else results / "asv"


def manifests_of(repository: Repository) -> list[Manifest]:
    """Return what asv was told to track in a repository, by its own benchmarks or by ours for it."""
    folders = (repository.root / "suites", repository.root / ".convharness" / "benchmarks")
    return [Manifest.read(folder) for folder in folders if (folder / MANIFEST).is_file()]


def tracked_suites(repository: Repository) -> list[str]:
    """Return the suites that the repository itself says are its own, as `find_suite` takes them."""
    folder = repository.root / "suites"
    if not (folder / MANIFEST).is_file():
        return []
    return [found_from(folder, source) for source in Manifest.read(folder).suites]
