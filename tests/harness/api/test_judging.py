"""What Python calls to judge: it returns a session, and refuses in one line."""

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


def test_what_was_judged_can_be_loaded(tmp_path: Path) -> None:
    """By its folder, by its id, or as the latest; nothing was timed."""
    session = verify(**MINE, settings=Settings(level="quick", timed=True))
    frames = [load(session.folder), load(session.run.id), load()]

    assert [["passed"]] * 3 == [list(frame["status"]) for frame in frames]
    assert (False, tmp_path / "results" / "runs") == (
        session.run.settings.timed,
        session.folder.parent.resolve(),
    )


def test_several_runs_are_loaded_with_all_their_records() -> None:
    """Also where they judged the same."""
    folders = [verify(**MINE, settings=QUICK).folder for _ in range(2)]

    assert [folder.name for folder in folders] == list(load(*folders)["run"])


def test_a_session_that_was_begun_goes_on() -> None:
    """With the settings and the selection that are stored."""
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
    """With what is wrong with it."""
    path = write_plugin("1 / 0\n", "bad.py")

    with pytest.raises(PluginError, match="does not import: line 1: ZeroDivisionError"):
        verify(problems=[TINY], plugins=[str(path)])


def test_a_baseline_has_to_be_selected() -> None:
    """Before anything is stored."""
    with pytest.raises(SelectionError, match="is not among the implementations"):
        time(**MINE, settings=Settings(baseline="numpy_arrays.fft"))

    assert not Path("results").exists()


def test_one_text_is_no_list() -> None:
    """Its letters would be taken for names."""
    with pytest.raises(TypeError, match=r"'smoke' is one text where a list is wanted; write \['smoke'\]"):
        verify(suites="smoke")


def test_the_selection_of_the_front_door_is_the_one_that_is_stored() -> None:
    """A run reads back with it."""
    assert Stored is Selection
