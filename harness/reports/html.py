"""The report as one HTML file that works offline and may load nothing: its security policy names its own script."""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from math import log2
from typing import Any

import pandas as pd
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from . import charts, numbers, sentences, statuses, views
from .frames import prepare, records, runs

MOST_RECORDS = 5000
COLORS = 8

Record = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """One square of a matrix: what it shows, how it looks, and the record behind it."""

    text: str
    css: str
    record: int
    title: str


@dataclass(frozen=True)
class Matrix:
    """Implementations by cases, grouped by library."""

    key: str
    title: str
    note: str
    groups: list[tuple[str, list[tuple[str, list[Cell | None]]]]]


@dataclass(frozen=True)
class Column:
    """One column of the table of records."""

    title: str
    name: str
    scale: float = 1.0
    digits: int = 4

    def text(self, record: Record) -> str:
        """Return what the cell shows."""
        value = record[self.name]
        return numbers.plain(None if value is None else value * self.scale, self.digits)


RECORD_COLUMNS = (
    Column("error (u)", "error_u", digits=2),
    Column("bound (u)", "error_bound_u", digits=2),
    Column("max. abs. error", "error_max_abs", digits=2),
    Column("rel. L2 error", "error_rel_l2", digits=2),
    Column("median (µs)", "time_median_s", 1e6),
    Column("low (µs)", "time_low_s", 1e6),
    Column("high (µs)", "time_high_s", 1e6),
    Column("plan (µs)", "plan_s", 1e6),
    Column("first call (µs)", "first_call_s", 1e6),
    Column("samples", "samples"),
    Column("calls per sample", "number"),
    Column("rate (GFLOP/s)", "gflops", digits=3),
    Column("traffic (GB/s)", "gbytes_s", digits=3),
    Column("of peak (%)", "peak_fraction", 100, digits=2),
    Column("memory (MiB)", "peak_memory_bytes", 2.0**-20, digits=3),
    Column("multiply-adds", "macs", digits=9),
    Column("weights", "parameters", digits=9),
    Column("threads", "threads"),
)


def render(frame: pd.DataFrame, *, baseline: str | None = None) -> str:
    """Return the whole page."""
    rows = prepare(frame)
    template = _templates().get_template("report.html.j2")
    return template.render(**_page(frame, rows), **({} if rows.empty else _views(rows, baseline)))


def _templates() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"charts": charts, "numbers": numbers, "statuses": statuses, "sentences": sentences}
    return environment


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _page(frame: pd.DataFrame, rows: pd.DataFrame) -> dict[str, Any]:
    """Return what the page has even when there is not a single record."""
    style, script = _resource("report.css"), _resource("report.js")
    return {
        "is_empty": rows.empty,
        "style": Markup(style),  # noqa: S704 (our own file)
        "script": Markup(script),  # noqa: S704 (our own file)
        "policy": f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'",
        "headline": sentences.headline(rows),
        "facts": sentences.facts(frame),
        "cautions": sentences.cautions(frame),
        "environments": [(run.get("run", ""), sentences.environment(run)) for run in runs(frame)],
    }


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _views(rows: pd.DataFrame, baseline: str | None) -> dict[str, Any]:
    ranking = views.ranking(rows, baseline)
    found = list(enumerate(records(rows)))
    return {
        "leaders": sentences.fastest(rows),
        "counts": views.counts(rows),
        "failed": int(rows["status"].isin(statuses.FAILURES).sum()),
        "is_timed": views.is_timed(rows),
        "colors": _colors(rows),
        "cases": views.cases(rows),
        "matrices": _matrices(rows, baseline),
        "rankings": _rankings(rows, ranking, baseline),
        "totals": views.network_totals(rows),
        "scatters": _charts(rows, lambda layout: charts.scatter(rows, layout)),
        "profiles": _charts(rows, lambda layout: charts.profile(rows, layout, list(ranking["implementation"]))),
        "pairs": [(title, records(group)) for title, group in sentences.pairs(rows)],
        "failures": [(number, row) for number, row in found if row["status"] in statuses.FAILURES],
        "skipped": records(views.skipped(rows)),
        "columns": RECORD_COLUMNS,
        "records": found[:MOST_RECORDS],
        "total_records": len(found),
        "data": [_filled(row) for row in json.loads(rows.drop(columns=["label"]).to_json(orient="records", double_precision=12))],
        "sortable": _sortable,
    }


def _colors(rows: pd.DataFrame) -> dict[str, str]:
    """Return a colour class per library; those that were timed choose first."""
    timed = rows.groupby("library")["time_median_s"].count() > 0
    names = sorted(timed.index, key=lambda library: (not timed[library], library))
    return {str(library): f"lib-{place % COLORS}" for place, library in enumerate(names)}


def _filled(record: Record) -> Record:
    """Return a record without what is empty."""
    return {key: value for key, value in record.items() if value is not None and value != []}


def _sortable(value: Any) -> str:
    """Return what a column is sorted by, or nothing."""
    return "" if numbers.is_missing(value) else f"{value:.6g}"


def _rankings(rows: pd.DataFrame, ranking: pd.DataFrame, baseline: str | None) -> list[dict[str, Any]]:
    chosen = views.baselines(rows, baseline)
    return [
        {
            "title": sentences.layout_name(layout),
            "baseline": chosen.get(str(layout)),
            "timed": bool(part["timed"].any()),
            "rows": records(part),
        }
        for layout, part in ranking.groupby("layout", sort=False)
    ]


def _charts(rows: pd.DataFrame, draw: Callable[[str], Any]) -> list[tuple[str, Any]]:
    drawn = ((sentences.layout_name(layout), draw(layout)) for layout in views.layouts(rows))
    return [(title, chart) for title, chart in drawn if chart is not None]


def _matrices(rows: pd.DataFrame, baseline: str | None) -> list[Matrix]:
    """Return the verdicts, and, as far as there are any, the numbers behind them."""
    bases = ", ".join(views.baselines(rows, baseline).values())
    verdicts = _matrix(rows, "verdict", "Verdict", "What each implementation did with each case.", None, None)
    errors = _matrix(
        rows, "error", "Error", "Largest error in rounding units (u); darker is closer to the bound.",
        views.error_matrix(rows), lambda row, value: (numbers.plain(value, 2), _error_shade(row, value)),
    )  # fmt: skip
    if not views.is_timed(rows):
        return [verdicts, errors]
    slowness = views.slowdown(rows)
    speedups = _matrix(
        rows, "speedup", "Speed-up", f"Times as fast as the baseline of the same layout ({bases}): blue is faster.",
        views.speedup(rows, baseline), lambda _, value: (numbers.ratio(value), _speed_shade(value)),
    )  # fmt: skip
    times = _matrix(
        rows, "time", "Time", "Median time of one call; the best of each layout is marked.",
        views.time_matrix(rows),
        lambda row, value: (numbers.seconds(value), _best(slowness.loc[row["implementation"], row["label"]])),
    )  # fmt: skip
    return [verdicts, speedups, times, errors]


def _matrix(
    rows: pd.DataFrame,
    key: str,
    title: str,
    note: str,
    values: pd.DataFrame | None,
    paint: Callable[[Record, Any], tuple[str, str]] | None,
) -> Matrix:
    found: dict[tuple[str, str], Cell] = {}
    for number, row in enumerate(records(rows)):
        name, label = row["implementation"], row["label"]
        value = None if values is None else values.loc[name, label]
        is_number = paint is not None and row["status"] == "passed" and not numbers.is_missing(value)
        text, css = paint(row, value) if paint is not None and is_number else _verdict(row)
        found[name, label] = Cell(text, css, number, _explained(row))
    return Matrix(key, title, note, _grouped(rows, found))


def _grouped(
    rows: pd.DataFrame, cells: dict[tuple[str, str], Cell]
) -> list[tuple[str, list[tuple[str, list[Cell | None]]]]]:
    labels = views.cases(rows)
    return [
        (str(library), [(name, [cells.get((name, label)) for label in labels]) for name in views.implementations(mine)])
        for library, mine in rows.groupby("library")
    ]


def _verdict(row: Record) -> tuple[str, str]:
    return statuses.GLYPHS.get(row["status"], str(row["status"])), f"status {row['status']}"


def _explained(row: Record) -> str:
    return f"{row['status']}: {row['reason']}" if row["reason"] else str(row["status"])


def _speed_shade(value: float) -> str:
    """Return one of four shades on either side of the baseline, a factor of 1.5 or so apart."""
    steps = min(4, round(abs(log2(value)) * 1.5))
    return f"{'fast' if value > 1 else 'slow'}-{steps}" if steps else ""


def _error_shade(row: Record, value: float) -> str:
    bound = row["error_bound_u"]
    return f"error-{min(4, int(5 * value / bound))}" if bound else ""


def _best(slowness: float) -> str:
    return "best" if slowness == 1 else ""

