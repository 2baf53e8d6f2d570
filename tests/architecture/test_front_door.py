"""The front door and who may do what: lists of names, and the source as a tree."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import convharness

HARNESS = Path(convharness.__file__).parent
FILES = sorted(HARNESS.rglob("*.py"))
IDS = [path.relative_to(HARNESS).as_posix() for path in FILES]

# asv passes on what its cached set-up says on stdout, which is how a commit shows its progress.
PRINTERS = {"cli/console.py", "commits/asv/recording.py"}
WRITERS = {
    "files/atomic.py",
    "runs/store.py",
    "runs/tables.py",
    "commits/asv/recording.py",
    "commits/asv/benchmark_values.py",
}
NO_FILES = {"write_text", "Path('/proc/self/clear_refs').write_text"}  # one of our own, and a switch of Linux
HEAVY = {"torch", "asv", "asv_runner", "pandas", "scipy", "pyarrow", "rich", "jinja2", "psutil"}
ASV = re.compile(
    r"^(time|timeraw|track|mem|peakmem)(_|[A-Z])|^(Time|Timeraw|TimeRaw|Track|Mem|PeakMem|Peakmem)[A-Z_]"
)


def place(path: Path) -> str:
    """Return where a module is, below the engine's folder."""
    return path.relative_to(HARNESS).as_posix()


def tree(path: Path) -> ast.Module:
    """Return the source of a module as a tree."""
    return ast.parse(path.read_text("utf-8"))


def calls(path: Path) -> Iterator[str]:
    """Yield what a module calls, as dotted words."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_the_door_is_sorted() -> None:
    """Growing it is a line in a diff at a known place."""
    assert sorted(convharness.__all__) == list(convharness.__all__)


@pytest.mark.parametrize("name", convharness.__all__)
def test_every_name_of_the_door_is_there(name: str) -> None:
    """Whatever is promised can be imported."""
    assert getattr(convharness, name) is not None


def test_nothing_else_is_behind_the_door() -> None:
    """A name that is not promised is not there."""
    with pytest.raises(AttributeError, match="module 'convharness' has no attribute 'nothing_of_the_kind'"):
        _ = convharness.nothing_of_the_kind


def test_no_name_of_the_door_is_a_module_s() -> None:
    """`from convharness import plan` means one thing."""
    modules = {module.name for module in pkgutil.iter_modules(convharness.__path__)} | {
        "implementations",
        "suites",
    }

    assert set() == modules & set(convharness.__all__)


def test_no_name_of_the_door_looks_like_a_benchmark() -> None:
    """Asv would collect it from every file of suites that imports it."""
    assert [] == [name for name in convharness.__all__ if ASV.match(name)]


@pytest.mark.parametrize(
    "name", ["time_call", "track_error", "mem_peak", "peakmem_x", "timeraw_x", "TimeSuite", "PeakMemSuite"]
)
def test_the_pattern_of_benchmarks_is_asv_s(name: str) -> None:
    """A test that could not fail would guard nothing."""
    assert ASV.match(name)


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_no_heavy_library_is_imported_at_module_level(path: Path) -> None:
    """Whoever asks for help must not wait for a tensor library."""
    imported = set()
    for node in tree(path).body:
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            imported.add((node.module or "").partition(".")[0])
    behind_reports = "reports" in path.parts and path.name != "__init__.py"

    allowed = HEAVY - {"torch", "asv", "asv_runner"} if behind_reports else set()
    allowed |= {"asv"} if place(path) == "commits/asv/environment.py" else set()  # it is asv that imports it
    assert set() == (imported & HEAVY) - allowed


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_only_results_and_reports_write_files(path: Path) -> None:
    """What is on disk was put there by one module that knows how to do it whole."""
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
    """Whoever uses the engine as a library gets values, not text."""
    printing = {"print", "click.echo", "click.secho", "sys.stdout.write"}

    assert place(path) in PRINTERS or set() == printing & set(calls(path))


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_the_engine_knows_no_guest_by_name(path: Path) -> None:
    """No implementation and no suite is imported by the engine."""
    named = {
        node.module or ""
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom)
        and re.match(r"(implementations|suites|convharness\.(implementations|suites))\b", node.module or "")
    }

    assert set() == named


@pytest.mark.parametrize("guests", ["implementations", "suites"])
def test_guests_use_the_front_door(guests: str) -> None:
    """They import `convharness` itself, and nothing behind it."""
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
def test_what_needs_no_library_loads_none(code: str, absent: str) -> None:
    """Asking for help or for a list is a matter of a fraction of a second."""
    script = f"{code}\nimport sys\nsys.exit(' '.join(name for name in {absent.split()!r} if name in sys.modules) or 0)"  # noqa: E501
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert ("", 0) == (done.stderr.strip(), done.returncode)
