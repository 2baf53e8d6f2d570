"""The front door, and which modules may import, write or print what, from their sources."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import convharness

HARNESS = Path(convharness.__file__).parent
FILES = sorted(HARNESS.rglob("*.py"))
IDS = [path.relative_to(HARNESS).as_posix() for path in FILES]

# asv passes on the stdout of its cached set-up, by which the progress of a commit is shown.
PRINTERS = {"cli/console.py", "commits/asv/recording.py"}
WRITERS = {
    "files/atomic.py",
    "runs/store.py",
    "runs/tables.py",
    "commits/asv/recording.py",
    "commits/asv/benchmark_values.py",
}
NO_FILES = {
    "write_text",
    "Path('/proc/self/clear_refs').write_text",
}  # a function of the engine, and a switch of Linux
HEAVY = {"torch", "asv", "asv_runner", "pandas", "scipy", "pyarrow", "rich", "jinja2", "psutil"}
ASV = re.compile(
    r"^(time|timeraw|track|mem|peakmem)(_|[A-Z])|^(Time|Timeraw|TimeRaw|Track|Mem|PeakMem|Peakmem)[A-Z_]"
)


def place(path: Path) -> str:
    """Return the path of a module below the engine's folder."""
    return path.relative_to(HARNESS).as_posix()


def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(path.read_text("utf-8"))


def calls(path: Path) -> Iterator[str]:
    """Yield the names of all functions that a module calls, with dots."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_the_names_of_the_front_door_are_sorted() -> None:
    """The names of the front door are sorted."""
    assert sorted(convharness.__all__) == list(convharness.__all__)


@pytest.mark.parametrize("name", convharness.__all__)
def test_every_name_of_the_front_door_can_be_imported(name: str) -> None:
    """Each name of the front door can be imported."""
    assert getattr(convharness, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    """An unknown name of the front door raises AttributeError."""
    with pytest.raises(AttributeError, match="module 'convharness' has no attribute 'nothing_of_the_kind'"):
        _ = convharness.nothing_of_the_kind


def test_no_name_of_the_front_door_is_that_of_a_module() -> None:
    """No name of the front door is that of a module, which an import could mean instead."""
    modules = {module.name for module in pkgutil.iter_modules(convharness.__path__)} | {
        "implementations",
        "suites",
    }

    assert set() == modules & set(convharness.__all__)


def test_every_package_is_installed() -> None:
    """The packages that `pyproject.toml` names are those of the engine's folder, and the three guests."""
    project = tomllib.loads((HARNESS.parent / "pyproject.toml").read_text("utf-8"))
    folders = {path.parent.relative_to(HARNESS).parts for path in HARNESS.rglob("__init__.py")}
    packages = {".".join(("convharness", *parts)) for parts in folders}
    guests = {f"convharness.{name}" for name in ("implementations", "suites", "zoo")}

    assert packages | guests == set(project["tool"]["setuptools"]["packages"])


def test_no_name_of_the_front_door_looks_like_a_benchmark() -> None:
    """No name of the front door matches asv's patterns, so that asv does not collect it."""
    assert [] == [name for name in convharness.__all__ if ASV.match(name)]


@pytest.mark.parametrize(
    "name", ["time_call", "track_error", "mem_peak", "peakmem_x", "timeraw_x", "TimeSuite", "PeakMemSuite"]
)
def test_the_pattern_of_benchmarks_is_asv_s(name: str) -> None:
    """The pattern matches names that asv collects as benchmarks."""
    assert ASV.match(name)


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_no_heavy_library_is_imported_at_module_level(path: Path) -> None:
    """A module imports no heavy library at module level, so that help is shown at once."""
    imported = set()
    for node in tree(path).body:
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            imported.add((node.module or "").partition(".")[0])
    behind_reports = "reports" in path.parts and path.name != "__init__.py"

    allowed = HEAVY - {"torch", "asv", "asv_runner"} if behind_reports else set()
    allowed |= {"asv"} if place(path) == "commits/asv/environment.py" else set()  # asv imports this module
    assert set() == (imported & HEAVY) - allowed


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_only_known_modules_write_files(path: Path) -> None:
    """Only the modules that write files whole, and a few others, write files."""
    writing = {"write_text", "write_bytes", "write_table", "to_parquet", "savefig"}
    found = {call for call in calls(path) if call.rpartition(".")[2] in writing} - NO_FILES
    opened = [
        ast.unparse(node)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] == "open"
        and any(isinstance(arg, ast.Constant) and re.search("[wax+]", str(arg.value)) for arg in node.args)
        and not ast.unparse(node.func).startswith("os.")
    ]

    assert place(path) in WRITERS or (set(), []) == (found, opened)


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_only_the_command_line_prints(path: Path) -> None:
    """Only modules of the command line print, since the engine returns values."""
    printing = {"print", "click.echo", "click.secho", "sys.stdout.write"}

    assert place(path) in PRINTERS or set() == printing & set(calls(path))


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_the_engine_imports_no_guest_by_name(path: Path) -> None:
    """A module of the engine imports no implementation and no suite."""
    named = {
        node.module or ""
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom)
        and re.match(r"(implementations|suites|convharness\.(implementations|suites))\b", node.module or "")
    }

    assert set() == named


@pytest.mark.parametrize("guests", ["implementations", "suites"])
def test_guests_use_the_front_door(guests: str) -> None:
    """A guest imports `convharness` itself and no module behind it."""
    package = importlib.import_module(f"convharness.{guests}")
    behind = [
        (path.name, node.module)
        for path in sorted(Path(package.__path__[0]).glob("*.py"))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("convharness.")
    ]

    assert [] == behind


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import convharness", "torch scipy pandas asv numpy"),
        ("from convharness.cli.main import main; main(['--help'])", "torch scipy pandas asv numpy"),
        ("from convharness.cli.main import main; main(['verify', '--help'])", "torch scipy pandas asv"),
        ("from convharness.cli.main import main; main(['list'])", "torch pandas asv"),
        ("from convharness.cli.main import main; main(['suite', 'list'])", "torch pandas asv"),
    ],
)
def test_help_and_lists_load_no_heavy_library(code: str, absent: str) -> None:
    """Importing the package, asking for help and listing load no heavy library."""
    script = f"{code}\nimport sys\nsys.exit(' '.join(name for name in {absent.split()!r} if name in sys.modules) or 0)"  # noqa: E501
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert ("", 0) == (done.stderr.strip(), done.returncode)
