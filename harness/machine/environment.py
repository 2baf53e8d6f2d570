"""The machine, its libraries and its threads, as facts for a run; it changes nothing but threads."""

import hashlib
import os
import platform
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_LIBRARIES = ("convharness", "numpy", "scipy", "torch", "pandas", "asv", "ml_dtypes")


def open_standard_streams() -> None:
    """Open standard streams that the process was started without, so that writing to them is not an error."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # `open` returns the lowest free number, which is this one; child processes inherit it.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 the name says what it is
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r+" if number else "r", buffering=1, closefd=False))  # noqa: SIM115 it stays open


def thread_variables(threads: int) -> dict[str, str]:
    """Return the environment variables with which libraries start pools of that many threads."""
    return dict.fromkeys(_THREAD_VARIABLES, str(threads))


def limit_threads(threads: int) -> None:
    """Limit every thread pool of this process to that many threads.

    Pools read the environment when their library loads; those that are loaded are limited directly.
    """
    os.environ.update(thread_variables(threads))
    if "numpy" in sys.modules:
        from threadpoolctl import threadpool_limits

        threadpool_limits(threads)


def describe(threads: int) -> dict[str, Any]:
    """Return the facts of this process's environment: machine, system, libraries and pools."""
    from threadpoolctl import threadpool_info

    pools = [
        {key: pool.get(key) for key in ("internal_api", "version", "num_threads", "architecture")}
        for pool in threadpool_info()
    ]
    return {
        "machine": machine(),
        **machine_facts(),
        "python": platform.python_version(),
        "libraries": libraries(),
        "threads": threads,
        "pools": pools,
        "load_average_1min": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


@cache
def machine_facts() -> Mapping[str, Any]:
    """Return what a machine is made of; nothing that changes from boot to boot."""
    import psutil

    return {
        "cpu": _cpu_model(),
        "cpu_features": _cpu_features(),
        "cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": platform.system(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
    }


@cache
def machine() -> str:
    """Return the machine's name for the columns of a report: processor, cores and a short hash.

    Host names change with every container and two hosts of one name differ, so it is made of
    stable facts; the kernel's release is not one of them.
    """
    facts = {key: value for key, value in machine_facts().items() if key != "kernel"}
    digest = hashlib.sha256(repr(sorted(facts.items())).encode()).hexdigest()[:6]
    return f"{facts['architecture']}-{facts['logical_cores']}cpu-{digest}"


@cache
def libraries() -> Mapping[str, str]:
    """Return the installed versions of the libraries that a measured figure may depend on."""
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def cpu_flags() -> list[str]:
    """Return the processor's feature flags; empty if unknown."""
    return _cpu_info().get("flags", "").split()


def _cpu_info() -> dict[str, str]:
    """Return the kernel's description of the first processor, empty where there is none."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8").split("\n\n", 1)[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _cpu_model() -> str:
    return _cpu_info().get("model name") or platform.processor() or "not known"


def _cpu_features() -> str:
    """Return the vector extensions: virtual machines may hide the model's name, but not these."""
    flags = cpu_flags()
    return " ".join(
        sorted(flag for flag in flags if flag.startswith(("avx", "amx", "sse4", "fma", "asimd", "sve")))
    )
