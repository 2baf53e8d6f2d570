"""The environment: stable facts, JSON-ready, and the threads that were asked for."""

import json
import os
import platform

import numpy as np
import pytest

from convharness.machine import environment


def test_facts_can_be_stored() -> None:
    """All of them are what JSON holds."""
    facts = environment.describe(1)

    assert facts == json.loads(json.dumps(facts))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("python", platform.python_version()),
        ("system", platform.system()),
        ("architecture", platform.machine()),
        ("threads", 3),
    ],
)
def test_facts_are_those_of_this_process(name: str, value: object) -> None:
    """As Python itself tells them."""
    assert value == environment.describe(3)[name]


def test_versions_are_those_of_the_installed_libraries() -> None:
    """A figure may depend on each of them."""
    assert np.__version__ == environment.libraries()["numpy"]


def test_a_machine_s_name_is_stable_and_hides_the_host() -> None:
    """Made of processor and cores, and a hash; not of what changes from boot to boot."""
    name = environment.machine()

    assert name == environment.machine.__wrapped__()
    assert name.startswith(f"{platform.machine()}-{os.cpu_count()}cpu-")
    assert platform.node() not in name


def test_every_pool_is_told_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that load later by their variable, those that are loaded directly."""
    from threadpoolctl import threadpool_info, threadpool_limits

    for variable in environment._THREAD_VARIABLES:
        monkeypatch.setenv(variable, "7")
    with threadpool_limits(None):
        environment.limit_threads(1)

        assert {"1"} == {os.environ[variable] for variable in environment._THREAD_VARIABLES}
        assert {1} == {pool["num_threads"] for pool in threadpool_info()}
