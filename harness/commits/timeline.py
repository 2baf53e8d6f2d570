"""Finds the events on a line of commits, from records alone.

A verdict and an error are exact. A time is not, and figures of two days differ by some percent for the
same code: a step in its history is a suspicion, and only where the code is another; what decides is a
comparison of the two commits side by side, in one run.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from math import log, log1p, sqrt
from pathlib import Path
from statistics import median

from ..oracle.verdict import FAILURES
from ..plugins.broken import BrokenPlugin
from ..runs.run import Compared
from ..runs.store import finished_runs, read_rows
from .changes import Change, Judged, Thresholds, changes
from .events import Event, Series, Step, Suspicion, newly_broken
from .history import TrackedCommit, TrackedRow, relative_estimate, tracked
from .repository import Commit, Repository
from .snapshots import relevant

_SESSION_SD = 0.02
"""How far the logarithm of a relative time moves between two runs, if too few runs show it."""

_LEAST_PAIRS = 20
_SUSPICIOUS = 2.0
_NEAR = 0.5
"""A step of two standard errors or more is a suspicion, if it is half as large as what is reported."""

Verdicts = Mapping[tuple[str, str], Mapping[Series, Change]]
"""By the hashes of two commits, how they compare side by side."""


def compared(results: Path) -> dict[tuple[str, str], dict[Series, Change]]:
    """Return the results of comparing commits side by side, the latest of each pair."""
    found: dict[tuple[str, str], dict[Series, Change]] = {}
    for folder, run in finished_runs(results):
        if not isinstance(run.purpose, Compared):
            continue
        base, other = run.purpose.base, run.purpose.other
        if base.commit is None or other.commit is None:
            continue
        for one in changes(read_rows(folder), base.label, other.label):
            known = found.setdefault((base.commit, other.commit), {})
            known[one.suite, one.case, one.implementation] = one
    return found


def events(
    tracked: Sequence[TrackedCommit],
    line: Sequence[Commit],
    verdicts: Verdicts,
    thresholds: Thresholds | None = None,
) -> tuple[list[Event], list[Suspicion]]:
    """Return the events, in the order of the commits, and the suspicions, which need a comparison."""
    thresholds = thresholds or Thresholds()
    told: list[Event] = []
    suspicions: list[Suspicion] = []
    for place in dict.fromkeys(one.place for one in tracked):
        here = [one for one in tracked if one.place == place]
        earlier = [one for one in tracked if one.position < here[0].position]
        known = max(earlier, key=lambda one: one.position, default=here[0]).broken
        watched = _Line(here, line, verdicts, thresholds, known)
        told += watched.events()
        suspicions += watched.suspicions
    return sorted(told, key=lambda one: line.index(one.commit)), suspicions


class _Line:
    """The tracked commits of one machine and environment."""

    def __init__(
        self,
        tracked: Sequence[TrackedCommit],
        line: Sequence[Commit],
        verdicts: Verdicts,
        thresholds: Thresholds,
        broken_before: Sequence[BrokenPlugin] = (),
    ) -> None:
        self._tracked = tracked
        self._broken_before = broken_before
        self._line = line
        self._verdicts = verdicts
        self._contents = {one.commit.hash: one.contents for one in tracked}
        self._of_contents = {
            (series, *contents): change
            for pair, known in verdicts.items()
            for series, change in known.items()
            if None not in (contents := [self._content(name, series) for name in pair])
        }
        self._thresholds = thresholds
        self._rows: list[dict[Series, TrackedRow]] = [
            {(row.suite, row.case, row.implementation): row for row in one.rows} for one in tracked
        ]
        self._session_sd = self._noise()
        self.suspicions: list[Suspicion] = []
        self._steps: dict[tuple[int, int, str], list[Change]] = {}

    def events(self) -> list[Event]:
        """Return the events of each implementation, and those of whole commits."""
        for series in dict.fromkeys(key for rows in self._rows for key in rows):
            self._follow(series)
        told = [*self._broken(), *self._comings()]
        for (before, after, name), found in self._steps.items():
            told.append(self._event(before, after, name, tuple(_merged(found))))
        return told

    def _content(self, commit: str, series: Series) -> str | None:
        """Return the hash of what an implementation was made of at a commit, None if that is not known."""
        return self._contents.get(commit, {}).get(series[2])

    def _event(self, before: int | None, after: int, name: str | None, steps: tuple[Step, ...]) -> Event:
        one = self._tracked[after]
        since = None if before is None else self._tracked[before]
        skipped = () if since is None else self._line[since.position + 1 : one.position]
        known = {other.commit.hash for other in self._tracked}
        between = tuple(commit for commit in skipped if commit.hash not in known)
        machine, environment = one.place
        before_it = None if since is None else since.commit
        return Event(machine, environment, one.commit, before_it, between, name, steps)

    def _broken(self) -> Iterator[Event]:
        """Yield the commits at which a file does not import or build that did before, or is new.

        That is the same on every machine: a mistake from before the implementation existed is not an event.
        """
        before = self._broken_before
        for number, one in enumerate(self._tracked):
            new = newly_broken(before, one.broken)
            before = one.broken
            if new:
                step = Step("broken", (), "", reason="; ".join(map(str, new)))
                yield self._event(number - 1 if number else None, number, None, (step,))

    def _comings(self) -> Iterator[Event]:
        """Yield where an implementation is there for the first time, or has gone without a mistake."""
        seen: set[str] = set()
        last: dict[str, int] = {}
        for number, one in enumerate(self._tracked):
            # What is offered counts, also where only some of it was asked for.
            names = set(one.contents) or {name for _, _, name in self._rows[number]}
            for name in sorted(names - seen):
                if number:
                    yield self._event(number - 1, number, name, (self._new(number, name),))
            for name in sorted(set(last) - names):
                if not any(mistake.takes_away(name) for mistake in one.broken):
                    lacking = [str(mistake) for mistake in one.missing if mistake.takes_away(name)]
                    step = Step("broken" if lacking else "removed", (), "", reason="; ".join(lacking))
                    yield self._event(last[name], number, name, (step,))
                    del last[name]
            seen |= names
            last |= dict.fromkeys(names, number)

    def _new(self, number: int, name: str) -> Step:
        mine = {key: row for key, row in self._rows[number].items() if key[2] == name}
        failed = [key for key, row in mine.items() if row.status in FAILURES]
        if failed:
            row = mine[failed[0]]
            reason = f"{row.status}: {row.reason}"
            return Step("wrong", tuple(key[1] for key in failed), failed[0][1], reason=reason)
        right = tuple(key[1] for key, row in mine.items() if row.status == "passed")
        return Step("added", right, right[0] if right else "")

    def _follow(self, series: Series) -> None:
        """Go along the commits at which a series is there, and note where it changes."""
        there = [number for number, rows in enumerate(self._rows) if series in rows]
        good: int | None = None
        start: int | None = None
        for before, after in pairwise(there):
            rows = self._rows[before][series], self._rows[after][series]
            seen = Change(*series, *rows, thresholds=self._thresholds)
            if _are_comparable(*rows) and {"wrong", "repaired", "removed", "added"} & set(seen.effects):
                self._note(before, after, seen)
        for number in there:
            if self._rows[number][series].status != "passed":
                continue
            if good is None or start is None:
                good = start = number
                continue
            change, is_open = self._step(series, good, number)
            if change is None and not is_open and start != good and not self._is_same(series, good, number):
                change, is_open = self._step(series, start, number)
                good = start if change is not None else good
            if change is not None:
                self._note(good, number, change)
            if change is not None or is_open:
                start = number  # on what level it is now will be known when the two have been compared
            good = number

    def _note(self, before: int, after: int, change: Change) -> None:
        if change.effects:
            self._steps.setdefault((before, after, change.implementation), []).append(change)

    def _step(self, series: Series, before: int, after: int) -> tuple[Change | None, bool]:
        """Return what changed from one commit to another, or None; and whether that is still open."""
        if self._is_same(series, before, after):
            return None, False  # equal code is not slower, whatever was measured
        rows = self._rows[before][series], self._rows[after][series]
        if not _are_comparable(*rows):
            return None, False
        exact = Change(*series, *rows, thresholds=self._thresholds)
        side = self._side_by_side(series, before, after)
        if side is not None and not _are_comparable(side.after or rows[1], rows[1]):
            side = None
        is_open = self._is_suspicious(*rows) if side is None else self._is_undecided(side)
        if side is not None:
            exact = Change(*series, *rows, side.decision, self._thresholds)
        if is_open:
            commits = self._tracked[before].commit, self._tracked[after].commit
            self.suspicions.append(Suspicion(self._tracked[after].place[0], *commits, series))
        return exact if exact.effects else None, is_open

    def _is_same(self, series: Series, before: int, after: int) -> bool:
        """Say whether an implementation is known to be made of the same at two commits."""
        contents = [self._content(self._tracked[number].commit.hash, series) for number in (before, after)]
        return contents[0] is not None and contents[0] == contents[1]

    def _side_by_side(self, series: Series, before: int, after: int) -> Change | None:
        """Return how an implementation compares at two commits, or at others where it was the same code."""
        pair = (self._tracked[before].commit.hash, self._tracked[after].commit.hash)
        contents = [self._content(name, series) for name in pair]
        return self._verdicts.get(pair, {}).get(series) or self._of_contents.get((series, *contents))

    def _is_undecided(self, side: Change) -> bool:
        """Say whether a comparison is undecided, so that there may be a change large enough to report."""
        decision = side.decision
        if (
            decision is None
            or decision.word != "cannot tell"
            or decision.low is None
            or decision.high is None
        ):
            return False
        least = 1 + self._thresholds.slower
        return decision.high > least or decision.low < 1 / least

    def _is_suspicious(self, before: TrackedRow, after: TrackedRow) -> bool:
        """Say whether a time may have changed by enough to be reported."""
        shift = _shift(before, after)
        if shift is None:
            return False
        step, error = shift
        spread = sqrt(error**2 + 2 * self._session_sd**2)
        least = _NEAR * log1p(self._thresholds.slower)
        is_large = abs(step) >= 2 * least
        return is_large or abs(step) >= max(least, _SUSPICIOUS * spread)

    def _noise(self) -> float:
        """Return how far the time of equal code moves from run to run, beyond its standard error in a run."""
        moves = []
        for (one, first), (other, second) in pairwise(zip(self._tracked, self._rows, strict=True)):
            for series in first.keys() & second.keys():
                content = one.contents.get(series[2])
                shift = _shift(first[series], second[series])
                if not _are_comparable(first[series], second[series]):
                    continue
                if content is not None and content == other.contents.get(series[2]) and shift is not None:
                    moves.append(abs(shift[0]))
        if len(moves) < _LEAST_PAIRS:
            return _SESSION_SD
        return max(0.005, 1.4826 * median(moves) / sqrt(2))


def _are_comparable(before: Judged, after: Judged) -> bool:
    """Say whether two records are of the same problem: a suite may change what a label stands for."""
    return before.problem == after.problem


def _shift(before: TrackedRow, after: TrackedRow) -> tuple[float, float] | None:
    """Return the step of the logarithm of the relative time, and its standard error within the runs."""
    first, second = relative_estimate(before), relative_estimate(after)
    if first is None or second is None:
        return None
    return second.mean - first.mean, sqrt(first.error**2 + second.error**2)


def _merged(found: Iterable[Change]) -> Iterator[Step]:
    """Yield one step for each effect, over the cases that have it."""
    found = list(found)
    for kind in dict.fromkeys(effect for one in found for effect in one.effects):
        mine = [one for one in found if kind in one.effects]
        cases = tuple(one.case for one in mine)
        if kind in ("slower", "faster"):
            worst = max(mine, key=lambda one: abs(log((one.decision and one.decision.ratio) or 1.0)))
            decision = worst.decision
            if decision is not None:
                sure = None if decision.p is None else 1 - decision.p
                yield Step(kind, cases, worst.case, decision.ratio, decision.low, decision.high, sure)
        elif kind in ("imprecise", "exact"):
            worst = max(mine, key=lambda one: abs(log(one.error_ratio or 1.0)))
            yield Step(kind, cases, worst.case, worst.error_ratio)
        else:
            after = mine[0].after
            reason = f"{after.status}: {after.reason}" if kind == "wrong" and after is not None else ""
            yield Step(kind, cases, mine[0].case, reason=reason)


def stored_events(
    repository: Repository, line: Sequence[Commit], results: Path, thresholds: Thresholds | None = None
) -> tuple[list[Event], list[Suspicion]]:
    """Return the events on a line of commits, of any kind, and the suspicions that are not decided.

    Commits of which nothing is known, and that touch no plugin, are not named with an event.
    """
    found, left = events(tracked(results, line), line, compared(results), thresholds)
    return [_narrowed(repository, one) for one in found], left


def _narrowed(repository: Repository, event: Event) -> Event:
    if not event.between or event.since is None:
        return event
    family = event.implementation and event.implementation.partition(".")[0]
    touching = relevant(repository, [*event.between, event.commit], event.since, family)
    return replace(event, between=tuple(one for one in touching if one.hash != event.commit.hash))
