"""Events and suspicions of a commit line, from simulated runs."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from convharness.commits.changes import Change
from convharness.commits.events import Event, Suspicion
from convharness.commits.history import TrackedCommit, TrackedRow
from convharness.commits.repository import Commit
from convharness.commits.timeline import events
from convharness.measure.decisions import Decision
from convharness.plugins.broken import BrokenPlugin
from convharness.plugins.registry import Unavailable
from convharness.runs.run import Run, Tracked, decoded

LINE = [
    Commit(
        f"{number:x}" * 40, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number), (), f"Commit {number}"
    )
    for number in range(8)
]
SERIES = ("mini", "small", "mine.conv")


def tracked(
    number: int,
    relative: float | None = 1.0,
    *,
    status: str = "passed",
    error_u: float = 1.0,
    content: str | None = None,
    broken: Sequence[str | BrokenPlugin] = (),
    names: Sequence[str] = ("mine.conv",),
    offered: Sequence[str] = (),
    missing: Sequence[str | Unavailable] = (),
    problem: str = "c2h4w4-o2k1",
    machine: str = "here",
) -> TrackedCommit:
    """Return a commit with a record of each name; its code differs from that of others without `content`.

    `offered` are names that are there, too, but were not asked for.
    """
    from math import log

    content = f"content {number}" if content is None else content
    facts = {
        "machine": machine,
        "tracked": ["mini"],
        "contents": dict.fromkeys((*names, *offered), content),
        "broken": msgspec.to_builtins(broken),
        "unavailable": msgspec.to_builtins(missing),
    }
    rows = [
        {
            "suite": "mini",
            "case": "small",
            "problem": problem,
            "implementation": name,
            "status": status,
            "reason": None,
            "error_u": error_u,
            "relative": None if relative is None else [[kin, log(relative) + 1e-4 * kin] for kin in range(5)],
        }
        for name in names
    ]
    run = stored_by_an_earlier_version(f"run-{number}", facts)
    assert isinstance(run.purpose, Tracked)
    return TrackedCommit(LINE[number], number, run, run.purpose, msgspec.convert(rows, list[TrackedRow]))


def stored_by_an_earlier_version(name: str, environment: dict[str, Any]) -> Run:
    """Return a run as earlier versions stored it, with its purpose among the facts of its environment."""
    facts = {"id": name, "started_at": "", "command": "", "environment": environment, "settings": {}}
    return decoded(msgspec.json.encode(facts))


def unimported(name: str, where: str = "line 3") -> BrokenPlugin:
    """Return the mistake of a file that does not import."""
    return BrokenPlugin("import", f"implementations/{name}.py", name, where)


def found(
    some: Sequence[TrackedCommit], verdicts: Mapping[tuple[int, int], float] | None = None
) -> tuple[list[tuple[int, list[str]]], list[tuple[int, int]]]:
    """Return the events as positions and kinds of steps, and the suspicions as pairs of positions."""
    sides = {
        (LINE[a].hash, LINE[b].hash): {SERIES: side(ratio)} for (a, b), ratio in (verdicts or {}).items()
    }
    happened, suspicions = events(some, LINE, sides)
    return [place(one) for one in happened], [pair(one) for one in suspicions]


def side(ratio: float) -> Change:
    """Return a comparison that found a ratio."""
    word: Any = "slower" if ratio > 1 else "faster" if ratio < 1 else "same"
    return Change(*SERIES, None, None, Decision(word, ratio, ratio, ratio, 0.005, 0.01, 1e-6))


def place(event: Event) -> tuple[int, list[str]]:
    """Return the position of an event and the kinds of its steps."""
    return LINE.index(event.commit), [step.kind for step in event.steps]


def pair(suspicion: Suspicion) -> tuple[int, int]:
    """Return the positions of the two commits of a suspicion."""
    return LINE.index(suspicion.before), LINE.index(suspicion.after)


def test_a_level_line_has_no_events() -> None:
    """A line whose times differ by 1 % has neither events nor suspicions."""
    assert ([], []) == found([tracked(n, 1 + 0.01 * (n % 2)) for n in range(8)])


def test_a_comparison_holds_for_all_commits_with_the_same_code() -> None:
    """A comparison of two commits gives an event at the one commit between them that changed the code."""
    some = [tracked(n, 1.0 if n < 3 else 1.15, content="old" if n < 3 else "new") for n in range(8)]

    assert ([(3, ["slower"])], []) == found(some, {(0, 7): 1.15})


def test_a_step_is_not_at_a_commit_that_did_not_change_the_code() -> None:
    """A step that shows only after its commit is an event at the commit that changed the code."""
    times = [1.0, 1.0, 1.0, 1.04, 1.13, 1.13]
    some = [tracked(n, time, content="old" if n < 3 else "new") for n, time in enumerate(times)]

    assert ([], []) == found(some)
    assert ([(3, ["slower"])], []) == found(some, {(0, 5): 1.15})


def test_a_step_is_a_suspicion_until_its_commits_are_compared() -> None:
    """A step is a suspicion until its two commits are compared, and then an event or nothing."""
    some = [tracked(n, 1.0 if n < 3 else 1.15) for n in range(8)]

    assert ([], [(2, 3)]) == found(some)
    assert ([(3, ["slower"])], []) == found(some, {(2, 3): 1.15})
    assert [] == found(some, {(2, 3): 1.0})[0]


def test_the_same_code_is_not_suspicious() -> None:
    """Commits with the same code are not suspicious, however far their times differ."""
    some = [tracked(n, 1.0 if n < 3 else 1.5, content="the same") for n in range(8)]

    assert ([], []) == found(some)


def test_a_faster_commit_is_an_event_too() -> None:
    """A commit that is faster is an event, though not a regression."""
    some = [tracked(0), tracked(1, 0.5)]

    assert ([(1, ["faster"])], []) == found(some, {(0, 1): 0.5})


def test_drift_is_seen_against_the_first_commit_of_its_level() -> None:
    """A drift in small steps is a suspicion against the first commit of the level."""
    some = [tracked(n, 1.015**n) for n in range(6)]
    _, suspicions = found(some)

    assert [(0, 4)] == [one for one in suspicions if one[0] == 0]


def test_becoming_wrong_and_right_again_are_one_event_each() -> None:
    """An implementation that becomes wrong and right again has one event at each of the two commits."""
    statuses = ["passed", "passed", "wrong", "wrong", "passed", "passed"]
    some = [tracked(n, status=status) for n, status in enumerate(statuses)]

    assert [(2, ["wrong"]), (4, ["repaired"])] == found(some)[0]


def test_times_are_compared_across_a_wrong_commit() -> None:
    """Times before and after a commit that was wrong are compared, since a repair may be slower."""
    some = [tracked(0), tracked(1, None, status="wrong"), tracked(2, 1.3)]

    assert [(0, 2)] == found(some)[1]


@pytest.mark.parametrize(("error_u", "expected"), [(1.5, []), (3.0, [(1, ["imprecise"])])])
def test_a_larger_error_needs_no_comparison(error_u: float, expected: list[Any]) -> None:
    """A larger error is an event without a comparison, since the error of the same code is the same."""
    assert expected == found([tracked(0), tracked(1, error_u=error_u)])[0]


def test_slower_and_less_exact_is_one_event() -> None:
    """A commit that is slower and less exact is one event with two steps."""
    some = [tracked(0), tracked(1, 1.2, error_u=4.0)]

    assert [(1, ["slower", "imprecise"])] == found(some, {(0, 1): 1.2})[0]


def test_a_file_that_does_not_import_is_one_event_and_not_a_removal() -> None:
    """A file that does not import for a while is `broken` once, neither removed nor added afterwards."""
    lines = ["", "line 3", "line 4", ""]
    some = [
        tracked(n, broken=[unimported("mine", line)] if line else [], names=[] if line else ["mine.conv"])
        for n, line in enumerate(lines)
    ]

    assert [(1, ["broken"])] == found(some)[0]


def test_a_removal_counts_though_another_file_does_not_import() -> None:
    """An implementation is not `removed` only if its own file or the package is broken."""
    mistakes = [unimported("theirs"), BrokenPlugin.package("no setup")]
    events_of = [
        found([tracked(0, names=["mine.conv", "yours.conv"]), tracked(1, names=[], broken=[mistake])])[0]
        for mistake in mistakes
    ]

    assert [[(1, ["broken"]), (1, ["removed"]), (1, ["removed"])], [(1, ["broken"])]] == events_of


def test_files_with_spaces_in_their_names_are_told_apart() -> None:
    """Files with spaces in their names are broken at the first commit at which each does not import."""
    conv, fft = unimported("my conv"), unimported("my fft")
    found, _ = events([tracked(0), tracked(1, broken=[conv]), tracked(2, broken=[conv, fft])], LINE, {})

    assert [
        (LINE[1], "implementations/my conv.py does not import: line 3"),
        (LINE[2], "implementations/my fft.py does not import: line 3"),
    ] == [(one.commit, one.steps[0].reason) for one in found]


def test_a_broken_plugin_stored_as_text_by_an_earlier_version_is_understood() -> None:
    """A mistake that an earlier version stored as text is the same as that stored by this version."""
    old = ["implementations/theirs.py does not import: line 3", "implementations/mine.py: mine.f takes *x"]
    new = [unimported("theirs"), BrokenPlugin("declaration", "implementations/mine.py", "mine", "mine.f")]
    some = [tracked(0, broken=old), tracked(1, broken=new), tracked(2, broken=old)]
    lacking = "mine is not available: nunpy is not installed; run: pip install nunpy"
    gone = [tracked(0), tracked(1, names=[], missing=[lacking])]
    package = [tracked(0), tracked(1, names=[], broken=["package does not build: no setup"])]

    assert [[], [(1, ["broken"])], [(1, ["broken"])]] == [found(one)[0] for one in (some, gone, package)]


def test_a_file_broken_before_a_machine_was_used_is_not_an_event() -> None:
    """A file that was already broken on another machine, or at the first commit, is not an event."""
    some = [
        tracked(0, broken=[unimported("theirs")]),
        tracked(1, broken=[unimported("theirs")], machine="there"),
        tracked(2, broken=[unimported("theirs"), unimported("mine")], machine="there"),
    ]

    assert [(2, ["broken"])] == found(some)[0]


def test_new_and_removed_implementations_are_events() -> None:
    """An implementation that appears or disappears is an event, but for those of the first commit."""
    both = ("mine.conv", "theirs.conv")
    some = [tracked(0), tracked(1, names=both), tracked(2, names=both), tracked(3)]

    assert [(1, ["added"]), (3, ["removed"])] == found(some)[0]


def test_a_new_implementation_that_fails_is_wrong() -> None:
    """A new implementation that fails is `wrong`, not `added`."""
    some = [tracked(0, names=[]), tracked(1, status="crashed")]

    assert [(1, ["wrong"])] == found(some)[0]


def test_an_event_has_the_untracked_commits_before_it() -> None:
    """An event names the last tracked commit and the untracked ones, any of which may be the cause."""
    found, _ = events([tracked(1), tracked(5, error_u=9.0)], LINE, {})

    assert [(LINE[1], (LINE[2], LINE[3], LINE[4]))] == [(one.since, one.between) for one in found]


def test_machines_are_not_compared_with_each_other() -> None:
    """Times on one machine are not compared with times on another."""
    some = [tracked(0), tracked(1, 2.0, machine="there"), tracked(2)]

    assert ([], []) == found(some)


def test_an_implementation_that_was_not_tracked_is_neither_removed_nor_added() -> None:
    """An implementation that a commit has but was not tracked is neither removed nor added."""
    some = [
        tracked(0, offered=["theirs.conv"]),
        tracked(1, names=["mine.conv", "theirs.conv"]),
        tracked(2, offered=["theirs.conv"]),
    ]

    assert [] == found(some)[0]


def test_an_implementation_that_lacks_a_library_is_broken() -> None:
    """An implementation that lacks a library is `broken`, since its name may be misspelt."""
    lacking = Unavailable("mine", "nunpy", "implementations/mine.py")
    some = [tracked(0), tracked(1, names=[], missing=[lacking], offered=["theirs.conv"])]
    found, _ = events(some, LINE, {})

    assert [("broken", str(lacking))] == [
        (step.kind, step.reason) for one in found for step in one.steps if one.implementation == "mine.conv"
    ]


def test_a_label_that_stands_for_another_problem_is_not_compared() -> None:
    """A case whose label stands for another problem than before is not compared."""
    some = [tracked(0), tracked(1, 5.0, error_u=9.0, problem="c9h4w4-o2k1")]

    assert ([], []) == found(some)


def test_an_implementation_no_longer_supported_is_removed() -> None:
    """An implementation that no longer supports a problem is `removed`, though it still exists."""
    some = [tracked(0), tracked(1, None, status="unsupported")]

    assert [(1, ["removed"])] == found(some)[0]
