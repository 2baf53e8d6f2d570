"""What no linter knows: the front door, its names, and who may open files or print."""
