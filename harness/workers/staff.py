"""All workers of a run: who runs where, and the end of everyone."""

from pathlib import Path
from typing import Any, Self

import msgspec

from ..errors import PluginError
from ..host import Host, LocalHost
from ..kernel import KernelError
from ..plugin import Implementation
from ..registry import Registry, Unavailable
from .declaration import read_facts
from .process import Limits, Process
from .remote import RemoteHost

EXAMINED_S = 120.0
"""How long a file may take to be imported, the libraries that it uses included."""

_MOST = 64
"""Workers that are kept; more of them would fill the memory of a machine with idle libraries."""


class Described(msgspec.Struct):
    """What a file or an entry declares, as a process that has loaded it says."""

    implementations: list[dict[str, Any]]
    unavailable: list[tuple[str, str, str]]
    broken: list[str]


class Staff:
    """Gives every implementation its host; use it as a context, which ends all workers.

    What another process can load again gets a worker of its own. What exists only here, such as a
    function that a program has made, runs here. `alone` says that this process has processors to
    spare while a worker works: then it looks out for answers instead of sleeping.
    """

    def __init__(self, limits: Limits | None = None, threads: int = 1, *, alone: bool = True) -> None:
        self._alone = alone
        self._limits = limits or Limits()
        self._threads = threads
        self._hosts: dict[str, RemoteHost] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End all workers, which tidy up at the same time."""
        for host in self._hosts.values():
            host.say_goodbye()
        for host in self._hosts.values():
            host.close()
        self._hosts.clear()

    def host(self, implementation: Implementation) -> Host:
        """Return where an implementation runs."""
        if implementation.source is None:
            return LocalHost(implementation)
        name = implementation.name
        if name not in self._hosts:
            if len(self._hosts) >= _MOST:
                self._let_go()
            self._hosts[name] = RemoteHost(implementation, self._limits, self._threads, alone=self._alone)
        return self._hosts[name]

    def _let_go(self) -> None:
        """End a worker that holds nothing: everybody is asked in turn, so who was last is needed last."""
        for name, host in reversed(list(self._hosts.items())):
            if host.is_idle:
                self._hosts.pop(name).close()
                return


def examined(source: Path, origin: str, family: str) -> Registry:
    """Return what a file or an entry declares, never run here: a process of its own loads it."""
    process = Process(Limits(), threads=1)
    try:
        found: Described = process.ask(
            "describe",
            Described,
            within_s=EXAMINED_S,
            source=str(source.absolute()),
            origin=origin,
            family=family,
        )
        return Registry(
            tuple(read_facts(facts) for facts in found.implementations),
            tuple(Unavailable(*facts) for facts in found.unavailable),
            tuple(found.broken),
        )
    except (KernelError, PluginError, KeyError, TypeError) as error:
        return Registry((), broken=(f"{source} does not import: {error}",))
    finally:
        process.end()
