"""The records of a run as they are written: each is on disk before the next one begins.

A run that was killed goes on where it ended. What a kernel, or another process, does to the file in the
meantime is found out and undone.
"""

import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from ..errors import ResultsError
from ..files.atomic import new_name, replacing
from ..files.text import as_unicode
from .record import Record
from .row import Row
from .run import Run, Selection
from .store import RECORDS_FILE, RUN_FILE, cannot, find_run, row_of, run_folders
from .tables import plain


class RunWriter:
    """Appends the records of a run to its folder; use it as a context.

    With `again` the folder is that of an earlier run, whose records are kept and given in `rows`: a
    last line that was cut off is taken away.

    Raises `ResultsError` where the folder cannot be written, or another process is writing it.
    """

    def __init__(self, results: Path, run: Run, *, again: bool = False) -> None:
        self.run = run
        self.folder = results / "runs" / run.id
        self.rows: list[Row] = []
        self.restored = False
        """Whether another process had changed the records, which were then put back."""
        self._encoder = msgspec.json.Encoder(enc_hook=plain)
        self._header = msgspec.json.format(self._encoder.encode(run)) + b"\n"
        self._lines = bytearray()
        self._path = self.folder / RECORDS_FILE
        try:
            if not again:
                self.folder.mkdir(parents=True)
                self._write_header()
            self._file = _opened(self._path)
            if again:
                self._header = (self.folder / RUN_FILE).read_bytes()
                self._take_up()
        except OSError as error:
            raise ResultsError(cannot("write", self.folder, error)) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            written = os.pread(self._file, len(self._lines) + 1, 0)
            if written != self._lines or self._is_elsewhere() or self._is_header_changed():
                self._restore()
        os.close(self._file)

    def append(self, record: Record) -> Row:
        """Write a record and return it as a row.

        Raises `ResultsError` where it cannot be written; what was written before stays whole.
        """
        row, line = self._encoded(self.run.row(record))
        try:
            if os.fstat(self._file).st_size != len(self._lines) or self._is_elsewhere():
                self._restore()
            self._write(line)
        except OSError as error:
            advice = f"what was judged before is kept; go on with: convharness run --resume {self.run.id}"
            raise ResultsError(f"cannot write {self._path}: {error.strerror or error}; {advice}") from None
        self._lines += line
        self.rows.append(row)
        return row

    def _encoded(self, row: Row) -> tuple[Row, bytes]:
        """Return a row as it is stored, and its line; text that is not Unicode is made so.

        Raises `ResultsError` for a row that could not be read again: then no line is written.
        """
        try:
            line = self._encoder.encode(row)
        except UnicodeEncodeError:
            row = Row(**as_unicode(msgspec.structs.asdict(row)))
            line = self._encoder.encode(row)
        row_of(line, self._path, len(self.rows) + 1)
        return row, line + b"\n"

    def _write(self, line: bytes) -> None:
        """Write a line whole, or not at all."""
        left = memoryview(line)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, len(self._lines))
            raise

    def _take_up(self) -> None:
        """Read the records that are there, and cut off an incomplete last line."""
        size = os.fstat(self._file).st_size
        whole = os.pread(self._file, size, 0)
        kept = whole[: whole.rfind(b"\n") + 1]
        for number, line in enumerate(kept.split(b"\n"), 1):
            if not line:
                continue
            self.rows.append(row_of(line, self._path, number))
        if len(kept) < size:
            os.ftruncate(self._file, len(kept))
        self._lines += kept

    def _is_elsewhere(self) -> bool:
        """Say whether the path no longer leads to the file that we write."""
        try:
            there, ours = self._path.lstat(), os.fstat(self._file)
        except OSError:
            return True
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)

    def _restore(self) -> None:
        """Put everything back as it was written, in new files that no other process has had open."""
        self.restored = True
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._path.is_dir() and not self._path.is_symlink():
            self._path.rename(new_name(self._path))
        self._write_header()
        with replacing(self._path) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(self._lines)
            ours = os.dup(file.fileno())  # the lock stays with it
        os.close(self._file)
        self._file = ours

    def _write_header(self) -> None:
        with replacing(self.folder / RUN_FILE) as file:
            file.write(self._header)

    def _is_header_changed(self) -> bool:
        path = self.folder / RUN_FILE
        return path.is_symlink() or not path.is_file() or path.read_bytes() != self._header


def interrupted_run(name: str | None, results: Path) -> Path | None:
    """Return the folder of the run that is to go on: the named one, or the latest if it was interrupted.

    None means that there is no run to resume. Raises `ResultsError` for a name that is not a run.
    """
    if name not in (None, "latest"):
        return find_run(str(name), results)
    folders = run_folders(results)
    return folders[-1] if folders else None


def check_same(run: Run, other: Run) -> None:
    """Refuse to go on with a run as another that has other settings, another selection, machine or commit.

    Raises `ResultsError`.
    """
    if run.selection is None and other.selection is not None:
        raise ResultsError(f"run {run.id} does not say what was selected; start it again")
    before, now = _decisive(run), _decisive(other)
    for name in sorted(before):
        if before[name] != now[name]:
            was, is_now = (
                ",".join(one) if isinstance(one, tuple) else one for one in (before[name], now[name])
            )
            raise ResultsError(f"run {run.id} was started with {name}={was}, not {is_now}; start a new one")


def _decisive(run: Run) -> dict[str, Any]:
    """Return what must be equal for the records of two runs to belong together, as people read it."""
    return {
        **msgspec.to_builtins(run.settings),
        **msgspec.to_builtins(run.selection or Selection()),
        "machine": run.machine,
        "commit": run.commit,
    }


def _opened(path: Path) -> int:
    """Return a file that this process alone writes to, at its end."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise ResultsError(f"{path.parent} is being written by another process; wait for it") from None
    return file
