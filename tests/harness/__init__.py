"""Tests of the engine: a file per module."""
