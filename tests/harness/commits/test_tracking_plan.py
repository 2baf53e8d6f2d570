"""Which commits are tracked."""

from datetime import UTC, datetime

import pytest

from convharness import Run, Settings
from convharness.commits.history import TrackedCommit
from convharness.commits.repository import Commit
from convharness.commits.tracking_plan import LAST, thinned, untracked
from convharness.runs.run import Tracked

LINE = [Commit(f"{number:040x}", datetime(2026, 1, 1, tzinfo=UTC), (), "") for number in range(LAST + 10)]


def known(*positions: int) -> list[TrackedCommit]:
    """Return tracked commits at these positions."""
    run, purpose = Run("run", "", "", {}, Settings()), Tracked(("s",))
    return [TrackedCommit(LINE[position], position, run, purpose, []) for position in positions]


@pytest.mark.parametrize(
    ("positions", "expected"),
    [((), LINE[10:]), ((3, 27), LINE[28:]), ((29,), LINE[29:])],
    ids=["none", "some", "all"],
)
def test_commits_since_the_latest_are_not_tracked_yet(
    positions: tuple[int, ...], expected: list[Commit]
) -> None:
    """The commits to track are those after the latest tracked one, or that one again if there are none."""
    assert expected == untracked(LINE, known(*positions))


@pytest.mark.parametrize(("every", "expected"), [(1, [0, 1, 2, 3, 4]), (2, [0, 2, 4]), (3, [1, 4]), (9, [4])])
def test_commits_are_counted_from_the_newest(every: int, expected: list[int]) -> None:
    """Every n-th commit is counted from the newest, which is always among them."""
    assert [LINE[place] for place in expected] == thinned(LINE[:5], every)
