"""Tests of how files are written."""
