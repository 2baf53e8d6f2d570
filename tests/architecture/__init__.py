"""Rules that no linter checks: the front door, its names, and which modules write or print."""
