"""The environment: facts that can be stored as JSON, and limits on threads."""

import json
import os
import platform

import numpy as np
import pytest

from convharness.machine import environment


def test_facts_can_be_stored() -> None:
    """All facts of the environment are unchanged by JSON."""
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
    """The facts of the environment are those that Python reports, and the threads asked for."""
    assert value == environment.describe(3)[name]


def test_versions_are_those_of_the_installed_libraries() -> None:
    """The versions of libraries are those that are installed."""
    assert np.__version__ == environment.libraries()["numpy"]


def test_a_machine_s_name_is_stable_and_hides_the_host() -> None:
    """The name of a machine is made of CPU, cores and a hash, is stable, and hides the host name."""
    name = environment.machine()

    assert name == environment.machine.__wrapped__()
    assert name.startswith(f"{platform.machine()}-{os.cpu_count()}cpu-")
    assert platform.node() not in name


def test_every_thread_pool_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limiting threads limits the pools that are loaded, and by variables those that load later."""
    from threadpoolctl import threadpool_info, threadpool_limits

    for variable in environment._THREAD_VARIABLES:
        monkeypatch.setenv(variable, "7")
    with threadpool_limits(None):
        environment.limit_threads(1)

        assert {"1"} == {os.environ[variable] for variable in environment._THREAD_VARIABLES}
        assert {1} == {pool["num_threads"] for pool in threadpool_info()}
