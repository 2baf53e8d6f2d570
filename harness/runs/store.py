"""Results on disk: a folder per run, whose records are appended one flushed line at a time.

results/runs/<run id>/run.json          environment, settings, versions, commit
                      records.jsonl     one line per record: the truth
                      records.parquet   the same as columns, written whole at the end
                      samples.parquet   raw samples: one row per sample

A finished run is loaded from its Parquet files, as long as they belong to its lines.
"""

import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from ..errors import ResultsError, did_you_mean
from ..files.atomic import rewriting, write_text, writing
from ..measure.stats import Pass
from ..oracle.verdict import STATUSES
from . import tables
from .row import TABLE, Row, split
from .run import Plain, Purpose, Run, Selection, decoded
from .settings import Settings

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

RECORDS_FILE = "records.jsonl"
RUN_FILE = "run.json"
_DECODER = msgspec.json.Decoder(Row)
_WAY_OUT = "delete the folder of that run, or put its files back as they were"


def new_run(
    environment: Mapping[str, Any],
    settings: Settings,
    command: str,
    planned: int | None = None,
    *,
    purpose: Purpose | None = None,
    selection: Selection | None = None,
) -> Run:
    """Return a run that starts now in this folder, with an id of its own that sorts by time."""
    now = datetime.now(UTC)
    run_id = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    started_at = now.isoformat(timespec="seconds")
    facts = (run_id, started_at, command, environment, settings, planned)
    return Run(*facts, purpose or Plain(), selection, str(Path.cwd()))


def cannot(what: str, path: Path, error: OSError) -> str:
    """Return why a folder cannot be used, and what to do."""
    return f"cannot {what} {path}: {error.strerror or error}; choose another folder with --results"


def encode_rows(rows: Iterable[Mapping[str, Any]], *, lines: bool = False) -> str:
    """Return rows as one JSON array, or as JSON lines; not-a-number and infinity become null."""
    encoder = msgspec.json.Encoder(enc_hook=tables.plain)
    if lines:
        return "".join(f"{encoder.encode(row).decode()}\n" for row in rows)
    return msgspec.json.format(encoder.encode(list(rows))).decode()


def compact(folder: Path) -> None:
    """Write a run's records and samples as Parquet files, each whole or not at all; raises `ResultsError`."""
    path = folder / RECORDS_FILE
    lines = _lines(path)
    rows = [row for _, row in _records(path, lines, _DECODER)]
    try:
        tables.write(folder, rows, tables.Fingerprint.of(path, lines))
    except OSError as error:
        raise ResultsError(cannot("write", folder, error)) from None


def load(folders: Sequence[Path]) -> "pd.DataFrame":
    """Return the records of runs as one frame, in the order of the runs.

    A finished run is read from its Parquet files, any other from its lines. Raises `ResultsError` where
    one cannot be read.
    """
    import pandas as pd

    frames = [_frame(folder) for folder in folders]
    return pd.concat(frames, ignore_index=True) if len(frames) > 1 else (frames or [frame_of([])])[0]


def _frame(folder: Path) -> "pd.DataFrame":
    found = tables.read(folder, folder / RECORDS_FILE) if is_finished(folder) else None
    return frame_of(list(read_rows(folder))) if found is None else found


def passes_of(record: Mapping[str, Any]) -> list[Pass]:
    """Return the samples of a record of a frame, pass by pass."""
    return split(record["samples_s"], record.get("passes"))


def read_rows(folder: Path) -> Iterator[Row]:
    """Yield the records of a run; a last line that was cut off is left out with a word on stderr.

    Raises `ResultsError` where the folder is not a run, or a line inside the file is damaged.
    """
    return read_rows_as(Row, folder)


def read_rows_as(kind: type[T], folder: Path) -> Iterator[T]:
    """Yield the records of a run, as `read_rows` does, with the columns of another type only.

    A type without raw samples is decoded in less than half the time of a `Row`.
    """
    path = folder / RECORDS_FILE
    return (row for _, row in _records(path, _lines(path), msgspec.json.Decoder(kind)))


def read_lines(folder: Path) -> Iterator[tuple[bytes, Row]]:
    """Yield the lines of a run, each with its record, as `read_rows` does."""
    path = folder / RECORDS_FILE
    return _records(path, _lines(path), _DECODER)


def _lines(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ResultsError(
            f"cannot read {path}: {error.strerror}; a run is a folder with {RUN_FILE} and {RECORDS_FILE}"
        ) from None


def _records(path: Path, lines: bytes, decoder: msgspec.json.Decoder[T]) -> Iterator[tuple[bytes, T]]:
    for number, line in enumerate(BytesIO(lines), 1):
        whole = line.rstrip(b"\n")
        if not whole:
            continue
        try:
            yield whole, _decoded(decoder, whole, path, number)
        except ResultsError:
            if line != whole:
                raise
            sys.stderr.write(f"convharness: {path} ends in the middle of a record, which is left out\n")


def row_of(line: bytes, path: Path, number: int) -> Row:
    """Return the record of a line; raises `ResultsError`, which says what is wrong with it."""
    return _decoded(_DECODER, line, path, number)


def _decoded(decoder: msgspec.json.Decoder[T], line: bytes, path: Path, number: int) -> T:
    try:
        return decoder.decode(line)
    except msgspec.MsgspecError as error:
        raise ResultsError(
            f"{path}, line {number} is damaged: {_mistake(line) or error}; {_WAY_OUT}"
        ) from None


def _mistake(line: bytes) -> str | None:
    """Return which column of a line holds what it cannot hold, or None where the line is not an object."""
    try:
        found = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.MsgspecError:
        return None
    for column in TABLE:
        try:
            msgspec.convert(found.get(column.name), column.type)
        except msgspec.ValidationError:
            if column.name not in found:
                return f"it has no {column.name}"
            value = found[column.name]
            hint = did_you_mean(str(value), STATUSES) if column.name == "status" else ""
            return f"its {column.name} is {str(value)[:60]!r}{hint}"
    return None


def finished_runs(results: Path) -> Iterator[tuple[Path, Run]]:
    """Yield the folders of finished runs with their facts, the oldest first.

    Raises `ResultsError` where a run is damaged, finished or not.
    """
    for folder in run_folders(results):
        run = read_run(folder)
        if is_finished(folder):
            yield folder, run


def is_finished(folder: Path) -> bool:
    """Say whether a run came to its end: then its records are there as columns too."""
    return (folder / "records.parquet").exists()


def read_run(folder: Path) -> Run:
    """Return a run's own facts; raises `ResultsError` where there are none."""
    try:
        return decoded((folder / RUN_FILE).read_bytes())
    except OSError as error:
        raise ResultsError(f"cannot read {folder / RUN_FILE}: {error.strerror}; is {folder} a run?") from None
    except msgspec.MsgspecError as error:
        raise ResultsError(f"{folder / RUN_FILE} is damaged: {error}; {_WAY_OUT}") from None


def run_folders(results: Path) -> list[Path]:
    """Return the folders of all runs, the oldest first."""
    return sorted(path.parent for path in (results / "runs").glob(f"*/{RUN_FILE}"))


def find_run(name: str, results: Path) -> Path:
    """Return the folder of a run: by id, the beginning of one, 'latest', or its path."""
    folders = run_folders(results)
    if Path(name, RUN_FILE).is_file():
        return Path(name)
    if name == "latest" and folders:
        return folders[-1]
    matching = [folder for folder in folders if folder.name.startswith(name)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise ResultsError(f"{len(matching)} runs begin with {name!r}; write more of the id")
    if not folders:
        raise ResultsError(f"there are no runs in {results / 'runs'}; make one with: convharness run")
    raise ResultsError(f"there is no run {name!r} in {results / 'runs'}; the latest is {folders[-1].name}")


def frame_of(rows: Sequence[Row]) -> "pd.DataFrame":
    """Return records as a frame that has every column, each of its own type."""
    return tables.frame_of(rows)


def make_folder(path: Path) -> Path:
    """Make a folder if it is not there, and return it; raises `ResultsError` where that fails."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(cannot("write", path, error)) from None
    return path


def write_frame(path: Path, frame: "pd.DataFrame") -> Path:
    """Write a table as Parquet or, unless the file's name ends so, as CSV; whole or not at all.

    Raises `ResultsError` where it cannot be written.
    """
    if path.suffix != ".parquet":
        return write_text(path, frame.to_csv(index=False, lineterminator="\n"))
    with writing(path), rewriting(path) as file:
        frame.to_parquet(file)
    return path
