"""Files are written whole or not at all: the old file is kept until the new one is complete."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from convharness import ResultsError
from convharness.files.atomic import making_folder, replacing, rewriting, write_text


class StoppedError(Exception):
    """An error that interrupts the writing of a file."""


def test_writing_a_report_leaves_no_other_file(tmp_path: Path) -> None:
    """Writing a report leaves the report and no other file."""
    path = write_text(tmp_path / "report.md", "text ⋆\n")

    assert ("text ⋆\n", [path]) == (path.read_text("utf-8"), list(path.parent.iterdir()))


def test_a_report_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """A report that cannot be written is an error with its path and reason, and keeps the old file."""
    (tmp_path / "taken").write_text("old", "utf-8")

    with pytest.raises(ResultsError, match=r"^cannot write .*taken/report\.md: Not a directory$"):
        write_text(tmp_path / "taken" / "report.md", "new")

    assert "old" == (tmp_path / "taken").read_text("utf-8")


def test_a_link_is_kept_and_its_target_replaced(tmp_path: Path) -> None:
    """Writing through a link replaces the target and keeps the link."""
    (tmp_path / "real.md").write_text("old", "utf-8")
    (tmp_path / "link.md").symlink_to(tmp_path / "real.md")

    write_text(tmp_path / "link.md", "new")

    assert (True, "new") == ((tmp_path / "link.md").is_symlink(), (tmp_path / "real.md").read_text("utf-8"))


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """A pipe is written to and stays a pipe."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    write_text(pipe, "text")

    assert (b"text", True) == (os.read(reader, 100), pipe.is_fifo())
    os.close(reader)


@pytest.mark.parametrize("write", [replacing, rewriting])
def test_a_file_is_the_old_one_until_the_new_one_is_complete(write, tmp_path: Path) -> None:
    """Another process reads the old content until the new one is complete."""
    path = tmp_path / "file"
    path.write_text("old", "utf-8")
    with write(path) as file:
        file.write(b"ne")
        file.flush()
        meanwhile = path.read_text("utf-8")
        file.write(b"w")

    assert ("old", "new", [path]) == (meanwhile, path.read_text("utf-8"), list(tmp_path.iterdir()))


@pytest.mark.parametrize("write", [replacing, rewriting])
def test_an_interrupted_write_keeps_the_old_file(write, tmp_path: Path) -> None:
    """An interrupted write keeps the old file and leaves no part of the new one."""
    path = tmp_path / "file"
    path.write_text("old", "utf-8")
    with suppress(StoppedError), write(path) as file:
        file.write(b"ne")
        raise StoppedError

    assert ("old", [path]) == (path.read_text("utf-8"), list(tmp_path.iterdir()))


def test_a_link_or_pipe_is_replaced_by_a_file(tmp_path: Path) -> None:
    """A link or a pipe in the place of a file is replaced, and the link's target is kept."""
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
    """A device is written to and not replaced, by its own name or through a link."""
    link = tmp_path / "link"
    link.symlink_to(os.devnull)

    assert [link] == [write_text(link, "text")]
    assert (True, True) == (link.is_symlink(), Path(os.devnull).is_char_device())


def test_a_folder_is_made_whole(tmp_path: Path) -> None:
    """A folder appears under its name when it is complete, with the folders above it."""
    path = tmp_path / "above" / "folder"
    with making_folder(path) as part:
        part.mkdir()
        (part / "file").touch()
        meanwhile = path.exists()

    assert (False, [path / "file"]) == (meanwhile, list(path.iterdir()))
    assert [path] == list(path.parent.iterdir())


def test_a_folder_that_could_not_be_made_leaves_nothing(tmp_path: Path) -> None:
    """A folder whose making is interrupted leaves nothing under its name or beside it."""
    with suppress(StoppedError), making_folder(tmp_path / "folder") as part:
        part.mkdir()
        raise StoppedError

    assert [] == list(tmp_path.iterdir())
