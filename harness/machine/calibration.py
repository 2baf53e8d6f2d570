"""Calibration: figures measured once per machine and set of libraries, in the user's cache folder."""

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
    """Return the figures stored under a name, for a number of threads, if younger than `younger_s` seconds.

    None if nothing is stored, or it cannot be read.
    """
    try:
        path = _path(what, threads)
        if time.time() - path.stat().st_mtime >= younger_s:
            return None
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (*_NO_PLACE, msgspec.MsgspecError):
        return None


def write(what: str, threads: int, value: Any) -> None:
    """Store figures under a name; without a folder to write to, do nothing."""
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
