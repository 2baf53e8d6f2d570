"""Files are whole or not there: what stands is kept until what takes its place is complete."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from convharness import ResultsError
from convharness.files.atomic import making_folder, replacing, rewriting, write_text


class StoppedError(Exception):
    """What ends the writing of a file in the middle."""


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """Nothing but the file is left."""
    path = write_text(tmp_path / "report.md", "text ⋆\n")

    assert ("text ⋆\n", [path]) == (path.read_text("utf-8"), list(path.parent.iterdir()))


def test_a_report_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The old file stays as it was."""
    (tmp_path / "taken").write_text("old", "utf-8")

    with pytest.raises(ResultsError, match=r"^cannot write .*taken/report\.md: Not a directory$"):
        write_text(tmp_path / "taken" / "report.md", "new")

    assert "old" == (tmp_path / "taken").read_text("utf-8")


def test_a_link_is_kept_and_what_it_points_at_replaced(tmp_path: Path) -> None:
    """Whoever linked to a report goes on reading the newest."""
    (tmp_path / "real.md").write_text("old", "utf-8")
    (tmp_path / "link.md").symlink_to(tmp_path / "real.md")

    write_text(tmp_path / "link.md", "new")

    assert (True, "new") == ((tmp_path / "link.md").is_symlink(), (tmp_path / "real.md").read_text("utf-8"))


def test_what_is_no_file_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """A pipe stays a pipe."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    write_text(pipe, "text")

    assert (b"text", True) == (os.read(reader, 100), pipe.is_fifo())
    os.close(reader)


@pytest.mark.parametrize("write", [replacing, rewriting])
def test_a_file_is_the_old_one_until_the_new_one_is_complete(write, tmp_path: Path) -> None:
    """A process that reads in the meantime never sees a part."""
    path = tmp_path / "file"
    path.write_text("old", "utf-8")
    with write(path) as file:
        file.write(b"ne")
        file.flush()
        meanwhile = path.read_text("utf-8")
        file.write(b"w")

    assert ("old", "new", [path]) == (meanwhile, path.read_text("utf-8"), list(tmp_path.iterdir()))


@pytest.mark.parametrize("write", [replacing, rewriting])
def test_what_was_stopped_leaves_the_old_file_alone(write, tmp_path: Path) -> None:
    """Nor is there a part of the new one."""
    path = tmp_path / "file"
    path.write_text("old", "utf-8")
    with suppress(StoppedError), write(path) as file:
        file.write(b"ne")
        raise StoppedError

    assert ("old", [path]) == (path.read_text("utf-8"), list(tmp_path.iterdir()))


def test_what_is_in_the_way_is_replaced(tmp_path: Path) -> None:
    """A link that leads elsewhere, or a pipe, where a file has to be."""
    elsewhere, link, pipe = (tmp_path / name for name in ("elsewhere", "link", "pipe"))
    elsewhere.write_text("old", "utf-8")
    link.symlink_to(elsewhere)
    os.mkfifo(pipe)
    for path in (link, pipe):
        with replacing(path) as file:
            file.write(b"new")

    assert ["old", "new", "new"] == [path.read_text("utf-8") for path in (elsewhere, link, pipe)]
    assert [False, True] == [link.is_symlink(), pipe.is_file()]


def test_a_device_is_written_to(tmp_path: Path) -> None:
    """By its own name or by that of a link, which some systems give to standard output."""
    link = tmp_path / "link"
    link.symlink_to(os.devnull)

    assert [link] == [write_text(link, "text")]
    assert (True, True) == (link.is_symlink(), Path(os.devnull).is_char_device())


def test_a_folder_is_made_whole(tmp_path: Path) -> None:
    """With the folders above it."""
    path = tmp_path / "above" / "folder"
    with making_folder(path) as part:
        part.mkdir()
        (part / "file").touch()
        meanwhile = path.exists()

    assert (False, [path / "file"]) == (meanwhile, list(path.iterdir()))
    assert [path] == list(path.parent.iterdir())


def test_a_folder_that_could_not_be_made_leaves_nothing(tmp_path: Path) -> None:
    """Neither under its own name nor beside it."""
    with suppress(StoppedError), making_folder(tmp_path / "folder") as part:
        part.mkdir()
        raise StoppedError

    assert [] == list(tmp_path.iterdir())
