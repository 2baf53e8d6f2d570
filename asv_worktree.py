"""Makes convharness's environment known to asv: a checkout of each commit, and this interpreter."""

from convharness.checkouts import Worktree, setup

__all__ = ["Worktree", "setup"]
