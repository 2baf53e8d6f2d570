"""Records as tables: a frame with a data type for each column, and the Parquet files of a finished run.

    records.parquet     the columns of the records; nested ones are JSON
    samples.parquet     one row per sample; `record` is the position of its record

Both carry the fingerprint of the lines that they were made from, so that they are never believed for others.
"""

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..files.atomic import replacing
from .columns import Column, Kind
from .row import COLUMNS, NESTED_COLUMNS, TABLE, Row

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

RECORDS, SAMPLES = "records.parquet", "samples.parquet"

_RAW = "samples_s"
_FLAT = tuple(column for column in TABLE if column.kind != "nested")
_JSON = tuple(column for column in TABLE if column.kind == "nested" and column.name != _RAW)
_JSON_NAMES = tuple(column.name for column in _JSON)
_KEY = b"convharness"
_AT_ONCE = 10_000  # cells that are Python's texts at one time


class Fingerprint(msgspec.Struct, frozen=True):
    """What tells the lines of a run from any others: their size, when they were written, and their content.

    The time, in nanoseconds, spares reading the lines; it does not survive a copy, the content does.
    """

    size: int
    written_ns: int
    sha256: str

    @classmethod
    def of(cls, path: Path, lines: bytes) -> "Fingerprint":
        """Return the fingerprint of a file and what was read from it; raises `OSError`."""
        return cls(len(lines), path.stat().st_mtime_ns, hashlib.sha256(lines).hexdigest())

    def fits(self, path: Path) -> bool:
        """Say whether a file is the one that the fingerprint was taken of, or a copy; raises `OSError`."""
        facts = path.stat()
        if facts.st_size != self.size:
            return False
        if facts.st_mtime_ns == self.written_ns:
            return True
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256


def frame_of(rows: Sequence[Row]) -> "pd.DataFrame":
    """Return records as a frame that has every column; samples are arrays of seconds."""
    import numpy as np
    import pyarrow as pa

    flat = pa.table({column.name: _cells(column, rows) for column in _FLAT})
    nested = {name: [getattr(row, name) for row in rows] for name in NESTED_COLUMNS}
    nested[_RAW] = [None if values is None else np.asarray(values, float) for values in nested[_RAW]]
    return _frame(flat, nested)


def write(folder: Path, rows: Sequence[Row], origin: Fingerprint) -> None:
    """Write records and samples as Parquet files, each whole or not at all; raises `OSError`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells = {column.name: _cells(column, rows) for column in _FLAT}
    cells |= {column.name: pa.array(_encoded(column.name, rows), pa.string()) for column in _JSON}
    for name, table in ((RECORDS, pa.table(cells)), (SAMPLES, _samples(rows))):
        # Without Arrow's own schema texts are texts to every reader, however they were encoded.
        options = {"compression": "zstd", "store_schema": False}
        with (
            replacing(folder / name) as file,
            pq.ParquetWriter(file, table.schema, **options) as writer,
        ):
            writer.write_table(table)
            writer.add_key_value_metadata({_KEY: msgspec.json.encode(origin)})


def read(folder: Path, lines: Path) -> "pd.DataFrame | None":
    """Return the frame of a finished run from its Parquet files.

    None where they are not there, are damaged, or were made from other lines than those of the file `lines`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if not _belong(folder, lines):
            return None
        known = pq.read_schema(folder / RECORDS).names
        count = pq.read_metadata(folder / RECORDS).num_rows
        nested = {column.name: list(_decoded(folder / RECORDS, known, count, column)) for column in _JSON}
        nested[_RAW] = _samples_of(folder / SAMPLES, count)
        return _frame(_flat(folder / RECORDS, known), nested)
    except (OSError, pa.ArrowException, msgspec.MsgspecError):
        return None


def _belong(folder: Path, lines: Path) -> bool:
    """Say whether both files were made from these lines."""
    import pyarrow.parquet as pq

    found = {(pq.read_metadata(folder / name).metadata or {}).get(_KEY) for name in (RECORDS, SAMPLES)}
    (origin,) = found if len(found) == 1 else (None,)
    return origin is not None and msgspec.json.decode(origin, type=Fingerprint).fits(lines)


def _flat(path: Path, known: Sequence[str]) -> "pa.Table":
    """Return the flat columns of stored records, each of its own type; what another version lacks is null.

    Raises `pyarrow.ArrowException` where the cells are of another type.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=[name for name in COLUMNS if name in known])

    def cells(column: Column) -> pa.ChunkedArray:
        ours = _type(column.kind)
        if column.name not in known:
            return pa.chunked_array([pa.nulls(table.num_rows, ours)])
        stored = table[column.name]
        is_wide = column.kind == "integer" and stored.type == pa.float64()
        return stored if is_wide else stored.cast(ours)

    return pa.table({column.name: cells(column) for column in _FLAT})


def _frame(flat: "pa.Table", nested: Mapping[str, list[Any]]) -> "pd.DataFrame":
    """Return a frame of a table's columns and of lists of Python values."""
    import pandas as pd
    import pyarrow as pa

    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame: pd.DataFrame = flat.to_pandas(types_mapper=nullable.get, split_blocks=True)
    for name in NESTED_COLUMNS:
        frame[name] = pd.Series(nested[name], dtype=object)
    return frame


def _cells(column: Column, rows: Sequence[Row]) -> "pa.Array":
    """Return a column of flat cells; whole numbers beyond 64 bits make it one of floats."""
    import pyarrow as pa

    values = [getattr(row, column.name) for row in rows]
    try:
        return pa.array(values, _type(column.kind))
    except OverflowError:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())


def _type(kind: Kind) -> "pa.DataType":
    """Return how Parquet holds cells of a kind."""
    import pyarrow as pa

    types: dict[Kind, pa.DataType] = {
        "text": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "nested": pa.string(),
    }
    return types[kind]


def plain(value: Any) -> Any:
    """Return NumPy's numbers as Python's; raises `NotImplementedError` for what is not a number."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise NotImplementedError(f"{type(value).__name__} cannot be stored")


def _encoded(name: str, rows: Sequence[Row]) -> Iterator[str | None]:
    """Yield the cells of a nested column as JSON."""
    for row in rows:
        value = getattr(row, name)
        yield None if value is None else msgspec.json.encode(value, enc_hook=plain).decode()


def _decoded(path: Path, known: Sequence[str], count: int, column: Column) -> Iterator[Any]:
    """Yield the values of a nested column of stored records; equal cells are one object."""
    import pyarrow.parquet as pq

    if column.name not in known:
        yield from itertools.repeat(None, count)
        return
    decoder = msgspec.json.Decoder(column.type)
    for chunk in pq.read_table(path, columns=[column.name], read_dictionary=[column.name])[0].chunks:
        cells = (
            chunk.dictionary.slice(start, _AT_ONCE) for start in range(0, len(chunk.dictionary), _AT_ONCE)
        )
        values = [decoder.decode(text) for some in cells for text in some.to_pylist()]
        for place in chunk.indices.to_pylist():
            yield None if place is None else values[place]


def _samples(rows: Sequence[Row]) -> "pa.Table":
    """Return a row per sample, in the order of the records, their passes and the rounds."""
    import numpy as np
    import pyarrow as pa

    passes = [
        (record, generation, number, seconds)
        for record, row in enumerate(rows)
        for number, (generation, seconds) in enumerate(row.timed_passes)
    ]
    counts = np.array([len(seconds) for *_, seconds in passes], np.int64)
    record, generation, number = (
        np.repeat(np.array([one[place] for one in passes], np.int32), counts) for place in range(3)
    )
    first = np.repeat(counts.cumsum() - counts, counts)

    def of_record(name: str) -> "pa.Array":
        names = pa.array([getattr(row, name) for row in rows], pa.string())
        return names.dictionary_encode().take(pa.array(record))

    return pa.table(
        {
            "case": of_record("case"),
            "implementation": of_record("implementation"),
            "generation": generation,
            "pass": number,
            "round": (np.arange(len(first)) - first).astype(np.int32),
            "seconds": np.fromiter(itertools.chain.from_iterable(one[3] for one in passes), float),
            "record": record,
        }
    )


def _samples_of(path: Path, records: int) -> "list[np.ndarray | None]":
    """Return the samples of each of some number of records; all are parts of one array."""
    import numpy as np
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["record", "seconds"])
    record, seconds = (table[name].to_numpy() for name in ("record", "seconds"))
    ends = np.searchsorted(record, np.arange(records), side="right").tolist()
    starts = [0, *ends][:records]
    return [seconds[start:end] if start < end else None for start, end in zip(starts, ends, strict=True)]
