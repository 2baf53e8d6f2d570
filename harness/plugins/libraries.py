"""The libraries that implementations need: whether they are installed, and in which version."""

import importlib.util
import platform
import sys
from functools import cache

from .lazy import lazy_import

metadata = lazy_import("importlib.metadata")  # a worker with a plain file does not need it

_DISTRIBUTIONS = {"cv2": "opencv-python-headless", "sklearn": "scikit-learn"}
"""The names to install that differ from the name to import."""


def missing(library: str) -> str:
    """Return what to say of a library that is not installed, with the command that installs it."""
    top = library.partition(".")[0]
    return f"{top} is not installed; run: pip install {_DISTRIBUTIONS.get(top, top)}"


@cache
def is_installed(library: str) -> bool:
    """Say whether a library can be imported, without importing it."""
    top = library.partition(".")[0]
    if top == "python" or top in sys.modules:
        return True
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


@cache
def library_version(library: str) -> str | None:
    """Return the installed version of a library, or None if unknown."""
    top = library.partition(".")[0]
    if top == "python":
        return platform.python_version()
    try:
        return str(metadata.version(_DISTRIBUTIONS.get(top, top)))
    except metadata.PackageNotFoundError:
        return None
