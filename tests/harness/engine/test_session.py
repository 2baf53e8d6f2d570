"""A session: records are on disk as they are yielded, and a run is resumed only with its own settings."""

from collections.abc import Callable
from pathlib import Path

import pytest

from convharness import Case, Implementation, Problem, ResultsError, Settings, Suite, implementation
from convharness.engine.choice import check_baseline, chosen_implementations, chosen_suites
from convharness.engine.session import Session, started
from convharness.errors import SelectionError
from convharness.plugins.registry import Registry
from convharness.runs.run import Plain, Run, Selection
from convharness.runs.store import is_finished, read_rows
from tests.making import declared

LABELS = ("n1c1h2w2-o1k1-float32", "n1c2h2w2-o1k1-float32")
SUITE = Suite("mini", tuple(Case(label, (Problem.parse(label),)) for label in LABELS))
QUICK = Settings(level="quick")
SELECTION = Selection(suites=("mini",))


@implementation(kernel_size=1, groups=1)
def product(x, weight):
    """A matrix product."""
    n, c, h, w = x.shape
    return (weight.reshape(-1, c) @ x.reshape(n, c, h * w)).reshape(n, -1, h, w)


@implementation(kernel_size=1, groups=1)
def doubled(x, weight):
    """A matrix product times two, which is wrong."""
    n, c, h, w = x.shape
    return 2 * (weight.reshape(-1, c) @ x.reshape(n, c, h * w)).reshape(n, -1, h, w)


def begun(selection: Selection | None = SELECTION, settings: Settings = QUICK) -> Run:
    """Return a run that starts now."""
    return started(settings, {"commit": None}, "", selection=selection)


@pytest.fixture
def session(tmp_path: Path) -> Callable[..., Session]:
    """Return a function that begins or resumes a session in the test's own folder."""

    def begin(this: Run | None = None, resumed: Path | None = None) -> Session:
        both = [declared(product), declared(doubled)]
        return Session(this or begun(), [SUITE], both, tmp_path, resumed=resumed)

    return begin


def test_a_record_is_on_disk_when_it_is_yielded(session: Callable[..., Session]) -> None:
    """Each record is on disk when it is yielded, and the run is finished after the last."""
    one = session()
    counts = [(len(list(read_rows(one.folder))), is_finished(one.folder)) for _ in one.records()]

    assert [(1, False), (2, False), (3, False), (4, False)] == counts
    assert (4, True, True) == (one.planned, one.has_failed, is_finished(one.folder))


def test_a_resumed_session_judges_only_what_is_missing(session: Callable[..., Session]) -> None:
    """A resumed session has the records from before, and judges only what is missing."""
    first = session()
    unfinished = first.records()
    next(unfinished)
    unfinished.close()
    again = session(resumed=first.folder)
    before = len(again.rows)
    new = [(record.case.label, record.implementation.name) for record in again.records()]

    assert (first.run.id, 1, 3, 4) == (again.run.id, before, len(new), len(again.rows))
    assert (LABELS[0], "test.product") not in new


@pytest.mark.parametrize(
    ("this", "message"),
    [
        (begun(settings=Settings(level="standard")), "was started with level=quick, not standard"),
        (begun(Selection(suites=("other",))), "was started with suites=mini, not other"),
    ],
    ids=["settings", "selection"],
)
def test_a_session_is_not_resumed_with_other_settings_or_another_selection(
    this: Run, message: str, session: Callable[..., Session]
) -> None:
    """A session with other settings or another selection is refused, and the message names the difference."""
    first = session()
    for _ in first.records():
        pass

    with pytest.raises(ResultsError, match=message):
        session(this, first.folder)


def test_a_run_without_a_stored_selection_is_not_resumed(session: Callable[..., Session]) -> None:
    """A run of an earlier version, which stored no selection, is not resumed."""
    first = session(begun(selection=None))
    for _ in first.records():
        pass

    with pytest.raises(ResultsError, match="does not say what was selected; start it again"):
        session(resumed=first.folder)


def test_the_purpose_of_a_run_is_plain_by_default() -> None:
    """A new run has the purpose `Plain` and the selection and settings that it was given."""
    run = begun()

    assert (Plain(), SELECTION, QUICK) == (run.purpose, run.selection, run.settings)


def registry_of(*some: Implementation) -> Registry:
    """Return a registry of some implementations."""
    return Registry(some)


def test_a_selection_chooses_suites_and_implementations(tmp_path: Path) -> None:
    """A selection chooses suites by name and implementations by glob or, if it says so, by file."""
    here, there = declared(product, "here"), declared(doubled, "there", source=tmp_path / "there.py")
    registry = registry_of(here, there)
    file = (str(tmp_path / "there.py"),)
    found = [
        [one.name for one in chosen_implementations(selection, registry)]
        for selection in (
            Selection(),
            Selection(patterns=("here.*",)),
            Selection(plugins=file),
            Selection(plugins=file, only_plugins=True),
            Selection(plugins=file, patterns=("here.*",), only_plugins=True),
        )
    ]

    assert [
        ["here.product", "there.doubled"],
        ["here.product"],
        ["here.product", "there.doubled"],
        ["there.doubled"],
        ["here.product", "there.doubled"],
    ] == found
    assert [["smoke"], ["command-line"]] == [
        [suite.name for suite in chosen_suites(selection)]
        for selection in (Selection(), Selection(problems=(LABELS[0],)))
    ]


def test_a_baseline_is_one_of_those_that_are_compared() -> None:
    """A baseline that is not selected is refused, and the message proposes the nearest name."""
    with pytest.raises(
        SelectionError, match=r"'test\.prodct' is not among the implementations; did you mean"
    ):
        check_baseline("test.prodct", [declared(product)])
