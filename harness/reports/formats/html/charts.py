"""The coordinates of the marks of a chart; the template draws them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, inf, isfinite, log10
from typing import Any

import pandas as pd

from ... import numbers
from ...views import ranking
from ...views.frames import records

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 215, 16, 48
CAP = 1000.0  # one extreme point must not squeeze all others into a corner
FLOOR = 0.01
LARGEST_PROFILE = 100.0
MOST_DOTS = 2000
FEWEST_CASES = 3  # a profile of fewer cases means nothing
MOST_LABELS = 12

_LINE = 14  # pixels that a label needs to itself
_LETTER = 7.0
_DECADES_WITH_STEPS = 2


@dataclass(frozen=True)
class Tick:
    """A line across the chart with its text."""

    position: float
    text: str


@dataclass(frozen=True)
class Mark:
    """A point that stands for one implementation."""

    x: float
    y: float
    name: str
    library: str
    title: str
    is_complete: bool
    label: tuple[float, float] | None

    @property
    def is_led(self) -> bool:
        """Return whether the label is far enough from its mark to need a line that leads to it."""
        return self.label is not None and abs(self.label[1] - self.y) > _LINE / 2


@dataclass(frozen=True)
class Dot:
    """A point that stands for one record."""

    x: float
    y: float
    library: str


@dataclass(frozen=True)
class Scatter:
    """Error against slowness: exact and fast is lower left."""

    x_ticks: list[Tick]
    y_ticks: list[Tick]
    dots: list[Dot]
    marks: list[Mark]


@dataclass(frozen=True)
class Line:
    """One implementation's performance profile."""

    name: str
    library: str
    path: str
    title: str
    label: tuple[float, float] | None
    dash: int


@dataclass(frozen=True)
class Profile:
    """The share of cases that each implementation solves within a factor of the fastest."""

    x_ticks: list[Tick]
    y_ticks: list[Tick]
    lines: list[Line]


@dataclass(frozen=True)
class Scale:
    """A logarithmic axis from `low` to `high`, drawn from `start` to `end` and capped at both ends."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the coordinate of a value."""
        share = log10(min(max(value, self.low), self.high) / self.low) / log10(self.high / self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, unit: str) -> list[Tick]:
        """Return the powers of ten, and 2 and 5 times them where there is room."""
        decades = log10(self.high / self.low)
        steps = (1, 2, 5) if decades <= _DECADES_WITH_STEPS else (1,)
        powers = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
        values = [step * 10.0**power for power in powers for step in steps]
        return [Tick(self(value), f"{value:g}{unit}") for value in values if self.low <= value <= self.high]


def scatter(frame: pd.DataFrame, layout: str) -> Scatter | None:
    """Return the chart of one layout, a small dot per record and a large one per implementation."""
    rows = frame[(frame["layout"] == layout) & frame["time_median_s"].notna() & frame["error_u"].notna()]
    if rows.empty:
        return None
    best = frame[frame["layout"] == layout].groupby("label")["time_median_s"].min()
    rows = rows.assign(slowness=rows["time_median_s"] / rows["label"].map(best))
    x = Scale(1.0, _round_up(rows["slowness"].max()), LEFT, WIDTH - RIGHT)
    errors = rows.loc[rows["error_u"].between(0, inf, inclusive="neither"), "error_u"]
    low, high = (errors.min(), errors.max()) if len(errors) else (FLOOR, 1.0)
    y = Scale(_round_down(low), max(_round_up(1.05 * high), 10 * _round_down(low)), HEIGHT - BOTTOM, TOP)
    shown = records(rows.head(MOST_DOTS))
    dots = [Dot(x(row["slowness"]), y(row["error_u"]), row["library"]) for row in shown]
    return Scatter(x.ticks("×"), y.ticks(" u"), dots, _marks(rows, x, y, cases=len(best.dropna())))


def _round_up(value: float) -> float:
    """Return the next 1, 2 or 5 times a power of ten, no more than the cap."""
    value = min(max(value, 1.1), CAP)
    power = 10.0 ** floor(log10(value))
    return float(next(step * power for step in (1, 2, 5, 10) if value <= step * power * (1 + 1e-9)))


def _round_down(value: float) -> float:
    return float(min(1.0, max(FLOOR, 10.0 ** floor(log10(value)))))


def _marks(rows: pd.DataFrame, x: Scale, y: Scale, cases: int) -> list[Mark]:
    points = [(str(name), mine) for name, mine in rows.groupby("implementation")]
    points.sort(key=lambda point: float(point[1]["slowness"].median()))
    spots = [(x(mine["slowness"].median()), y(mine["error_u"].max())) for _, mine in points]
    taken: list[tuple[float, ...]] = [(a - 6, b - 6, a + 6, b + 6) for a, b in spots]
    return [
        Mark(
            *spot, name, mine["library"].iloc[0], _described(name, mine, cases), len(mine) == cases,
            _free_spot(name, spot, taken),
        )
        for (name, mine), spot in zip(points, spots, strict=True)
    ]  # fmt: skip


def _described(name: str, rows: pd.DataFrame, cases: int) -> str:
    slowness, error = numbers.ratio(rows["slowness"].median()), numbers.rounding_units(rows["error_u"].max())
    covered = f"{len(rows)} of {numbers.many(cases, 'case')}"
    return f"{name}: median {slowness} the best time, error up to {error}, {covered}"


def _free_spot(
    text: str, point: tuple[float, float], taken: list[tuple[float, ...]]
) -> tuple[float, float] | None:
    """Return where a label fits beside its point without covering another, and take the place."""
    width = _LETTER * len(text)
    for dy in (4, -13, 21, -27, 35, -41, 49):
        left = point[0] + 9
        box = (left, point[1] + dy - 11, left + width, point[1] + dy + 3)
        inside = box[1] >= TOP and box[3] <= HEIGHT - BOTTOM and box[2] <= WIDTH
        if inside and not any(_overlap(box, other) for other in taken):
            taken.append(box)
            return box[0], round(point[1] + dy, 1)
    return None


def _overlap(a: Sequence[float], b: Sequence[float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def profile(frame: pd.DataFrame, layout: str, ranked: Sequence[str]) -> Profile | None:
    """Return the chart of one layout; the first of `ranked` carry their name and a colour."""
    ratios = ranking.profile(frame, layout)
    if ratios.empty or ratios.shape[1] < FEWEST_CASES:
        return None
    x = Scale(1.0, LARGEST_PROFILE, LEFT, WIDTH - RIGHT)
    library = frame.drop_duplicates("implementation").set_index("implementation")["library"]
    rows = {str(name): row for name, row in ratios.iterrows()}
    solved = [name for name in ranked if name in rows and _within(rows[name], LARGEST_PROFILE)]
    ends = _spread([_share_y(_within(rows[name], LARGEST_PROFILE)) for name in solved[:MOST_LABELS]])
    lines = [
        Line(
            name,
            str(library[name]),
            _steps(rows[name], x),
            f"{name}: {100 * _within(rows[name], 1.0):.0f} % fastest, "
            f"{100 * _within(rows[name], LARGEST_PROFILE):.0f} % within 100×",
            (WIDTH - RIGHT + 10, ends[place]) if place < MOST_LABELS else None,
            sum(library[other] == library[name] for other in solved[:place]) % 4,
        )
        for place, name in enumerate(solved)
    ]
    ticks = [Tick(x(value), f"{value:g}×") for value in (1, 2, 5, 10, 20, 50, 100)]
    return Profile(ticks, [Tick(_share_y(share / 4), f"{25 * share} %") for share in range(5)], lines)


def _within(ratios: "pd.Series[Any]", factor: float) -> float:
    return float((ratios <= factor).mean())


def _share_y(share: float) -> float:
    return round(HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP), 1)


def _steps(ratios: "pd.Series[Any]", x: Scale) -> str:
    """Return the staircase as an SVG path."""
    solved = sorted(value for value in ratios if isfinite(value) and value <= x.high)
    path = [f"M{x(1.0)} {_share_y(0)}"]
    for place, value in enumerate(solved, start=1):
        path.append(f"H{x(value)}V{_share_y(place / len(ratios))}")
    return "".join([*path, f"H{x.end}"])


def _spread(positions: Sequence[float]) -> list[float]:
    """Move labels apart until none covers another and all are above the axis."""
    order = sorted(range(len(positions)), key=lambda place: positions[place])
    moved = list(positions)
    for above, below in pairwise(order):
        moved[below] = max(moved[below], moved[above] + _LINE)
    lowest = float(HEIGHT - BOTTOM)
    for place in reversed(order):
        moved[place] = min(moved[place], lowest)
        lowest = moved[place] - _LINE
    return [round(value + 4, 1) for value in moved]


def strip(samples: Iterable[float], width: int = 120, height: int = 16) -> str:
    """Return raw samples as one SVG path, a tick each, from the shortest to the longest time."""
    finite = [value for value in samples if isfinite(value)]
    if not finite:
        return ""
    low, span = min(finite), (max(finite) - min(finite)) or 1.0
    return "".join(f"M{2 + (value - low) / span * (width - 4):.1f} 3v{height - 6}" for value in finite)


def bar(value: float, largest: float, width: int = 120) -> int:
    """Return the length of a bar on a linear scale that starts at zero."""
    return floor(width * value / largest) if largest > 0 else 0
