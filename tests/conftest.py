"""What all tests share: warnings as errors, settings of Hypothesis, plugins, and their order."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from convharness import Registry, discover

settings.register_profile(
    "local", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_configure(config: pytest.Config) -> None:
    """Make each warning an error, in any folder from which pytest is started."""
    config.addinivalue_line("filterwarnings", "error")


LONGEST = ("test_conform", "test_tracking", "test_docs", "test_comparing", "test_asv", "test_judging")
"""Modules of tests that take minutes, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest modules first, so that none is left for the end with several processes."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONGEST)))


@pytest.fixture(scope="session")
def registry() -> Registry:
    """Return the registry of convharness's own plugins, scanned once."""
    return discover(entry_points=False)


@pytest.fixture
def write_plugin(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a plugin file below the test's own folder and returns its path."""

    def write(text: str, name: str = "mine.py", folder: str = ".") -> Path:
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    return write
