"""Hostile plugins, and what becomes of them."""
