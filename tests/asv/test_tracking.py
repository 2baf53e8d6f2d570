"""`convharness track` over real commits, through asv: what it names, and that nothing stops it."""

import json
import signal
import subprocess
import sys
import time

import pytest

from .commits import twelve

TRACK = ("track", "--suite", "mini.toml", "--budget", "0.1", "--level", "quick")


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """Return a repository of twelve commits, those that planted something, and what tracking them printed."""
    made, planted = twelve(tmp_path_factory.mktemp("tracked") / "repository")
    return made, planted, made.convharness(*TRACK)


def named(made, *words):
    """Return the commits that `--regressions` names, with the kinds of what happened there."""
    code, output, complaint = made.convharness("track", "--regressions", "--format", "json", *words)
    assert code == 0, complaint
    return {event["commit"]: event["kinds"] for event in json.loads(output)}


def test_regressions_are_the_commits_that_planted_them_and_no_others(tracked):
    """A slow-down, an error, a wrong result, a file that does not import, a new implementation."""
    made, planted, (code, _, complaint) = tracked

    assert (code, {planted[kind]: [kind] for kind in planted}) == (0, named(made)), complaint
