"""Two versions of a repository side by side: what differs between them, and what a run of both is for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import CommitError, SelectionError, did_you_mean
from ..plugins.declaration import Implementation
from ..plugins.registry import Registry, Unusable, is_wanted
from ..runs.run import Compared, Side
from .events import newly_broken
from .repository import Repository
from .snapshots import WORKING_TREE, Version, version_of


@dataclass(frozen=True)
class Differing:
    """What has to be measured of two versions, the names of what is `same` in both, and what is `broken`.

    Broken is what does not import or build in the second version, and did in the first.
    """

    implementations: tuple[Implementation, ...]
    same: tuple[str, ...]
    broken: tuple[Unusable, ...]


def are_commits(base: str, other: str, folder: Path) -> bool:
    """Say whether two words name commits of the repository of a folder, or its working tree.

    Raises `SelectionError` where only one of them does, and `CommitError` outside a repository where
    they cannot be names of implementations either.
    """
    try:
        repository = Repository(folder)
    except CommitError as error:
        if any("." in one.strip(".") for one in (base, other)):
            return False
        names = f"{base!r} and {other!r} are not names of implementations (FAMILY.NAME)"
        raise CommitError(f"{names}, and for commits: {error}") from None
    found = [one == WORKING_TREE or repository.resolve(one) is not None for one in (base, other)]
    if any(found) and not all(found):
        name = (base, other)[found.index(False)]
        repository.check_is_whole()
        raise SelectionError(
            f"{name!r} is not a commit, as the other one is; `git log --oneline` lists commits"
        )
    return all(found)


def versions_of(repository: Repository, base: str, other: str) -> tuple[Version, Version]:
    """Return two versions, checked out; '.' is the working tree.

    Raises `CommitError` for a name that is not a commit, and `SelectionError` where both are the same.
    """
    first, second = (version_of(repository, name) for name in (base, other))
    if first.label == second.label:
        raise SelectionError(f"{base} and {other} are the same commit, {first.title}")
    return first, second


def purpose_of(versions: Sequence[Version]) -> Compared:
    """Return what a run is for that measures two versions."""
    base, other = (Side(one.label, one.commit.hash if one.commit else None) for one in versions)
    return Compared(base, other)


def differing(
    versions: Sequence[Version],
    registries: Sequence[Registry],
    patterns: Sequence[str] = (),
    *,
    everything: bool = False,
) -> Differing:
    """Return how what two versions offer differs; with `everything`, what is the same is measured too.

    Raises `SelectionError` where nothing is offered, or nothing matches a glob.
    """
    names = _matching(versions, registries, patterns)
    sides = [{one.own_name: one for one in registry.implementations} for registry in registries]
    same = tuple(
        name
        for name in names
        if name in sides[0]
        and name in sides[1]
        and not everything
        and versions[0].is_same(versions[1], sides[0][name])
    )
    chosen = tuple(side[name] for name in names if name not in same for side in sides if name in side)
    return Differing(chosen, same, tuple(newly_broken(*map(_unusable, registries))))


def _unusable(registry: Registry) -> list[Unusable]:
    return [*registry.broken, *registry.unavailable]


def _matching(
    versions: Sequence[Version], registries: Sequence[Registry], patterns: Sequence[str]
) -> list[str]:
    names = sorted({one.own_name for registry in registries for one in registry.implementations})
    if not names and not any(registry.broken for registry in registries):
        where = " and ".join(version.label for version in versions)
        raise SelectionError(
            f"there are no implementations at {where}: no folder 'implementations' with marked functions,"
            " and no package with entry points 'convharness.implementations'"
        )
    for pattern in patterns:
        if not any(is_wanted(name, [pattern]) for name in names):
            raise SelectionError(f"no implementation matches {pattern!r}{did_you_mean(pattern, names)}")
    return [name for name in names if is_wanted(name, patterns)]
