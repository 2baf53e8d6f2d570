"""Unusual inputs: numbers of unusual magnitude, and arrays that lie in memory in unusual ways."""
