"""All workers of a run: who runs where, and the end of everyone."""

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
from ..plugins.facts import read_facts
from ..plugins.registry import Registry, Unavailable
from .process import Limits, Process
from .protocol.requests import Describe, MeasureCeilings
from .remote import RemoteHost
from .spawn import spawned
from .template import Root, Source, Template, copied

EXAMINED_S = 120.0
"""How long a file may take to be imported, the libraries that it uses included."""

_IN_COMPANY = "ceilings-in-company"
_FOR_NOW_S = 900.0
"""What was measured while others used the processors will do for so long."""

_AT_ONCE = os.cpu_count() or 1

_MOST = 64
"""Workers that are kept; more of them would fill the memory of a machine with idle libraries."""


class WorkerPool:
    """Gives every implementation its host; use it as a context, which ends all workers.

    What another process can load again gets a worker of its own. What exists only here, such as a
    function that a program has made, runs here. `spins` says that this process has processors to
    spare while a worker works: then it looks out for answers instead of sleeping.

    `fresh_hosts` gives processes that nobody has used. They are copies of templates: those of one generation
    are copies of one process per source, those of different generations have nothing in common.
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
        for one in (*self._roots.values(), *self._templates.values()):  # with a root ends all that it bore
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
                self._let_go()
            self._hosts[name] = self._hired(implementation, partial(self._spawned, implementation.site))
        return self._hosts[name]

    @contextmanager
    def fresh_hosts(self, generation: int) -> Iterator[Callable[[Implementation], Host]]:
        """Give, as a context, a way to new hosts of a generation that is prepared; all end with it.

        What runs in this process has no generations: it is where it always was.
        """
        hired: list[RemoteHost] = []

        def host(implementation: Implementation) -> Host:
            if implementation.source is None:
                return LocalHost(implementation)
            template = self._templates[Source.of(implementation), generation]
            loaded_anew = partial(self._spawned, implementation.site)
            start = loaded_anew if template is None else partial(copied, template.process, self._limits)
            hired.append(self._hired(implementation, start))
            return hired[-1]

        try:
            yield host
        finally:
            templates, roots = (
                [one.process for (_, number), one in some.items() if one and number == generation]
                for some in (self._templates, self._roots)
            )
            for template in templates:
                end_descendants(template.pid)
            for one in hired:
                one.dismiss()
            stay, marks = {one.pid for one in (*templates, *roots)}, {one.mark for one in roots}
            end_marked(lambda mark, pid: mark in marks and pid not in stay)

    def prepare(self, implementations: Iterable[Implementation], generations: int) -> None:
        """Start the templates of so many generations that are not there yet, a few at a time."""
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

    def _hired(self, implementation: Implementation, start: Callable[[], Process]) -> RemoteHost:
        return RemoteHost(implementation, self._limits, self._threads, start)

    def _spawned(self, site: str | None) -> Process:
        return spawned(self._limits, self._threads, spins=self._spins, site=site)

    def _let_go(self) -> None:
        """End a worker that holds nothing: everybody is asked in turn, so who was last is needed last."""
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
        # Started here and not by the pool: a process ends with the thread that has started it.
        made = [_made(make, key) for key in some]
        with ThreadPoolExecutor(len(some)) as pool:
            found |= zip(some, pool.map(_copyable, made), strict=True)
    return found


def _made(make: Callable[..., Loading], key: tuple[Any, int]) -> Loading | None:
    try:
        return make(*key)
    except KernelError:
        return None


def _copyable(one: Loading | None) -> Loading | None:
    """Return something when it has loaded; None, and its end, if it does not, or cannot be copied."""
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
    """Return what this machine can do at most with so many threads; measured if nobody has, in a few seconds.

    What was measured while others used the processors is kept for minutes only: then somebody looks
    again. None where it cannot be measured.
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
    """Return what a file or an entry declares, never run here: a process of its own loads it.

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
