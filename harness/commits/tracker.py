"""Drives asv over commits, one `asv run` for each; what was interrupted goes on where it was.

asv checks out, builds, runs our engine in its `setup_cache` and keeps its own files. Our records are
made on the way and are the truth: a commit is done when its run is complete and asv has its file.
"""

import fcntl
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Literal

import msgspec

from ..errors import CommitError, HarnessError, ResultsError, SuiteError
from ..files.atomic import write_text
from ..oracle.verdict import FAILURES
from ..plugins.libraries import is_installed
from ..plugins.registry import is_wanted
from ..problems.suite_files import find_suite
from ..runs.run import Tracked
from ..runs.store import (
    encode_rows,
    is_finished,
    make_folder,
    read_rows,
    read_run,
    run_folders,
)
from .asv import MANIFEST, Manifest, Order, attributes_of, found_from, module_of, suites_of, wishes
from .history import CONFIGURATION, asv_folders
from .repository import Commit, Repository
from .snapshots import WORKING_TREE, store_of, version_of

State = Literal["measured", "kept", "nothing", "failed"]

_ASV = (
    # When we end, asv ends, and in its own way: it has started a server that only asv can end.
    "import signal, sys; from convharness.workers import die_with_parent\n"
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(1)); die_with_parent(signal.SIGTERM)\n"
    "from asv.main import main; sys.argv[0] = 'asv'; main()"
)
PLUGIN = '''"""Makes convharness's environment known to asv."""

from convharness import Worktree
from convharness import introduce_machine as setup

__all__ = ["Worktree", "setup"]
'''
_MODULE = '''"""The suite `{name}`, for asv."""

from convharness import asv_benchmarks

globals().update(asv_benchmarks(__file__))
'''
_POLL_S = 0.2
_LAST_LINES = 12


@dataclass(frozen=True)
class Configuration:
    """Where asv's configuration, benchmarks, results and site are."""

    path: Path
    benchmarks: Path
    results: Path
    html: Path


@dataclass(frozen=True)
class Outcome:
    """What came of a commit; `reason` says why there is nothing, `broken` what does not import or build."""

    commit: Commit
    state: State
    records: int = 0
    failed: int = 0
    broken: tuple[str, ...] = ()
    reason: str = ""
    seconds: float = 0.0


Watch = Callable[[int, int, str], None]
"""Is told how many records of how many a commit has, and of which is the latest."""


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


@contextmanager
def alone_in(repository: Repository) -> Iterator[None]:
    """Walk alone; raises `CommitError` where another process walks over the commits of a repository."""
    file = os.open(store_of(repository) / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        message = f"another convharness track is at work in {repository.root}; wait for it"
        raise CommitError(message) from None
    try:
        yield
    finally:
        os.close(file)


def walk(
    repository: Repository,
    commits: Sequence[Commit],
    configuration: Configuration,
    order: Order,
    watch: Watch = lambda _done, _total, _words: None,
) -> Iterator[Outcome]:
    """Track commits one after the other, and yield what came of each.

    What is done is kept; what was begun goes on. A commit that fails does not stop the rest.
    """
    for commit in commits:
        folder = _run_of(configuration, commit, order)
        if folder is not None and is_finished(folder) and _has_file(configuration, commit, order):
            yield _told(commit, folder, "kept", 0.0)
            continue
        start = time.monotonic()
        reason = _tracked(repository, commit, configuration, order, watch)
        folder = _run_of(configuration, commit, order)
        seconds = time.monotonic() - start
        if folder is None or not is_finished(folder):
            yield Outcome(commit, "failed", reason=reason, seconds=seconds)
        else:
            yield _told(commit, folder, "measured", seconds)


def _tracked(
    repository: Repository, commit: Commit, configuration: Configuration, order: Order, watch: Watch
) -> str:
    """Let asv run on a commit, again if there is what it did not know of; return why it failed."""
    manifest = Manifest.read(configuration.benchmarks)
    if not manifest.implementations:
        _learn(configuration, _names_at(repository, commit))
    reason = _asv_run(repository, commit, configuration, order, watch)
    folder = _run_of(configuration, commit, order)
    if folder is not None and is_finished(folder):
        purpose = read_run(folder).purpose
        if isinstance(purpose, Tracked) and _learn(configuration, purpose.contents):
            reason = _asv_run(repository, commit, configuration, order, watch)
    return reason


def _names_at(repository: Repository, commit: Commit) -> list[str]:
    """Return names for asv to begin with: it runs nothing for who has no benchmarks."""
    for name in (WORKING_TREE, commit.hash):
        if found := version_of(repository, name).registry().implementations:
            return [one.own_name for one in found]
    return ["none.yet"]


def _learn(configuration: Configuration, names: Iterable[str]) -> bool:
    """Add names to what asv knows; say whether there were new ones."""
    manifest = Manifest.read(configuration.benchmarks)
    new = [name for name in names if name not in manifest.implementations]
    if new:
        manifest.implementations += new
        manifest.write(configuration.benchmarks)
    return bool(new)


def _asv_run(
    repository: Repository, commit: Commit, configuration: Configuration, order: Order, watch: Watch
) -> str:
    """Let asv run on a commit and watch its progress; return its last words."""
    words = ["run", "--config", str(configuration.path), "--bench", _wanted(configuration, order)]
    words.append(f"{commit.hash}^!")
    results = Path(order.results or "results")
    if not results.exists():  # it is not to be committed by accident, and then taken away by a checkout
        write_text(make_folder(results) / ".gitignore", "*\n")
    with TemporaryDirectory() as place, TemporaryFile("w+", errors="replace") as log:
        progress = Path(place) / "progress"
        progress.touch()
        told = msgspec.structs.replace(order, progress=str(progress), is_resumable=True)
        process = subprocess.Popen(  # noqa: S603 our own interpreter
            [sys.executable, "-c", _ASV, *words],
            cwd=repository.root,
            env={**os.environ, **told.variables(), "PYTHONWARNINGS": "ignore"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            while process.poll() is None:
                _watch(progress, watch)
                time.sleep(_POLL_S)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        log.seek(0)
        lines = [line.rstrip() for line in log if line.strip()]
    return "\n".join(lines[-_LAST_LINES:])


def _wanted(configuration: Configuration, order: Order) -> str:
    """Return the expression for the benchmarks that are wished for: asv forgets what it runs in vain."""
    manifest = Manifest.read(configuration.benchmarks)
    known = attributes_of(manifest.implementations)
    names = [name for name, one in known.items() if is_wanted(one, order.patterns)]
    names = names or list(known)  # else asv runs nothing
    modules = order.suites or manifest.modules
    return rf"^({'|'.join(map(re.escape, modules))})\.({'|'.join(map(re.escape, names))})\."


def _watch(progress: Path, watch: Watch) -> None:
    lines = progress.read_text("utf-8", "replace").splitlines()
    if lines:
        total, _, words = lines[-1].partition("\t")
        watch(len(lines), int(total), words.replace("\t", " "))


def published(configuration: Configuration, line: Sequence[Commit]) -> Path:
    """Let asv make its site of all that it has, and return its first page.

    With asv-tachyon installed the site looks as that has it, and needs nothing from the network.

    Raises `ResultsError` with asv's last words where it fails.
    """
    done = subprocess.run(  # noqa: S603 our own interpreter
        [sys.executable, "-m", "asv", "publish", "--config", str(configuration.path)],
        cwd=configuration.path.parent,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise ResultsError(f"asv publish failed: {words[-1]}")
    if is_installed("asv_tachyon"):
        subprocess.run(  # noqa: S603 our own interpreter
            [sys.executable, "-m", "asv_tachyon", "install", str(configuration.html)],
            check=True,
            capture_output=True,
        )
        subjects = {commit.hash: commit.subject for commit in line}
        write_text(configuration.html / "commits.json", encode_rows([subjects], lines=True))
    return configuration.html / "index.html"


def _run_of(configuration: Configuration, commit: Commit, order: Order) -> Path | None:
    """Return the latest run of a commit on this machine with these wishes, finished or not."""
    from ..machine.environment import machine

    asked = wishes(suites_of(configuration.benchmarks, order.suites), order.patterns)
    wanted = (commit.hash, machine(), order.level, order.seed, order.threads)
    for folder in reversed(run_folders(Path(order.results or "results"))):
        run = read_run(folder)
        facts = (run.commit, run.machine, run.settings.level, run.settings.seed, run.settings.threads)
        if isinstance(run.purpose, Tracked) and run.purpose.wishes == asked and facts == wanted:
            return folder
    return None


def _has_file(configuration: Configuration, commit: Commit, order: Order) -> bool:
    """Say whether asv has results of a commit, with so many threads."""
    name = f"{commit.hash[:8]}-*OMP_NUM_THREADS{order.threads}*.json"
    return any(configuration.results.glob(f"*/{name}"))


def _told(commit: Commit, folder: Path, state: State, seconds: float) -> Outcome:
    rows = list(read_rows(folder))
    purpose = read_run(folder).purpose
    broken = tuple(map(str, purpose.broken)) if isinstance(purpose, Tracked) else ()
    failed = sum(row["status"] in FAILURES for row in rows)
    nothing = not rows and not broken
    return Outcome(commit, "nothing" if nothing else state, len(rows), failed, broken, seconds=seconds)
