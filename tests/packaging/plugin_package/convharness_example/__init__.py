"""A plugin package from outside."""
