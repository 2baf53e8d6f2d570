"""What a repository needs so that its implementations are tracked; nothing is overwritten."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import CommitError, SuiteError
from ..files.atomic import write_text
from .asv.configuration import CONFIGURATION, PLUGIN, configuration_of, module_text
from .asv.manifest import MANIFEST, Manifest
from .repository import Repository
from .snapshots import FOLDER, offered

_BENCHMARKS = "suites"
_EXAMPLE = '''"""Implementations of this repository; each file here is a family of its own."""

from convharness import implementation


@implementation(kernel_size=1, groups=1)
def pointwise(x, weight):
    """A 1×1 convolution is a matrix product over the channels."""
    n, c, h, w = x.shape
    return (weight.reshape(-1, c) @ x.reshape(n, c, h * w)).reshape(n, -1, h, w)
'''
_SUITE = """# The problems that matter here; docs/how-to/write-a-suite.md says what else a case may have.

[[case]]
label = "pointwise"
in_channels = 64
input_size = 28
out_channels = 64
kernel_size = 1
"""


def start(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Write what is not there yet into a folder, and yield each file with whether it is new.

    Raises `SuiteError` where a file cannot be written.
    """
    root = _root_of(folder)
    if root is not None and root != folder.resolve():
        raise SuiteError([f"{folder} lies in the repository {root}; run it there: convharness init {root}"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not any((folder / FOLDER).glob("*.py")):
            yield _written(folder / FOLDER / "example.py", _EXAMPLE)
        suites = sorted(path.name for path in (folder / _BENCHMARKS).glob("*.toml"))
        if not suites:
            suites = ["mine.toml"]
            yield _written(folder / _BENCHMARKS / "mine.toml", _SUITE)
        yield from _tracked(folder, suites)
        text = configuration_of(folder.resolve().name, ".", _BENCHMARKS, "results/asv", 1)
        yield _written(folder / CONFIGURATION, text)
        yield _written(folder / "asv_worktree.py", PLUGIN)
        yield _ignored(folder / ".gitignore", ("__pycache__/", ".asv/", ".convharness/", "results/"))
    except OSError as error:
        raise SuiteError([f"cannot write into {folder}: {error.strerror or error}"]) from None


def _root_of(folder: Path) -> Path | None:
    """Return the root of the repository that a folder lies in, if there is one."""
    try:
        return Repository(folder).root.resolve()
    except CommitError:
        return None


def _tracked(folder: Path, suites: Sequence[str]) -> Iterator[tuple[Path, bool]]:
    """Yield the manifest, and a module for each suite."""
    benchmarks = folder / _BENCHMARKS
    path = benchmarks / MANIFEST
    is_new = not path.exists()
    if is_new:
        names = [
            one.name
            for one in offered(folder, folder / ".convharness" / "sites" / "working-tree").implementations
        ]
        Manifest(list(suites), names).write(benchmarks)
    yield path, is_new
    yield _written(benchmarks / "__init__.py", "")
    for name in Manifest.read(benchmarks).modules:
        yield _written(benchmarks / f"{name}.py", module_text(name))


def _written(path: Path, text: str) -> tuple[Path, bool]:
    if path.exists():
        return path, False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    return path, True


def _ignored(path: Path, names: Sequence[str]) -> tuple[Path, bool]:
    """Add names to what git does not look at."""
    text = path.read_text("utf-8") if path.exists() else ""
    missing = [name for name in names if name not in text.splitlines()]
    if missing:
        write_text(path, f"{text.rstrip()}\n".lstrip("\n") + "\n".join(missing) + "\n")
    return path, bool(missing)
