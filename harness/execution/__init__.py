"""Execution: one implementation is bound to data and called, and what the call changes is watched."""
