"""Discovery: folders, installed packages and named files, where a broken plugin affects no other."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from convharness import PluginError, Registry, discover
from convharness.plugins.registry import Unavailable

GOOD = "from convharness import implementation\n\n\n@implementation\ndef {name}(x, weight):\n    return x\n"

Write = Callable[..., Path]


def complaints(registry: Registry) -> list[str]:
    """Return the messages of the broken plugins."""
    return [str(one) for one in registry.broken]


def names(registry: Registry) -> list[str]:
    """Return the names of the implementations that were found."""
    return [one.name for one in registry.implementations]


def test_a_folder_s_files_are_families(write_plugin: Write, tmp_path: Path) -> None:
    """Each file of a folder is a family, except for those whose names begin with an underscore."""
    write_plugin(GOOD.format(name="f"), "one.py", "plugins")
    write_plugin(GOOD.format(name="f"), "two.py", "plugins")
    write_plugin(GOOD.format(name="f"), "_three.py", "plugins")
    registry = discover(folder=tmp_path / "plugins", entry_points=False)

    assert (["one.f", "two.f"], (), ()) == (names(registry), registry.unavailable, registry.broken)
    assert {"built-in"} == {one.origin for one in registry.implementations}


def test_a_named_file_is_a_plugin(write_plugin: Write, tmp_path: Path) -> None:
    """A file given by path is found beside the others, with its path."""
    path = write_plugin(GOOD.format(name="f"))
    one = discover([path], folder=tmp_path / "none", entry_points=False).implementations[0]

    assert ("mine.f", "mine", "file", path) == (one.name, one.family, one.origin, one.source)


def test_an_installed_package_is_found_by_its_entry_point(
    write_plugin: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package with an entry point is found, with the entry point's name as its family."""
    write_plugin(GOOD.format(name="f"), "foreign_kernels.py", "site")
    entry = "[convharness.implementations]\nforeign = foreign_kernels\n"
    write_plugin(
        "Metadata-Version: 2.1\nName: foreign\nVersion: 1.0\n", "METADATA", "site/foreign-1.0.dist-info"
    )
    write_plugin(entry, "entry_points.txt", "site/foreign-1.0.dist-info")
    monkeypatch.syspath_prepend(tmp_path / "site")
    registry = discover(folder=tmp_path / "none")
    found = {one.name: one.origin for one in registry.implementations}

    monkeypatch.delitem(sys.modules, "foreign_kernels", raising=False)
    assert "installed" == found.get("foreign.f")


@pytest.mark.parametrize(
    ("text", "unavailable", "broken"),
    [
        ("import no_such_library_here\n", ["no_such_library_here"], []),
        ("import no_such_library_here.deep\n", ["no_such_library_here"], []),
        ("1 / 0\n", [], ["ZeroDivisionError: division by zero"]),
    ],
)
def test_an_installed_package_that_does_not_load_is_reported(
    text: str,
    unavailable: list[str],
    broken: list[str],
    write_plugin: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A package that does not load is reported by its entry point, and other plugins are found."""
    module = f"foreign_{abs(hash(text))}"
    write_plugin(text, f"{module}.py", "site")
    write_plugin(GOOD.format(name="f"), "one.py", "plugins")
    write_plugin("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n", "METADATA", "site/odd-1.0.dist-info")
    entry = f"[convharness.implementations]\nodd = {module}\n"
    write_plugin(entry, "entry_points.txt", "site/odd-1.0.dist-info")
    monkeypatch.syspath_prepend(tmp_path / "site")
    registry = discover(folder=tmp_path / "plugins")

    source = f"entry point odd = {module}"
    assert unavailable == [
        one.library.partition(".")[0] for one in registry.unavailable if one.source == source
    ]
    assert [f"{source} does not import: {text}" for text in broken] == complaints(registry)
    assert "one.f" in names(registry)


def test_two_equal_names_are_an_error_that_names_both_files(write_plugin: Write, tmp_path: Path) -> None:
    """Two implementations with one name are an error that names both files."""
    one = write_plugin(GOOD.format(name="f"), folder="a")
    other = write_plugin(GOOD.format(name="f"), folder="b")

    with pytest.raises(PluginError) as refused:
        discover([one, other], folder=tmp_path / "none", entry_points=False)

    expected = f"two implementations are called 'mine.f': one in {one}, one in {other}; rename one of them with name="  # noqa: E501
    assert expected == str(refused.value)


def test_the_same_file_named_twice_is_one_plugin(write_plugin: Write, tmp_path: Path) -> None:
    """A file that is named twice is one plugin."""
    path = write_plugin(GOOD.format(name="f"))

    assert ["mine.f"] == names(discover([path, path], folder=tmp_path / "none", entry_points=False))


def test_a_missing_library_makes_a_file_unavailable(write_plugin: Write, tmp_path: Path) -> None:
    """A file whose library is missing is unavailable, with the command that installs the library."""
    path = write_plugin("import no_such_library_here\n")
    registry = discover([path], folder=tmp_path / "none", entry_points=False)

    assert (Unavailable("mine", "no_such_library_here", str(path)),) == registry.unavailable
    reason = "no_such_library_here is not installed; run: pip install no_such_library_here"
    assert reason == registry.unavailable[0].reason


def test_the_name_to_install_may_differ_from_the_name_to_import() -> None:
    """The command to install cv2 names its package, opencv-python-headless."""
    reason = "cv2 is not installed; run: pip install opencv-python-headless"

    assert reason == Unavailable("opencv", "cv2", "opencv.py").reason


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("\n\n1 / 0\n", "line 3: ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)\n", "line 1: SystemExit: 3"),
        ("raise KeyError('deep')\n", "line 1: KeyError: 'deep'"),
        (
            "def f():\n    import numpy\n    numpy.zeros(-1)\n\nf()\n",
            "line 3: ValueError: negative dimensions are not allowed",
        ),
        ("from convharness import implementatio\n", "line 1: ImportError"),
    ],
)
def test_a_file_that_does_not_import_is_broken_and_affects_no_other(
    text: str, where: str, write_plugin: Write, tmp_path: Path
) -> None:
    """A file that does not import is reported with path, line and exception, and others are found."""
    bad, good = write_plugin(text, "bad.py"), write_plugin(GOOD.format(name="f"), "good.py")
    registry = discover([bad, good], folder=tmp_path / "none", entry_points=False)

    assert 1 == len(registry.broken)
    assert str(registry.broken[0]).startswith(f"{bad} does not import: {where}")
    assert ["good.f"] == names(registry)


def test_the_line_of_a_file_named_by_a_relative_path_is_reported(
    write_plugin: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken file that was named by a relative path is reported with its line."""
    write_plugin("\n\n1 / 0\n")
    monkeypatch.chdir(tmp_path)
    registry = discover([Path("mine.py")], folder=tmp_path / "none", entry_points=False)

    assert ["mine.py does not import: line 3: ZeroDivisionError: division by zero"] == complaints(registry)


def test_the_line_of_a_syntax_error_is_reported(write_plugin: Write, tmp_path: Path) -> None:
    """A file with a syntax error is reported with its line."""
    path = write_plugin("x = 1\ndef f(:\n")
    registry = discover([path], folder=tmp_path / "none", entry_points=False)

    assert [f"{path} does not import: line 2: SyntaxError: invalid syntax"] == complaints(registry)


def test_an_invalid_declaration_affects_no_other_of_its_file(write_plugin: Write, tmp_path: Path) -> None:
    """An invalid declaration is reported, and the other functions of its file are found."""
    text = GOOD.format(name="f") + "\n\n@implementation\ndef g(x, weight, paddin):\n    return x\n"
    path = write_plugin(text)
    registry = discover([path], folder=tmp_path / "none", entry_points=False)

    message = f"{path}: mine.g takes an unknown parameter 'paddin'; did you mean 'padding'?"
    assert ([message], ["mine.f"]) == (complaints(registry), names(registry))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("mine.py", "x = 1\n", "{path} marks no function; put @implementation above one"),
        ("mine.txt", "x = 1\n", "{path} is not a Python file; a plugin's name ends in .py"),
        ("mine.py", None, "there is no plugin file {path}"),
    ],
)
def test_a_named_file_must_hold_an_implementation(
    name: str, text: str | None, message: str, write_plugin: Write, tmp_path: Path
) -> None:
    """A named file that is missing, not Python, or without a marked function is reported."""
    path = tmp_path / name if text is None else write_plugin(text, name)

    assert [message.format(path=path)] == complaints(
        discover([path], folder=tmp_path / "none", entry_points=False)
    )


def test_a_file_that_imports_an_implementation_does_not_offer_it(
    write_plugin: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function belongs to the file that defines it, and not to one that imports or renames it."""
    write_plugin(GOOD.format(name="f"), "elsewhere_defined.py", "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    path = write_plugin("from elsewhere_defined import f\n" + GOOD.format(name="g") + "\nh = g\n")
    registry = discover([path], folder=tmp_path / "none", entry_points=False)

    assert ["mine.g"] == names(registry)


def test_a_plugin_may_define_classes_that_look_their_module_up(write_plugin: Write, tmp_path: Path) -> None:
    """A plugin may define a dataclass with postponed annotations, which looks its module up."""
    text = "from __future__ import annotations\nfrom dataclasses import dataclass\n\n\n@dataclass\nclass A:\n    b: int\n"  # noqa: E501
    path = write_plugin(f"{text}\n\n{GOOD.format(name='f')}")

    assert () == discover([path], folder=tmp_path / "none", entry_points=False).broken


def test_the_plugins_of_convharness_are_whole(registry: Registry) -> None:
    """No plugin of convharness is broken, and each implementation has a description."""
    assert () == registry.broken
    assert [] == [one.name for one in registry.implementations if not one.description]
