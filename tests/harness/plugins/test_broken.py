"""Broken plugins: values, each with a text of one line."""

from typing import get_args

import pytest

from convharness.plugins.broken import BrokenPlugin, Kind, of_line


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_of_mistake_has_its_text(kind: Kind) -> None:
    """Each kind of mistake has a text of one line that names its subject."""
    text = str(BrokenPlugin(kind, "my conv.py", "my conv", "my conv.py: {odd}"))

    assert "my conv.py" in text
    assert 1 == len(text.splitlines())


@pytest.mark.parametrize(
    ("line", "subject", "family"),
    [
        ("implementations/my conv.py does not import: line 3: KeyError: 'a: b'", "my conv.py", "my conv"),
        ("implementations/mine.py imports 'other' from beside it; a plugin is one file", "mine.py", "mine"),
        ("implementations/mine.py: mine.f takes *rest", "mine.py", "mine"),
        ("implementations/mine.py defines two implementations 'f', in lines 1 and 2", "mine.py", "mine"),
    ],
)
def test_a_line_of_an_earlier_version_is_about_the_file_that_it_names(
    line: str, subject: str, family: str
) -> None:
    """A line of an earlier version becomes a value with the file that it names, and keeps its text."""
    mistake = of_line(line)

    assert (f"implementations/{subject}", family, line) == (mistake.subject, mistake.family, str(mistake))


@pytest.mark.parametrize(
    ("mistake", "taken"),
    [
        (BrokenPlugin("import", "implementations/mine.py", "mine"), [True, False]),
        (BrokenPlugin.package("no setup"), [True, True]),
        (of_line("package does not build: no setup"), [True, True]),
    ],
    ids=str,
)
def test_a_broken_file_takes_away_its_own_implementations_and_a_package_all(
    mistake: BrokenPlugin, taken: list[bool]
) -> None:
    """A broken file explains the absence of its own implementations, a broken package that of all."""
    assert taken == [mistake.takes_away(name) for name in ("mine.conv", "yours.conv")]
