"""Broken plugins: values that say one line each."""

from typing import get_args

import pytest

from convharness.plugins.broken import BrokenPlugin, Kind, of_line


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_of_mistake_has_its_text(kind: Kind) -> None:
    """It is one line, with what the mistake is about or what was said of it."""
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
def test_a_line_of_an_earlier_version_is_about_what_it_begins_with(
    line: str, subject: str, family: str
) -> None:
    """And it is told as it was."""
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
def test_a_file_takes_away_its_own_implementations_and_a_package_all(
    mistake: BrokenPlugin, taken: list[bool]
) -> None:
    """What has gone for another reason has gone."""
    assert taken == [mistake.takes_away(name) for name in ("mine.conv", "yours.conv")]
