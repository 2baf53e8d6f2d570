"""asv in a process of its own: it runs on a commit, and makes its site."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO

import msgspec

from ...errors import ResultsError
from ...files.atomic import write_text
from ...plugins.libraries import is_installed
from ...plugins.registry import is_wanted
from ...runs.store import encode_rows, make_folder
from ..repository import Commit, Repository
from .configuration import Configuration
from .job import Job
from .manifest import Manifest, attributes_of

_ASV = (
    # When we end, asv ends, and in its own way: it has started a server that only asv can end.
    "import signal, sys; from convharness.workers import die_with_parent\n"
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(1)); die_with_parent(signal.SIGTERM)\n"
    "from asv.main import main; sys.argv[0] = 'asv'; main()"
)
_POLL_S = 0.2
_LAST_LINES = 12


@dataclass(frozen=True)
class Advance:
    """How far the commit at hand is: `done` of `planned` records, of which `record` is the latest."""

    done: int
    planned: int
    record: str


def run(
    repository: Repository, commit: Commit, configuration: Configuration, job: Job
) -> Generator[Advance, None, str]:
    """Let asv run on a commit, yield how far it is, and return its last words.

    asv ends when the generator is closed.
    """
    words = ["run", "--config", str(configuration.path), "--bench", _benchmarks(configuration, job)]
    results = Path(job.results or "results")
    if not results.exists():  # it is not to be committed by accident, and then taken away by a checkout
        write_text(make_folder(results) / ".gitignore", "*\n")
    with TemporaryDirectory() as place, TemporaryFile("w+", errors="replace") as log:
        progress = Path(place) / "progress"
        progress.touch()
        told = msgspec.structs.replace(job, progress=str(progress), is_resumable=True)
        process = _started([*words, f"{commit.hash}^!"], repository.root, told, log)
        try:
            while process.poll() is None:
                yield from _advance(progress)
                time.sleep(_POLL_S)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        log.seek(0)
        lines = [line.rstrip() for line in log if line.strip()]
    return "\n".join(lines[-_LAST_LINES:])


def _started(words: Sequence[str], folder: Path, job: Job, log: IO[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 our own interpreter
        [sys.executable, "-c", _ASV, *words],
        cwd=folder,
        env={**os.environ, **job.variables(), "PYTHONWARNINGS": "ignore"},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    )


def _benchmarks(configuration: Configuration, job: Job) -> str:
    """Return the expression for the benchmarks that are ordered: asv forgets what it runs in vain."""
    manifest = Manifest.read(configuration.benchmarks)
    known = attributes_of(manifest.implementations)
    names = [name for name, one in known.items() if is_wanted(one, job.patterns)]
    names = names or list(known)  # else asv runs nothing
    modules = job.suites or manifest.modules
    return rf"^({'|'.join(map(re.escape, modules))})\.({'|'.join(map(re.escape, names))})\."


def _advance(progress: Path) -> Iterator[Advance]:
    lines = progress.read_text("utf-8", "replace").splitlines()
    if lines:
        planned, _, words = lines[-1].partition("\t")
        yield Advance(len(lines), int(planned), words.replace("\t", " "))


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
