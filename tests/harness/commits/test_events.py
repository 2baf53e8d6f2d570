"""What happened at which commit, from runs that are made up."""

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
    """Return a commit with a record of each name; every commit's code is another one, if nobody says.

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
    """Return a run whose environment told what it was for."""
    facts = {"id": name, "started_at": "", "command": "", "environment": environment, "settings": {}}
    return decoded(msgspec.json.encode(facts))


def unimported(name: str, where: str = "line 3") -> BrokenPlugin:
    """Return the mistake of a file that does not import."""
    return BrokenPlugin("import", f"implementations/{name}.py", name, where)


def found(
    some: Sequence[TrackedCommit], verdicts: Mapping[tuple[int, int], float] | None = None
) -> tuple[list[tuple[int, list[str]]], list[tuple[int, int]]]:
    """Return at which commits what happened, and which pairs of commits are suspicious.

    `verdicts` are the ratios that comparisons of two commits have found.
    """
    sides = {
        (LINE[a].hash, LINE[b].hash): {SERIES: side(ratio)} for (a, b), ratio in (verdicts or {}).items()
    }
    told, suspicions = events(some, LINE, sides)
    return [place(one) for one in told], [pair(one) for one in suspicions]


def side(ratio: float) -> Change:
    """Return a comparison that has found a ratio."""
    word: Any = "slower" if ratio > 1 else "faster" if ratio < 1 else "same"
    return Change(*SERIES, None, None, Decision(word, ratio, ratio, ratio, 0.005, 0.01, 1e-6))


def place(event: Event) -> tuple[int, list[str]]:
    """Return where an event is, and what it is."""
    return LINE.index(event.commit), [step.kind for step in event.steps]


def pair(suspicion: Suspicion) -> tuple[int, int]:
    """Return which commits are to be compared."""
    return LINE.index(suspicion.before), LINE.index(suspicion.after)


def test_a_level_line_has_no_events() -> None:
    """Figures of two runs differ by some per cent."""
    assert ([], []) == found([tracked(n, 1 + 0.01 * (n % 2)) for n in range(8)])


def test_a_comparison_counts_wherever_the_code_was_the_same() -> None:
    """What was compared at its ends is known of the one commit between them that changed anything."""
    some = [tracked(n, 1.0 if n < 3 else 1.15, content="old" if n < 3 else "new") for n in range(8)]

    assert ([(3, ["slower"])], []) == found(some, {(0, 7): 1.15})


def test_a_step_that_was_hard_to_see_is_not_put_down_to_a_commit_that_changed_nothing() -> None:
    """Where the code changed nothing was to be seen; later its time happens to be farther away."""
    times = [1.0, 1.0, 1.0, 1.04, 1.13, 1.13]
    some = [tracked(n, time, content="old" if n < 3 else "new") for n, time in enumerate(times)]

    assert ([], []) == found(some)
    assert ([(3, ["slower"])], []) == found(some, {(0, 5): 1.15})


def test_a_step_is_a_suspicion_until_it_is_looked_into() -> None:
    """One comparison later it is an event, or nothing."""
    some = [tracked(n, 1.0 if n < 3 else 1.15) for n in range(8)]

    assert ([], [(2, 3)]) == found(some)
    assert ([(3, ["slower"])], []) == found(some, {(2, 3): 1.15})
    assert [] == found(some, {(2, 3): 1.0})[0]


def test_the_same_code_is_no_slower() -> None:
    """Whatever the clock says."""
    some = [tracked(n, 1.0 if n < 3 else 1.5, content="the same") for n in range(8)]

    assert ([], []) == found(some)


def test_a_faster_commit_is_an_event_too() -> None:
    """It is in the history, though not among the regressions."""
    some = [tracked(0), tracked(1, 0.5)]

    assert ([(1, ["faster"])], []) == found(some, {(0, 1): 0.5})


def test_drift_is_seen_against_the_first_commit_of_its_level() -> None:
    """Each step alone is too small."""
    some = [tracked(n, 1.015**n) for n in range(6)]
    _, suspicions = found(some)

    assert [(0, 4)] == [one for one in suspicions if one[0] == 0]


def test_what_becomes_wrong_is_named_once_and_what_becomes_right_again_too() -> None:
    """Between the two nothing new happens."""
    statuses = ["passed", "passed", "wrong", "wrong", "passed", "passed"]
    some = [tracked(n, status=status) for n, status in enumerate(statuses)]

    assert [(2, ["wrong"]), (4, ["repaired"])] == found(some)[0]


def test_times_are_compared_across_what_was_wrong() -> None:
    """A slow-down may come with the repair."""
    some = [tracked(0), tracked(1, None, status="wrong"), tracked(2, 1.3)]

    assert [(0, 2)] == found(some)[1]


@pytest.mark.parametrize(("error_u", "expected"), [(1.5, []), (3.0, [(1, ["imprecise"])])])
def test_errors_need_no_second_look(error_u: float, expected: list[Any]) -> None:
    """The same code on the same data has the same error."""
    assert expected == found([tracked(0), tracked(1, error_u=error_u)])[0]


def test_slower_and_less_exact_is_one_event() -> None:
    """It is one commit's doing."""
    some = [tracked(0), tracked(1, 1.2, error_u=4.0)]

    assert [(1, ["slower", "imprecise"])] == found(some, {(0, 1): 1.2})[0]


def test_what_does_not_import_is_named_once_and_its_absence_is_no_removal() -> None:
    """And when it is back it is not new."""
    lines = ["", "line 3", "line 4", ""]
    some = [
        tracked(n, broken=[unimported("mine", line)] if line else [], names=[] if line else ["mine.conv"])
        for n, line in enumerate(lines)
    ]

    assert [(1, ["broken"])] == found(some)[0]


def test_what_has_gone_has_gone_whatever_else_does_not_import() -> None:
    """Only its own file explains its absence, or a package that does not build."""
    mistakes = [unimported("theirs"), BrokenPlugin.package("no setup")]
    told = [
        found([tracked(0, names=["mine.conv", "yours.conv"]), tracked(1, names=[], broken=[mistake])])[0]
        for mistake in mistakes
    ]

    assert [[(1, ["broken"]), (1, ["removed"]), (1, ["removed"])], [(1, ["broken"])]] == told


def test_files_with_spaces_in_their_names_are_told_apart() -> None:
    """And each is named whole, at the first commit at which it does not import."""
    conv, fft = unimported("my conv"), unimported("my fft")
    told, _ = events([tracked(0), tracked(1, broken=[conv]), tracked(2, broken=[conv, fft])], LINE, {})

    assert [
        (LINE[1], "implementations/my conv.py does not import: line 3"),
        (LINE[2], "implementations/my fft.py does not import: line 3"),
    ] == [(one.commit, one.steps[0].reason) for one in told]


def test_what_an_earlier_version_stored_as_a_line_is_read_as_what_it_is_about() -> None:
    """A mistake goes on whichever version a commit was tracked with."""
    old = ["implementations/theirs.py does not import: line 3", "implementations/mine.py: mine.f takes *x"]
    new = [unimported("theirs"), BrokenPlugin("declaration", "implementations/mine.py", "mine", "mine.f")]
    some = [tracked(0, broken=old), tracked(1, broken=new), tracked(2, broken=old)]
    lacking = "mine is not available: nunpy is not installed; run: pip install nunpy"
    gone = [tracked(0), tracked(1, names=[], missing=[lacking])]
    package = [tracked(0), tracked(1, names=[], broken=["package does not build: no setup"])]

    assert [[], [(1, ["broken"])], [(1, ["broken"])]] == [found(one)[0] for one in (some, gone, package)]


def test_what_did_not_import_before_a_machine_came_is_no_news() -> None:
    """Files do not import on any machine; what the first of all commits lacks, nobody knows the cause of."""
    some = [
        tracked(0, broken=[unimported("theirs")]),
        tracked(1, broken=[unimported("theirs")], machine="there"),
        tracked(2, broken=[unimported("theirs"), unimported("mine")], machine="there"),
    ]

    assert [(2, ["broken"])] == found(some)[0]


def test_what_is_new_and_what_has_gone() -> None:
    """The first commit of all has nothing new."""
    both = ("mine.conv", "theirs.conv")
    some = [tracked(0), tracked(1, names=both), tracked(2, names=both), tracked(3)]

    assert [(1, ["added"]), (3, ["removed"])] == found(some)[0]


def test_what_is_new_and_wrong_is_wrong() -> None:
    """Though it has no past."""
    some = [tracked(0, names=[]), tracked(1, status="crashed")]

    assert [(1, ["wrong"])] == found(some)[0]


def test_commits_of_which_nothing_is_known_are_between() -> None:
    """The change may be any of theirs."""
    told, _ = events([tracked(1), tracked(5, error_u=9.0)], LINE, {})

    assert [(LINE[1], (LINE[2], LINE[3], LINE[4]))] == [(one.since, one.between) for one in told]


def test_machines_are_not_compared_with_each_other() -> None:
    """Each has a line of its own."""
    some = [tracked(0), tracked(1, 2.0, machine="there"), tracked(2)]

    assert ([], []) == found(some)


def test_what_was_not_asked_for_has_not_gone_and_is_not_new() -> None:
    """A part of a commit may be tracked."""
    some = [
        tracked(0, offered=["theirs.conv"]),
        tracked(1, names=["mine.conv", "theirs.conv"]),
        tracked(2, offered=["theirs.conv"]),
    ]

    assert [] == found(some)[0]


def test_what_lacks_a_library_does_not_import() -> None:
    """It may be a misspelt one."""
    lacking = Unavailable("mine", "nunpy", "implementations/mine.py")
    some = [tracked(0), tracked(1, names=[], missing=[lacking], offered=["theirs.conv"])]
    told, _ = events(some, LINE, {})

    assert [("broken", str(lacking))] == [
        (step.kind, step.reason) for one in told for step in one.steps if one.implementation == "mine.conv"
    ]


def test_a_label_that_stands_for_another_problem_is_not_compared() -> None:
    """Somebody has edited the suite."""
    some = [tracked(0), tracked(1, 5.0, error_u=9.0, problem="c9h4w4-o2k1")]

    assert ([], []) == found(some)


def test_what_is_no_longer_supported_has_gone() -> None:
    """Though the implementation is still there."""
    some = [tracked(0), tracked(1, None, status="unsupported")]

    assert [(1, ["removed"])] == found(some)[0]
