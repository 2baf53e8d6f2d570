"""Plugins: how implementations are marked, declared, found and loaded."""
