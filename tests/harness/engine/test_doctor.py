"""The doctor: what it finds about the host, and how its screen shows it."""

import pytest

from convharness.engine.doctor import Finding, examine, screen_of
from convharness.plugins.broken import BrokenPlugin
from convharness.plugins.registry import Registry, Unavailable

BROKEN = BrokenPlugin("unmarked", "mine.py", "mine")
SUBJECTS = [
    "machine",
    "caches",
    "clock",
    "processors",
    "other load",
    "memory",
    "libraries",
    "ceilings",
    "timer",
]


def test_the_findings_have_their_subjects_in_order() -> None:
    """The doctor reports its subjects in order, and last what is unavailable and how to get it."""
    missing = Registry((), (Unavailable("xla", "jax", "xla.py"),), (BROKEN,))
    findings = list(examine(missing))
    subjects = list(dict.fromkeys(one.about for one in findings))

    assert [*SUBJECTS, "unavailable"] == subjects
    assert [
        Finding("unavailable", "xla", "jax is not installed; run: pip install jax"),
        Finding(
            "unavailable", "mine.py marks no function; put @implementation above one", "put the file right"
        ),
    ] == findings[-2:]


def test_a_screen_says_a_subject_once_and_advice_below_its_fact() -> None:
    """The screen shows a subject once, advice below its fact, and indents wrapped lines."""
    screen = screen_of(
        [
            Finding("clock", "source tsc"),
            Finding("clock", "coarse", "use another"),
            Finding("memory", "8 " * 60),
        ]
    )

    assert [
        "clock       source tsc",
        "            coarse",
        "            → use another",
        "memory      " + ("8 " * 44).rstrip(),
        "            " + ("8 " * 16).rstrip(),
    ] == screen.splitlines()


@pytest.mark.parametrize(("threads", "advised"), [(1, False), (100_000, True)])
def test_more_threads_than_processors_are_advised_against(threads: int, advised: bool) -> None:
    """The doctor advises against more threads than CPUs."""
    from convharness.engine.doctor import _processors

    first = next(iter(_processors(threads)))

    assert advised == (first.advice is not None)
