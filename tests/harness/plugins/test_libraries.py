"""Libraries: whether they are installed, and in which version."""

import sys

from convharness.plugins.libraries import is_installed, library_version


def test_python_itself_is_always_installed() -> None:
    """Plain Python is a library of its own version."""
    assert is_installed("python")
    assert ".".join(map(str, sys.version_info[:3])) == library_version("python")


def test_a_library_that_is_not_there_has_no_version() -> None:
    """Nothing tells, so nothing is told."""
    assert (False, None) == (is_installed("no_such_library_here"), library_version("no_such_library_here"))
