"""Kill a run at random moments, let it go on, and compare its records with those of an undisturbed one.

    python tools/kill_and_resume.py --kills 50

Exits 1 if a record is missing, there twice or other than it should be, or if anything is left behind.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import psutil

OURS = "CONVHARNESS_KILLED_IN"
"""An environment variable that all processes of the runs have: others may be at work beside them."""

CHOSEN = (
    *("run", "--suite", "seeds", "--budget", "0.01"),
    *("-k", "numpy_arrays.im2col", "-k", "python_loops.nested", "-k", "tutorial.*"),
)


def main() -> int:
    """Kill, resume, compare, and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="convharness-kills-"))
    try:
        found = kill_and_resume(folder, options.kills, random.Random(options.seed))
    finally:
        shutil.rmtree(folder)
    print(
        f"{options.kills} kills over {found['runs']} runs of {found['records']} records: {found['verdict']}"
    )
    return 0 if found["verdict"] == "equal" else 1


def kill_and_resume(folder: Path, kills: int, dice: random.Random, chosen: Sequence[str] = CHOSEN) -> dict:
    """Return how many runs it took, how many records each has, and whether these are as they should be."""
    start = time.monotonic()
    subprocess.run(command(folder / "undisturbed", chosen), check=True, capture_output=True)
    seconds = time.monotonic() - start
    expected = records(folder / "undisturbed")
    killed = runs = 0
    while killed < kills:
        results = folder / f"killed-{runs}"
        words = command(results, chosen)
        while True:
            process = subprocess.Popen(
                words,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={**os.environ, OURS: str(folder)},
            )
            try:
                # A moment of what is left to do: most of them while something is being done.
                _, said = process.communicate(timeout=dice.uniform(0.2, seconds) if killed < kills else None)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                killed += 1
                if list(results.glob("runs/*/run.json")):
                    words = command(results, ("run", "--resume"))
                continue
            if process.returncode != 0:
                return {"runs": runs, "records": len(expected), "verdict": said.decode()}
            break
        runs += 1
        if (got := records(results)) != expected:
            return {
                "runs": runs,
                "records": len(expected),
                "verdict": f"differ by {got - expected} and {expected - got}",
            }
    left = leftovers(folder)
    return {"runs": runs, "records": len(expected), "verdict": f"left behind: {left}" if left else "equal"}


def command(results: Path, words: Sequence[str]) -> list[str]:
    """Return what starts convharness with these words."""
    start = "import sys; from convharness.cli.main import main; sys.exit(main())"
    return [sys.executable, "-c", start, *words, "--results", str(results)]


def records(results: Path) -> Counter:
    """Return what the one run of a folder has records of, and how often."""
    (lines,) = results.glob("runs/*/records.jsonl")
    rows = map(json.loads, lines.read_text("utf-8").splitlines())
    return Counter(
        (row["suite"], row["case"], row["implementation"], row["status"], row["error_u"]) for row in rows
    )


def leftovers(folder: Path) -> list[str]:
    """Return the processes of this folder's runs that are still there a second after the last of them."""
    time.sleep(1)
    left = []
    for one in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(psutil.Error):
            if one.environ().get(OURS) == str(folder):
                left.append(" ".join(one.info["cmdline"] or ()))
    return left


if __name__ == "__main__":
    sys.exit(main())
