"""What reading stored results costs: seconds and memory of a process that loads a run as a frame.

    .venv/bin/python benchmarks/results_speed.py [RECORDS]

Makes a run of 200,000 records, or as many as are asked for, and loads it in new processes: from its lines, as
it is read while it goes on, and from its Parquet files, as it is read when it has finished.
"""

import subprocess
import sys
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import msgspec

from convharness import Settings, discover, find_suite, run
from convharness.measure.stopwatch import Effort
from convharness.runs.journal import RunWriter
from convharness.runs.store import compact, new_run

RECORDS = 200_000
PASSES, ROUNDS = 5, 6
EFFORT = Effort(budget_s=0.005, warmup_s=0)

LOAD = """
import re, sys, time
from pathlib import Path
import pandas, pyarrow.parquet
from convharness.runs.store import load

start, busy = time.perf_counter(), time.process_time()
frame = load([Path(sys.argv[1])])
seconds, busy = time.perf_counter() - start, time.process_time() - busy
status = Path("/proc/self/status").read_text()  # the peak that the system counts may be that of the parent
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024
print(f"{len(frame):,} records {seconds:8.2f} s {busy:8.2f} s of a processor {peak / 1e9:8.2f} GB at most")
"""


def templates():
    """Return real records of small problems, timed and not."""
    implementations = discover(entry_points=False).select(["numpy_arrays.*", "pointwise.*"])
    this = new_run({"machine": "benchmark", "commit": "0" * 40}, Settings(), "")
    settings = Settings(timed=True, level="quick", effort=EFFORT)
    return [this.row(record) for record in run([find_suite("seeds")], implementations, settings)]


def copied(row, number, random):
    """Return a record like another, of another implementation and, if it was timed, with other samples."""
    facts = {"implementation": f"{row.implementation}_{number}"}
    if row.samples_s:
        facts["samples_s"] = [row.time_median_s * random.uniform(1, 1.1) for _ in range(PASSES * ROUNDS)]
        facts["passes"] = [(number, ROUNDS, 40) for number in range(PASSES)]
        facts["samples"] = PASSES * ROUNDS
        facts["conditions"] = {**row.conditions, "load_average": random.random()}
    return msgspec.structs.replace(row, **facts)


def stored(folder, count):
    """Write a run of some number of records and return its folder."""
    rows, random = templates(), Random(0)
    with RunWriter(folder, new_run({}, Settings(), "")) as writer:
        pass
    with (writer.folder / "records.jsonl").open("wb") as file:
        for number in range(count):
            file.write(msgspec.json.encode(copied(rows[number % len(rows)], number, random)) + b"\n")
    return writer.folder


def show(what, folder):
    """Load a run in a new process and print what that took."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(folder)], capture_output=True, text=True, check=True
    )
    print(f"{what:14}{done.stdout}", end="", flush=True)


if __name__ == "__main__":
    with TemporaryDirectory() as place:
        made = stored(Path(place), int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS)
        show("from lines", made)
        compact(made)
        show("from Parquet", made)
