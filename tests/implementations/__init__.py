"""Tests of the implementations that come with convharness."""
