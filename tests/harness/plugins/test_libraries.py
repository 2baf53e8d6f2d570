"""Libraries: whether they are installed, and in which version."""

import sys

from convharness.plugins.libraries import is_installed, library_version


def test_python_itself_is_always_installed() -> None:
    """The library `python` is installed, with the version of the interpreter."""
    assert is_installed("python")
    assert ".".join(map(str, sys.version_info[:3])) == library_version("python")


def test_a_missing_library_has_no_version() -> None:
    """A missing library is not installed and has no version."""
    assert (False, None) == (is_installed("no_such_library_here"), library_version("no_such_library_here"))
