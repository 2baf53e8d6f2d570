"""Set up and run convharness with nothing but Python 3.11 or later: no step by hand.

    python3 bootstrap.py run [ARGS]    verify, time and report (the arguments of `convharness run`)
    python3 bootstrap.py test [ARGS]   the tests (the arguments of pytest)
    python3 bootstrap.py install       the set-up alone

The first use makes `.venv` and installs into it what constraints.txt pins; later ones start at once,
unless what is to be installed has changed.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
STAMP = VENV / "convharness-installed"
MINIMUM = (3, 11)
ALL_TESTS = ["--numprocesses=2", "--dist=loadscope", "--no-loadscope-reorder"]


def main(arguments: list[str]) -> int:
    commands = {"run": run, "test": test, "install": lambda _: 0}
    if not arguments or arguments[0] not in commands:
        wanted = f"got {arguments[0]!r}; " if arguments else ""
        print(f"{wanted}usage: python3 bootstrap.py {'|'.join(commands)} [ARGS]", file=sys.stderr)
        return 2
    if sys.version_info < MINIMUM:
        print(
            f"Python {MINIMUM[0]}.{MINIMUM[1]} or later is needed, this is {sys.version.split()[0]}",
            file=sys.stderr,
        )
        return 2
    try:
        install()
    except subprocess.CalledProcessError as error:
        print(f"the set-up failed at: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return error.returncode or 1
    return commands[arguments[0]](arguments[1:])


def run(arguments: list[str]) -> int:
    return subprocess.call([BIN / "convharness", "run", *arguments])


def test(arguments: list[str]) -> int:
    """Run the tests: all of them in two processes, or what the arguments say."""
    return subprocess.call([BIN / "python", "-m", "pytest", *(arguments or ALL_TESTS)], cwd=HERE)


def install() -> None:
    """Install what is not installed yet, as the stamp in the environment tells."""
    wanted = fingerprint()
    if STAMP.is_file() and STAMP.read_text("utf-8") == wanted:
        return
    print("setting up .venv (a minute or two, once)", file=sys.stderr, flush=True)
    STAMP.unlink(missing_ok=True)
    if not (BIN / "python").exists() and not (BIN / "python.exe").exists():
        make_venv()
    # The pinned torch is installed by its own name first: with it in place no other requirement can
    # pull in the build with gigabytes of GPU libraries.
    pip = [BIN / "python", "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    constraints = ["--constraint", HERE / "constraints.txt"]
    subprocess.run([*pip, pinned("torch"), *constraints], check=True, stdout=sys.stderr)
    subprocess.run([*pip, "--editable", f"{HERE}[dev]", *constraints], check=True, stdout=sys.stderr)
    STAMP.write_text(wanted, "utf-8")


def make_venv() -> None:
    made = subprocess.run([sys.executable, "-m", "venv", VENV], capture_output=True, text=True, check=False)
    if made.returncode:
        print(made.stdout + made.stderr, file=sys.stderr)
        print(
            "python3 -m venv does not work here; on Debian and Ubuntu: apt install python3-venv",
            file=sys.stderr,
        )
        raise subprocess.CalledProcessError(made.returncode, made.args)


def pinned(name: str) -> str:
    """Return the line of constraints.txt that pins a distribution."""
    lines = (HERE / "constraints.txt").read_text("utf-8").splitlines()
    return next(line for line in lines if line.startswith(f"{name}=="))


def fingerprint() -> str:
    """Return a hash of all that decides what is installed, and where."""
    digest = hashlib.sha256(f"{sys.version}|{HERE}".encode())
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((HERE / name).read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
