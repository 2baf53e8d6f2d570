"""Makes convharness's environment known to asv: a checkout of each commit, and this interpreter."""

from convharness import Worktree
from convharness import introduce_machine as setup

__all__ = ["Worktree", "setup"]
