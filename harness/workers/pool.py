"""All workers of a run: where each implementation runs, and the end of all processes."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from ..errors import PluginError
from ..execution.host import Host
from ..execution.kernel_call import KernelError
from ..execution.local_host import LocalHost
from ..machine import calibration
from ..machine.ceilings import Ceilings
from ..machine.interference import Conditions, Snapshot
from ..machine.process_tree import end_descendants, end_marked
from ..plugins.broken import BrokenPlugin
from ..plugins.declaration import Implementation
from ..plugins.registry import Registry, Unavailable
from ..plugins.serialization import read_facts
from .process import Limits, Process
from .protocol.requests import Describe, MeasureCeilings
from .remote import RemoteHost
from .spawn import spawned
from .template import Root, Source, Template, copied

EXAMINED_S = 120.0
"""How long a file may take to be imported, the libraries that it uses included."""

_IN_COMPANY = "ceilings-in-company"
_FOR_NOW_S = 900.0
"""How long ceilings are used that were measured while other processes used the CPUs."""

_AT_ONCE = os.cpu_count() or 1
"""How many templates load at the same time."""

_MOST = 64
"""Workers that are kept; more of them would fill the memory of a machine with idle libraries."""


class WorkerPool:
    """Gives every implementation its host; use it as a context, which ends all workers.

    An implementation that another process can load gets a worker. One that exists only in this process,
    such as a function that a program has made, runs in this process. With `spins` this process does not
    sleep while it waits for a quick answer, which needs a CPU to spare.

    `fresh_hosts` gives processes in which nothing has been called. They are copies of templates: those of
    one generation are copies of one process per source, those of different generations share nothing.
    """

    def __init__(self, limits: Limits | None = None, threads: int = 1, *, spins: bool = True) -> None:
        self._spins = spins
        self._limits = limits or Limits()
        self._threads = threads
        self._hosts: dict[str, RemoteHost] = {}
        self._roots: dict[tuple[tuple[str, ...], int], Root | None] = {}
        self._templates: dict[tuple[Source, int], Template | None] = {}

    @property
    def threads(self) -> int:
        """Return how many threads every worker has."""
        return self._threads

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
        for one in (*self._roots.values(), *self._templates.values()):  # the copies of a root end with it
            if one is not None:
                one.process.end()
        self._templates.clear()
        self._roots.clear()

    def host(self, implementation: Implementation) -> Host:
        """Return where an implementation runs."""
        if implementation.source is None:
            return LocalHost(implementation)
        name = implementation.name
        if name not in self._hosts:
            if len(self._hosts) >= _MOST:
                self._end_an_idle_worker()
            self._hosts[name] = self._remote_host(implementation, partial(self._spawned, implementation.site))
        return self._hosts[name]

    @contextmanager
    def fresh_hosts(self, generation: int) -> Iterator[Callable[[Implementation], Host]]:
        """Give, as a context, a function that returns new hosts of a prepared generation; all end with it.

        What runs in this process has no generations.
        """
        hosts: list[RemoteHost] = []

        def host(implementation: Implementation) -> Host:
            if implementation.source is None:
                return LocalHost(implementation)
            template = self._templates[Source.of(implementation), generation]
            if template is None:
                start = partial(self._spawned, implementation.site)
            else:
                start = partial(copied, template.process, self._limits)
            hosts.append(self._remote_host(implementation, start))
            return hosts[-1]

        try:
            yield host
        finally:
            templates, roots = (
                [one.process for (_, number), one in some.items() if one and number == generation]
                for some in (self._templates, self._roots)
            )
            for template in templates:
                end_descendants(template.pid)
            for one in hosts:
                one.dismiss()
            stay, marks = {one.pid for one in (*templates, *roots)}, {one.mark for one in roots}
            end_marked(lambda mark, pid: mark in marks and pid not in stay)

    def prepare(self, implementations: Iterable[Implementation], generations: int) -> None:
        """Start the templates of some generations that have not been started yet, a few at a time."""
        sources = {Source.of(one): None for one in implementations if one.source is not None}
        wanted = [(source, number) for number in range(generations) for source in sources]
        missing = [key for key in wanted if key not in self._templates]
        roots = dict.fromkeys((source.loaded, number) for source, number in missing)
        self._roots |= _loaded([key for key in roots if key not in self._roots], self._root)
        self._templates |= _loaded(missing, self._template)

    def _root(self, libraries: tuple[str, ...], _: int) -> Root:
        return Root(libraries, self._threads)

    def _template(self, source: Source, number: int) -> Template:
        root = self._roots[source.loaded, number]
        if root is None:
            raise KernelError("error", "what it needs cannot be loaded")
        return Template(source, root)

    def _remote_host(self, implementation: Implementation, start: Callable[[], Process]) -> RemoteHost:
        return RemoteHost(implementation, self._limits, self._threads, start)

    def _spawned(self, site: str | None) -> Process:
        return spawned(self._limits, self._threads, spins=self._spins, site=site)

    def _end_an_idle_worker(self) -> None:
        """End the worker that was started last of those that hold nothing.

        Implementations are judged in turn, so the one that was judged last is needed last.
        """
        for name, host in reversed(list(self._hosts.items())):
            if host.is_idle:
                self._hosts.pop(name).close()
                return


Key = TypeVar("Key", bound=tuple[Any, int])
Loading = TypeVar("Loading", Root, Template)


def _loaded(keys: Sequence[Key], make: Callable[..., Loading]) -> dict[Key, Loading | None]:
    """Return what is made for each key, loaded, a few at a time; None for what cannot be loaded or copied."""
    found: dict[Key, Loading | None] = {}
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        # Started in this thread: a process ends with the thread that has started it.
        made = [_made(make, key) for key in some]
        with ThreadPoolExecutor(len(some)) as executor:
            found |= zip(some, executor.map(_copyable, made), strict=True)
    return found


def _made(make: Callable[..., Loading], key: tuple[Any, int]) -> Loading | None:
    try:
        return make(*key)
    except KernelError:
        return None


def _copyable(one: Loading | None) -> Loading | None:
    """Return a root or template when it has loaded; end it and return None if it cannot be copied."""
    if one is None:
        return None
    try:
        one.load()
        copied(one.process, Limits()).end()
    except KernelError:
        one.process.end()
        return None
    return one


def ceilings_of(threads: int) -> Ceilings | None:
    """Return what this machine can do at most with `threads` threads; it is measured once, in a few seconds.

    What was measured while other processes used the CPUs is kept for minutes only. None where it cannot
    be measured.
    """
    return (
        calibration.read("ceilings", threads, Ceilings)
        or calibration.read(_IN_COMPANY, threads, Ceilings, younger_s=_FOR_NOW_S)
        or measured_ceilings(threads)
    )


def measured_ceilings(threads: int) -> Ceilings | None:
    """Measure what this machine can do at most, and keep it; None where it cannot be measured."""
    process = spawned(Limits(), threads)
    before, ours = Snapshot.now(), time.process_time()
    try:
        found = process.ask(MeasureCeilings(threads), within_s=EXAMINED_S)
        own_s = time.process_time() - ours + process.cpu_s()
    except KernelError:
        return None
    finally:
        process.end()
    measured = Ceilings(threads, found.gflops, found.gbytes_s, found.cached_gbytes_s)
    if threads > 1 and (fewer := ceilings_of(1)) is not None:
        measured = measured.at_least(fewer)
    met = Conditions.between(before, Snapshot.now(), own_s=own_s, threads=threads)
    calibration.write(_IN_COMPANY if met.is_disturbed else "ceilings", threads, measured)
    return measured


def examined(source: Path, origin: str, family: str, site: str | None = None) -> Registry:
    """Return what a file or an entry point declares; a process of its own loads it.

    Packages in the folder `site` come before the installed ones.
    """
    process = spawned(Limits(), threads=1, site=site)
    try:
        request = Describe(str(source.absolute()), origin, family)
        found = process.ask(request, within_s=EXAMINED_S)
        return Registry(
            tuple(read_facts(facts) for facts in found.implementations),
            tuple(Unavailable(*facts) for facts in found.unavailable),
            found.broken,
        )
    except (KernelError, PluginError, KeyError, TypeError) as error:
        return Registry((), broken=(BrokenPlugin("import", str(source), family, str(error)),))
    finally:
        process.end()
