"""The libraries that implementations need: whether they are installed, and in which version."""

import importlib.util
import platform
import sys
from functools import cache

from .lazy import lazy_import

metadata = lazy_import("importlib.metadata")  # a worker with a plain file does not need it

# Where the name to install differs from the name to import.
_DISTRIBUTIONS = {"cv2": "opencv-python-headless", "sklearn": "scikit-learn"}


def missing(library: str) -> str:
    """Return the reason for a library that is not installed."""
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
    """Return the installed version of a library, or None where nothing tells."""
    top = library.partition(".")[0]
    if top == "python":
        return platform.python_version()
    try:
        return str(metadata.version(_DISTRIBUTIONS.get(top, top)))
    except metadata.PackageNotFoundError:
        return None
