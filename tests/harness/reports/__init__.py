"""Tests of the report formats and of the views that they share."""
