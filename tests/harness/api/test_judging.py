"""Judging from Python: it returns a session, and refuses mistakes with an error."""

from collections.abc import Callable
from pathlib import Path

import pytest

from convharness import PluginError, Selection, SelectionError, Settings, begin, load, resume, time, verify
from convharness.runs.run import Selection as Stored

TINY = "n1c2h4w4-o2k3-float32"
QUICK = Settings(level="quick")
MINE = {"problems": [TINY], "implementations": ["numpy_arrays.im2col"]}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_judged_session_can_be_loaded(tmp_path: Path) -> None:
    """A session of `verify` is not timed, and is loaded by its folder, by its id, or as the latest."""
    session = verify(**MINE, settings=Settings(level="quick", timed=True))
    frames = [load(session.folder), load(session.run.id), load()]

    assert [["passed"]] * 3 == [list(frame["status"]) for frame in frames]
    assert (False, tmp_path / "results" / "runs") == (
        session.run.settings.timed,
        session.folder.parent.resolve(),
    )


def test_several_runs_are_loaded_with_all_their_records() -> None:
    """Loading several runs returns all of their records, also of the same cases."""
    folders = [verify(**MINE, settings=QUICK).folder for _ in range(2)]

    assert [folder.name for folder in folders] == list(load(*folders)["run"])


def test_an_unfinished_session_is_resumed() -> None:
    """A session that was not finished is resumed with the settings and the selection that are stored."""
    selection = Selection(problems=(TINY,), patterns=("numpy_arrays.*",))
    begun = begin(selection, QUICK)
    records = begun.records()
    next(records)
    records.close()
    again = resume()

    assert (begun.run.id, begun.planned, QUICK, selection) == (
        again.run.id,
        len(again.rows),
        again.run.settings,
        again.run.selection,
    )


def test_a_plugin_file_that_cannot_be_used_is_refused(write_plugin: Callable[..., Path]) -> None:
    """A plugin file that does not import is an error with the line and the exception."""
    path = write_plugin("1 / 0\n", "bad.py")

    with pytest.raises(PluginError, match="does not import: line 1: ZeroDivisionError"):
        verify(problems=[TINY], plugins=[str(path)])


def test_a_baseline_has_to_be_selected() -> None:
    """A baseline that is not selected is refused before anything is stored."""
    with pytest.raises(SelectionError, match="is not among the implementations"):
        time(**MINE, settings=Settings(baseline="numpy_arrays.fft"))

    assert not Path("results").exists()


def test_a_text_in_place_of_a_list_is_refused() -> None:
    """A text given for a list of names is refused, since its letters would be taken for names."""
    with pytest.raises(TypeError, match=r"'smoke' is one text where a list is wanted; write \['smoke'\]"):
        verify(suites="smoke")


def test_the_selection_of_the_front_door_is_the_one_that_is_stored() -> None:
    """The `Selection` that the front door exports is the class that runs store."""
    assert Stored is Selection
