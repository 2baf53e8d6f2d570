"""A file, or a folder, is written whole or not at all; what it holds is the callers' business.

What is written goes into a new private file beside the old one and takes its name when it is complete,
so that another process reads the old content or the new one and never a part.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ..errors import ResultsError

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC


def new_name(path: Path) -> Path:
    """Return a name beside a path that no other process can foresee, for what is to take its place."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file that takes the place of whatever is at `path`, be it a link or a pipe.

    The file is empty, open for reading and adding, and was made by this call. If the block fails,
    `path` stays as it is and nothing else is left. Raises `OSError`.
    """
    part = new_name(path)
    try:
        with os.fdopen(os.open(part, _NEW, 0o666), "wb") as file:
            yield file
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def rewriting(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that gives `path` new content: a link stays and what it points at is replaced.

    What is not a plain file, such as a device or a pipe, is written to as it is. Raises `OSError`.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as device:
            yield device
        return
    with replacing(Path(os.path.realpath(path))) as file:
        yield file


@contextmanager
def making_folder(path: Path) -> Iterator[Path]:
    """Yield the name of a folder to be made in the block, which then becomes `path`; parents are made.

    If the block fails, nothing is left. Raises `OSError`, also where a folder with files in it is at
    `path` when the block ends.
    """
    part = new_name(path)
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield part
        part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an `OSError` of the block into a `ResultsError` that names the file which cannot be written."""
    try:
        yield
    except OSError as error:
        raise ResultsError(f"cannot write {path}: {error.strerror or error}") from None


def write_text(path: Path, text: str) -> Path:
    """Write text as UTF-8, as `rewriting` does, and return the path; raises `ResultsError`."""
    with writing(path), rewriting(path) as file:
        file.write(text.encode())
    return path
