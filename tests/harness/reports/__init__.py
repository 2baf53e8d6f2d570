"""Tests of reports, which mirror the packages of `harness/reports/`."""
