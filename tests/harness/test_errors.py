"""Errors: their classes, and hints at the nearest word."""

import pytest

from convharness import HarnessError, PluginError, ProblemError, ResultsError, SelectionError, SuiteError
from convharness.errors import Mistake, did_you_mean


@pytest.mark.parametrize("error", [PluginError, ProblemError, ResultsError, SelectionError, SuiteError])
def test_all_errors_of_users_have_one_base_class(error: type) -> None:
    """Every error that a user can correct is a `HarnessError`."""
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
def test_the_hint_at_a_wrong_word_names_the_nearest_one(word: str, known: list[str], hint: str) -> None:
    """The hint is the nearest word, else all words if they are few, else nothing."""
    assert hint == did_you_mean(word, known)


def test_a_suite_error_holds_every_mistake() -> None:
    """A suite error has one line for each mistake."""
    error = SuiteError(["one", "two"])

    assert ("one\ntwo", ("one", "two")) == (str(error), tuple(map(str, error.mistakes)))


def test_a_mistake_has_its_place() -> None:
    """A mistake has its place as values, which only its text joins."""
    mistake = Mistake("case 'b': is an odd word", ("case 'a'",)).within("mine.toml")

    assert ("mine.toml", "case 'a'") == mistake.where
    assert "mine.toml: case 'a': case 'b': is an odd word" == str(SuiteError([mistake]))
