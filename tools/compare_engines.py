"""Show that two commits of the engine judge alike, print alike and cost alike.

    .venv/bin/python tools/compare_engines.py OLD [NEW] [--only verdicts|suites|commands|speed]

Each commit's folders are laid out as an importable package in a temporary folder and run from there, with the
libraries of this environment. Compared are, record by record, what `verify` says of `seeds`, `smoke` and
`features` at the level `quick`; what `suite show` says of every suite; the commands and their options; and
side by side, in turns, what starting up, a verdict and a measurement cost. NEW is the working tree by
default. The exit code is 1 if anything but a cost differs.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter

ROOT = Path(__file__).resolve().parent.parent
PLACES = {
    "harness": "convharness",
    "implementations": "convharness/implementations",
    "suites": "convharness/suites",
    "tests/zoo": "convharness/zoo",
}
JUDGED = ("seeds", "smoke", "features")
OF_A_RUN = {"run", "started_at", "commit", "machine"}
TURNS = 5

Record = dict[str, object]


class Engine:
    """One commit's engine, which is run as a command."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self._environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": ""}

    def run(self, *words: str) -> str:
        """Return what a command prints; its exit code tells of verdicts, which are compared."""
        command = [sys.executable, "-m", "convharness", *words]
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode not in (0, 1, 2):
            sys.exit(f"{self.name}: {' '.join(words)} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout

    def python(self, program: str) -> str:
        """Return what a program prints that imports this engine."""
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout


def laid_out(commit: str | None, folder: Path) -> Engine:
    """Lay a commit, or the working tree, out as a package."""
    if commit is None:
        tree = ROOT
    else:
        tree = folder / "tree"
        archive = subprocess.run(
            ["git", "archive", commit, *PLACES], cwd=ROOT, capture_output=True, check=True
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(tree, filter="data")
    for place, package in PLACES.items():
        (folder / package).parent.mkdir(parents=True, exist_ok=True)
        if package == "convharness":
            (folder / package).mkdir()
            for part in (tree / place).iterdir():
                (folder / package / part.name).symlink_to(part)
        else:
            (folder / package).symlink_to(tree / place)
    return Engine(commit or "working tree", folder)


def verdicts(engines: list[Engine]) -> Iterator[str]:
    """Yield how records differ, but for what every run has of its own."""
    for suite in JUDGED:
        old, new = (records(engine, suite) for engine in engines)
        print(f"verify --suite {suite}: {len(old)} and {len(new)} records")
        if list(old) != list(new):
            yield f"verify --suite {suite}: other records, or in another order"
        was, is_now = ({column for row in rows.values() for column in row} for rows in (old, new))
        print(f"  columns that are new: {', '.join(sorted(is_now - was)) or 'none'}")
        for key in old.keys() & new.keys():
            for column in sorted(was - OF_A_RUN):
                before, after = old[key].get(column), new[key].get(column)
                if before != after:
                    yield f"{suite}, {' on '.join(key)}: {column} was {before!r} and is {after!r}"


def records(engine: Engine, suite: str) -> dict[tuple[str, str], Record]:
    """Return the records of a suite by implementation and case."""
    text = engine.run("verify", "--suite", suite, "--level", "quick", "--format", "json")
    rows: list[Record] = json.loads(text)["records"] if text.startswith("{") else json.loads(text)
    return {(str(row["implementation"]), str(row["case"])): row for row in rows}


def suites(engines: list[Engine]) -> Iterator[str]:
    """Yield the suites of which other problems are shown."""
    names = [path.stem for path in sorted((ROOT / "suites").glob("*.toml"))]
    for name in names:
        old, new = (engine.run("suite", "show", name) for engine in engines)
        print(f"suite show {name}: {len(old.splitlines())} and {len(new.splitlines())} lines")
        if old != new:
            yield f"suite show {name} prints something else"


WALK = """
import click, json, sys
try:
    from convharness.cli.main import main
except ImportError:
    from convharness.cli import main
found = {}
def walk(command, name):
    context = click.Context(command, info_name=name)
    words = [word for one in command.params for word in [*one.opts, *one.secondary_opts]]
    found[name] = sorted(words)
    if isinstance(command, click.Group):
        for word in command.list_commands(context):
            walk(command.get_command(context, word), f"{name} {word}")
root = main if isinstance(main, click.Command) else sys.modules[main.__module__].cli
walk(root, "convharness")
print(json.dumps(found))
"""


def commands(engines: list[Engine]) -> Iterator[str]:
    """Yield what commands and options one of them lacks."""
    old, new = (json.loads(engine.python(WALK)) for engine in engines)
    print(f"commands: {len(old)} and {len(new)}")
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield f"{name}: {old.get(name)} became {new.get(name)}"


COSTS = {
    "start: --help": ("--help",),
    "start: list": ("list",),
    "verify --suite features, one implementation": (
        *("verify", "--suite", "features", "--level", "standard", "-k", "numpy_arrays.im2col"),
        *("--format", "json"),
    ),
    "time --suite seeds, two implementations": (
        *("time", "--suite", "seeds", "--level", "quick", "-k", "numpy_arrays.im2col"),
        *("-k", "numpy_arrays.tensordot", "--format", "json"),
    ),
}


def speed(engines: list[Engine]) -> Iterator[str]:
    """Print the ratio of what commands cost, run in turns; a cost is not a difference, so yield nothing."""
    for name, words in COSTS.items():
        pairs = []
        for turn in range(TURNS):
            order = engines if turn % 2 else engines[::-1]
            taken = {engine.name: seconds(engine, words) for engine in order}
            pairs.append([taken[engine.name] for engine in engines])
        ratio = median(new / old for old, new in pairs)
        old, new = (median(column) for column in zip(*pairs, strict=True))
        print(f"{name:48} {old:7.3f} s {new:7.3f} s   ratio {ratio:.3f}")
    yield from ()


def seconds(engine: Engine, words: tuple[str, ...]) -> float:
    """Return how long a command takes."""
    start = perf_counter()
    engine.run(*words)
    return perf_counter() - start


QUESTIONS = {"verdicts": verdicts, "suites": suites, "commands": commands, "speed": speed}


def main() -> int:
    """Ask all questions; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old")
    parser.add_argument("new", nargs="?")
    parser.add_argument("--only", choices=QUESTIONS, action="append")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engines = [
            laid_out(commit, Path(folder, name)) for name, commit in (("old", words.old), ("new", words.new))
        ]
        differences = [line for name in words.only or QUESTIONS for line in QUESTIONS[name](engines)]
    print(*differences, sep="\n")
    print(f"{len(differences)} differences")
    return bool(differences)


if __name__ == "__main__":
    sys.exit(main())
