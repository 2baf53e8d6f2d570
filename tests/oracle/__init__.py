"""The oracle from outside."""
