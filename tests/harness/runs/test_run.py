"""Runs: their facts are read back, also as earlier versions stored them."""

import msgspec
import pytest

from convharness import Run, Settings
from convharness.plugins.broken import BrokenPlugin
from convharness.plugins.registry import Unavailable
from convharness.runs.run import Compared, Plain, Purpose, Selection, Side, Tracked, decoded

BROKEN = BrokenPlugin("import", "implementations/my conv.py", "my conv", "line 3")
LACKING = Unavailable("mine", "nunpy", "implementations/mine.py")


def earlier(**environment: object) -> Run:
    """Return a run as an earlier version stored it."""
    facts = {
        "id": "run",
        "started_at": "2026-01-01T00:00:00+00:00",
        "command": "convharness run",
        "environment": {"machine": "m", "commit": "c", **environment},
        "settings": {"level": "quick", "effort": {"budget_s": 0.5, "rounds": 9}},
        "arguments": ["run", "--level", "quick"],
    }
    return decoded(msgspec.json.encode(facts))


@pytest.mark.parametrize(
    "purpose",
    [
        Plain(is_reported=True),
        Tracked(("smoke 0123",), {"mine.conv": "abc"}, (BROKEN,), (LACKING,)),
        Compared(Side("main", "c" * 40), Side("working-tree")),
    ],
    ids=lambda purpose: type(purpose).__name__,
)
def test_a_run_reads_back_as_it_was_stored(purpose: Purpose) -> None:
    """A stored run is read back with its purpose, settings and selection."""
    run = Run("run", "", "", {}, Settings(seed=3), None, purpose, Selection(("smoke",)))

    assert run == decoded(msgspec.json.encode(run))


def test_a_run_of_an_earlier_version_is_plain_by_default() -> None:
    """A run of an earlier version is plain, with defaults for new settings and without removed ones."""
    run = earlier()

    assert (Plain(), "m", "c", "quick", 0.5, 0.01) == (
        run.purpose,
        run.machine,
        run.commit,
        run.settings.level,
        run.settings.effort.budget_s,
        run.settings.effort.precision,
    )


def test_a_tracked_run_of_an_earlier_version_is_tracked() -> None:
    """A tracked run of an earlier version has its broken plugins, stored as values or as lines."""
    values = {"broken": [msgspec.to_builtins(BROKEN)], "unavailable": [msgspec.to_builtins(LACKING)]}
    lines = {
        "broken": ["implementations/mine.py does not import: line 3"],
        "unavailable": ["mine is not available: nunpy is not installed; run: pip install nunpy"],
    }
    known = {"tracked": ["smoke 0123"], "contents": {"mine.conv": "abc"}}
    runs = [earlier(**known, **facts) for facts in (values, lines)]
    line = BrokenPlugin("line", "implementations/mine.py", "mine", lines["broken"][0])

    assert [
        Tracked(("smoke 0123",), {"mine.conv": "abc"}, (BROKEN,), (LACKING,)),
        Tracked(("smoke 0123",), {"mine.conv": "abc"}, (line,), (Unavailable("mine", "nunpy", ""),)),
    ] == [run.purpose for run in runs]
    assert [{"machine": "m", "commit": "c"}] * 2 == [run.environment for run in runs]


def test_a_comparison_of_an_earlier_version_is_compared() -> None:
    """A comparison of an earlier version has its two sides, the working tree without a commit."""
    sides = [{"label": "abc", "commit": "abc"}, {"label": "working-tree", "commit": None}]

    assert Compared(Side("abc", "abc"), Side("working-tree")) == earlier(compared=sides).purpose


@pytest.mark.parametrize(
    "environment",
    [{"compared": 3}, {"compared": [{"label": "a"}]}, {"tracked": ["s"], "broken": 3}, {"tracked": 3}],
    ids=str,
)
def test_damaged_facts_are_refused(environment: dict) -> None:
    """Damaged facts of a run raise msgspec's error."""
    with pytest.raises(msgspec.ValidationError):
        earlier(**environment)
