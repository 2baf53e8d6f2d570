"""The protocol between the parent and a worker: `requests`, `replies`, and the `messages` that hold them.

A request names the type of its reply, how much time it may take, and whether the parent sleeps while it
waits. Both sides decode what they receive by its type, strictly.
"""
