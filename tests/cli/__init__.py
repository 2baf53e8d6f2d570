"""Whole commands: exit code, text, files."""
