"""Results on disk: a folder per run, whose records are appended one flushed line at a time.

results/runs/<run id>/run.json          environment, settings, versions, commit
                      records.jsonl     one line per record: the truth
                      records.parquet   the same as columns, written whole at the end
                      samples.parquet   raw samples: one row per sample
"""

import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..errors import ResultsError, did_you_mean
from ..files.atomic import replacing, rewriting, write_text, writing
from ..measure.stats import Pass
from ..oracle.verdict import STATUSES
from .record import COLUMNS, NESTED_COLUMNS
from .run import Plain, Purpose, Run, Selection, decoded
from .settings import Settings

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

_LARGEST = 2**63
RECORDS_FILE = "records.jsonl"
RUN_FILE = "run.json"
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


def plain(value: Any) -> Any:
    """Return NumPy's numbers as Python's."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise NotImplementedError(f"{type(value).__name__} cannot be stored")


def encode_rows(rows: Iterable[Mapping[str, Any]], *, lines: bool = False) -> str:
    """Return rows as one JSON array, or as JSON lines; not-a-number and infinity become null."""
    encoder = msgspec.json.Encoder(enc_hook=plain)
    if lines:
        return "".join(f"{encoder.encode(row).decode()}\n" for row in rows)
    return msgspec.json.format(encoder.encode(list(rows))).decode()


def compact(folder: Path) -> None:
    """Write a run's records and samples as Parquet files, each whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = list(read_rows(folder))
    records = [{name: _storable(value) for name, value in row.items() if name != "samples_s"} for row in rows]
    for record in records:
        for name in NESTED_COLUMNS:
            if name == "samples_s":
                continue
            record[name] = None if record.get(name) is None else msgspec.json.encode(record[name]).decode()
    samples = [
        {
            "case": row["case"],
            "implementation": row["implementation"],
            "generation": generation,
            "pass": number,
            "round": turn,
            "seconds": seconds,
        }
        for row in rows
        for number, (generation, taken) in enumerate(passes_of(row))
        for turn, seconds in enumerate(taken)
    ]
    sample_schema = pa.schema(
        [
            ("case", pa.string()),
            ("implementation", pa.string()),
            ("generation", pa.int32()),
            ("pass", pa.int32()),
            ("round", pa.int32()),
            ("seconds", pa.float64()),
        ]
    )
    for name, table in (
        ("records.parquet", pa.Table.from_pylist(records)),
        ("samples.parquet", pa.Table.from_pylist(samples, sample_schema)),
    ):
        try:
            with replacing(folder / name) as file:
                pq.write_table(table, file, compression="zstd")
        except OSError as error:
            raise ResultsError(cannot("write", folder / name, error)) from None


def passes_of(row: Row) -> list[Pass]:
    """Return the samples of a record, pass by pass; runs of earlier versions have a single one."""
    samples = row["samples_s"] or []
    passes, start = [], 0
    for generation, count, _ in row.get("passes") or ([(0, len(samples), 1)] if samples else []):
        passes.append((generation, samples[start : start + count]))
        start += count
    return passes


def _storable(value: Any) -> Any:
    """Return a number as a column can hold it: beyond 64 bits it is a float."""
    return float(value) if isinstance(value, int) and abs(value) >= _LARGEST else value


def read_rows(folder: Path) -> Iterator[Row]:
    """Yield the records of a run; a last line that was cut off is left out with a word on stderr.

    Raises `ResultsError` where the folder is no run, or a line inside the file is damaged.
    """
    path = folder / RECORDS_FILE
    decoder = msgspec.json.Decoder(Row)
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise ResultsError(
            f"cannot read {path}: {error.strerror}; a run is a folder with {RUN_FILE} and {RECORDS_FILE}"
        ) from None
    for index, line in enumerate(lines):
        if not line:
            continue
        try:
            yield row_of(decoder, line, path, index + 1)
        except ResultsError:
            if index < len(lines) - 1:
                raise
            sys.stderr.write(f"convharness: {path} ends in the middle of a record, which is left out\n")


def row_of(decoder: "msgspec.json.Decoder[Row]", line: bytes, path: Path, number: int) -> Row:
    """Return the record of a line; raises `ResultsError` where it is none."""
    try:
        return _checked(decoder.decode(line))
    except msgspec.MsgspecError as error:
        raise ResultsError(f"{path}, line {number} is damaged: {error}; {_WAY_OUT}") from None


def is_finished(folder: Path) -> bool:
    """Say whether a run came to its end: then its records are there as columns too."""
    return (folder / "records.parquet").exists()


def _checked(row: Row) -> Row:
    """Return a row that is a record: it says who did what, and how that ended."""
    for name in ("suite", "case", "implementation"):
        if not isinstance(row.get(name), str):
            raise msgspec.ValidationError(f"it has no {name}")
    for name, value in row.items():
        if name in _KINDS and not isinstance(value, _KINDS[name]):
            raise msgspec.ValidationError(f"its {name} is {str(value)[:60]!r}")
    if any(not isinstance(one, (int, float)) for one in row.get("samples_s") or ()):
        raise msgspec.ValidationError("its samples_s are no numbers")
    msgspec.convert(row.get("passes"), list[tuple[int, int, int]] | None)
    msgspec.convert(row.get("twin"), list[tuple[int, list[float]]] | None)
    msgspec.convert(row.get("relative"), list[tuple[int, float]] | None)
    if row.get("status") not in STATUSES:
        raise msgspec.ValidationError(
            f"its status is {row.get('status')!r}{did_you_mean(str(row.get('status')), STATUSES)}"
        )
    return row


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
    """Return rows as a frame that has every column of a record, numbers as numbers."""
    import pandas as pd

    columns = [*COLUMNS, *NESTED_COLUMNS]
    frame = pd.DataFrame(rows, columns=columns)
    for name in NUMERIC_COLUMNS:
        frame[name] = pd.to_numeric(frame[name])
    return frame


NUMERIC_COLUMNS = tuple(
    name
    for name in COLUMNS
    if name.endswith(("_s", "_u", "_abs", "_l2", "_bytes", "_fraction", "macs"))
    or name in ("weight", "samples", "number", "parameters", "flops", "gflops", "gbytes_s", "threads")
)


_NUMBER = (int, float, type(None))
_TEXT = (str, type(None))
_KINDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(COLUMNS, _TEXT),
    **dict.fromkeys(NUMERIC_COLUMNS, _NUMBER),
    **dict.fromkeys(("batch_size", "in_channels", "out_channels", "groups", "seed"), _NUMBER),
    "bias": (bool, type(None)),
    "samples_s": (list, type(None)),
    "passes": (list, type(None)),
    "twin": (list, type(None)),
    "relative": (list, type(None)),
    "conditions": (dict, type(None)),
    "traits": (dict, type(None)),
}
"""What each column of a record may hold."""


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
