"""What was measured of this machine with these libraries, kept in the user's cache folder for later runs."""

import contextlib
import hashlib
import os
import time
from math import inf
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ..files.atomic import replacing
from .environment import libraries, machine

Kind = TypeVar("Kind")

_NO_PLACE = (OSError, RuntimeError)  # as `Path.home` raises for a user without a home


def read(what: str, threads: int, kind: type[Kind], *, younger_s: float = inf) -> Kind | None:
    """Return what was kept under a name, for so many threads, if it is younger than so many seconds.

    None if nothing was kept, or it cannot be read.
    """
    try:
        path = _path(what, threads)
        if time.time() - path.stat().st_mtime >= younger_s:
            return None
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (*_NO_PLACE, msgspec.MsgspecError):
        return None


def write(what: str, threads: int, value: Any) -> None:
    """Keep something under a name, if there is a place for it."""
    with contextlib.suppress(*_NO_PLACE):
        path = _path(what, threads)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(msgspec.json.format(msgspec.json.encode(value)))


def _path(what: str, threads: int) -> Path:
    """Return the file for this machine, set of libraries and number of threads."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    facts = sorted((name, version) for name, version in libraries().items() if name != "convharness")
    digest = hashlib.sha256(repr(facts).encode()).hexdigest()[:8]
    return folder / "convharness" / f"{what}-{machine()}-{digest}-{threads}.json"
