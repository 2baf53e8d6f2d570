"""Hostile plugins, and how the harness reports each of them."""
