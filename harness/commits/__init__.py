"""Commits: implementations of a repository's history are judged, timed and compared."""
