"""Kept for repositories whose `asv_worktree.py` imports it; new ones import from the front door."""

from .commits.asv.environment import Worktree
from .commits.asv.environment import introduce_machine as setup

__all__ = ["Worktree", "setup"]
