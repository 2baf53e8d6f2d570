"""Errors: one tree, and a hint at the nearest word."""

import pytest

from convharness import HarnessError, PluginError, ProblemError, ResultsError, SelectionError, SuiteError
from convharness.errors import Mistake, did_you_mean


@pytest.mark.parametrize("error", [PluginError, ProblemError, ResultsError, SelectionError, SuiteError])
def test_what_a_user_can_put_right_is_one_tree(error: type) -> None:
    """Who catches `HarnessError` catches every mistake of a user."""
    assert issubclass(error, HarnessError)


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("paddin", ["stride", "padding"], "; did you mean 'padding'?"),
        ("q", ["zeros", "reflect"], "; known are zeros, reflect"),
        ("q", [], ""),
        ("q", [f"word{i}" for i in range(13)], ""),
    ],
)
def test_a_wrong_word_is_answered_with_the_near_one(word: str, known: list[str], hint: str) -> None:
    """The nearest word, else all of them if they are few, else nothing."""
    assert hint == did_you_mean(word, known)


def test_a_suite_error_holds_every_mistake() -> None:
    """Mistakes are a line each."""
    error = SuiteError(["one", "two"])

    assert ("one\ntwo", ("one", "two")) == (str(error), tuple(map(str, error.mistakes)))


def test_a_mistake_knows_its_place() -> None:
    """The places are values that only the text joins, and what is wrong may look like a place itself."""
    mistake = Mistake("case 'b': is an odd word", ("case 'a'",)).within("mine.toml")

    assert ("mine.toml", "case 'a'") == mistake.where
    assert "mine.toml: case 'a': case 'b': is an odd word" == str(SuiteError([mistake]))
