"""A git repository with commits of known effects, for the tests of tracking."""

import os
import subprocess
import sys
from pathlib import Path

SUITE = """
[[case]]
label = "small"
in_channels = 64
input_size = 12
out_channels = 32
kernel_size = 1

[[case]]
label = "large"
in_channels = 64
input_size = 20
out_channels = 32
kernel_size = 1
"""

KERNEL = '''
import numpy as np
from convharness import implementation

UNITS = {units}


@implementation(kernel_size=1, groups=1, dtype="float32")
def pointwise(x, weight):
    """Repeat the same matrix product, and return the last one."""
    n, c, h, w = x.shape
    left, right = weight.reshape(-1, c), x.reshape(n, c, h * w)
    for _ in range(UNITS):
        y = None
        y = np.matmul(left, right)
    return {result}
'''
EXACT = "np.matmul(left.astype(np.float64), right.astype(np.float64)).astype(np.float32).reshape(n, -1, h, w)"
ROUNDED = """sum(
        (left[None, :, i : i + 1] * right[:, i : i + 1] for i in range(c)), np.zeros_like(y)
    ).reshape(n, -1, h, w)"""

OTHER = '''
from convharness import implementation


@implementation(kernel_size=1, groups=1, dtype="float32")
def another(x, weight):
    """A matrix product."""
    n, c, h, w = x.shape
    return (weight.reshape(-1, c) @ x.reshape(n, c, h * w)).reshape(n, -1, h, w)
'''


def kernel(units=200, result=EXACT):
    """Return the text of a plugin whose time is proportional to its units."""
    return KERNEL.format(units=units, result=result)


class Repository:
    """A git repository for a test, in which programs run with a home folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder.parent / f"{folder.name}-home"
        self.home.mkdir()
        folder.mkdir(exist_ok=True)
        (folder / "mini.toml").write_text(SUITE, "utf-8")
        self.git("init", "--quiet", "--initial-branch", "main")

    def environment(self, **variables):
        """Return the environment of programs in this repository, with the machine's own calibration."""
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return os.environ | {"HOME": str(self.home), "XDG_CACHE_HOME": cache} | variables

    def run(self, *command, **variables):
        """Run a program, and return its exit code, stdout and stderr."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(**variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def git(self, *words):
        """Run git with an identity of its own, and return what it prints."""
        identity = ("-c", "user.name=author", "-c", "user.email=author@example.org")
        code, output, complaint = self.run("git", *identity, *words)
        assert 0 == code, complaint
        return output.strip()

    def convharness(self, *words):
        """Run the command line, and return its exit code, stdout and stderr."""
        return self.run(sys.executable, "-m", "convharness", *words)

    def commit(self, subject, **files):
        """Commit implementations, or `readme` as README.md, and return the hash."""
        for name, text in files.items():
            path = self.folder / ("README.md" if name == "readme" else f"implementations/{name}.py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        self.git("add", "--all", ".")
        self.git("commit", "--quiet", "--allow-empty", "--message", subject)
        return self.git("rev-parse", "HEAD")


def twelve(folder: Path) -> tuple[Repository, dict[str, str]]:
    """Return a repository of twelve commits, and the hashes of those with an effect, by effect."""
    made = Repository(folder)
    made.commit("Begin", mine=kernel())
    made.commit("Say what it is", readme="A repository.\n")
    made.commit("Comment", mine=kernel() + "\n# A comment.\n")
    planted = {"slower": made.commit("Tidy up", mine=kernel(230))}
    made.commit("Explain more", readme="A repository of kernels.\n")
    planted["imprecise"] = made.commit("Simplify the sum", mine=kernel(230, ROUNDED))
    planted["added"] = made.commit("Add another", theirs=OTHER)
    wrong = kernel(230, ROUNDED).replace("return sum", "return 1.5 * sum")
    planted["wrong"] = made.commit("Scale", mine=wrong)
    made.commit("Do not scale", mine=kernel(230, ROUNDED))
    planted["broken"] = made.commit("Rename", theirs=OTHER.replace("def another(", "def another("[:-1]))
    made.commit("Name it as it was", theirs=OTHER)
    made.commit("Comment again", mine=kernel(230, ROUNDED) + "\n# Another comment.\n")
    return made, planted
