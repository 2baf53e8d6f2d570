"""Runs: the record of a verdict and a measurement, and the folders in which records are kept."""
