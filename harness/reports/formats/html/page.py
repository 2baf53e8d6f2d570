"""The report as one HTML file that works offline; its security policy lets it load nothing."""

import json
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from importlib.resources import files
from typing import Any

import pandas as pd
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from ... import events as happened
from ... import numbers, provenance, sentences, statuses
from ...report import Report
from ...views import cases, comparisons, measuring, ranking, verdicts
from ...views.frames import records
from . import charts, matrices, trends
from .columns import RECORD_COLUMNS

MOST_RECORDS = 5000
COLORS = 8
FEWEST_COMMITS = 2

Record = dict[str, Any]


def render(report: Report) -> str:
    """Return the whole page."""
    template = _templates().get_template("report.html.j2")
    shown = {} if report.compared.empty else {**_views(report), "history": _history(report)}
    return template.render(**_page(report), **shown)


def _history(report: Report) -> dict[str, Any] | None:
    """Return the charts and the events of the history, or None where fewer than two commits are known."""
    if report.history is None or report.history["commit"].nunique() < FEWEST_COMMITS:
        return None
    found = trends.trends(report.history, report.events)
    return {
        "trends": found,
        "places": len({one.place for one in found}),
        "columns": list(happened.COLUMNS),
        "events": [
            (step.kind, list(happened.cells(event, step).values()))
            for event in report.events
            for step in event.steps
        ],
    }


def _templates() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "charts": charts,
        "numbers": numbers,
        "statuses": statuses,
        "trends": trends,
        "sentences": sentences,
        "decisions": comparisons.DECISIONS,
    }
    return environment


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _page(report: Report) -> dict[str, Any]:
    """Return what the page has with or without records."""
    style, script = _resource("report.css"), _resource("report.js")
    return {
        "is_empty": report.frame.empty,
        "style": Markup(style),  # noqa: S704 (our own file)
        "script": Markup(script),  # noqa: S704 (our own file)
        "policy": f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'",
        "headline": sentences.headline(report.frame),
        "facts": provenance.facts(report),
        "cautions": provenance.cautions(report),
        "measured": provenance.measured(report),
        "environments": [(run.id, provenance.environment(run)) for run in report.runs],
    }


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _views(report: Report) -> dict[str, Any]:
    rows = report.compared
    ranked = ranking.ranked(rows, report.baselines)
    found = list(enumerate(records(rows)))
    return {
        "leaders": sentences.leaders(ranked, rows),
        "counts": verdicts.counts(rows),
        "failed": int(rows["status"].isin(statuses.FAILURES).sum()),
        "is_timed": cases.is_timed(rows),
        "colors": _colors(rows),
        "cases": cases.labels(rows),
        "matrices": matrices.matrices(report),
        "rankings": _rankings(ranked, report.baselines),
        "totals": ranking.network_totals(rows),
        "comparisons": [
            (title, sentence, records(part)[:MOST_RECORDS])
            for title, sentence, part in sentences.compared(rows)
        ],
        "costs": records(measuring.overheads(rows))[:MOST_RECORDS],
        "memory": records(measuring.memory(rows))[:MOST_RECORDS],
        "scatters": _charts(rows, lambda layout: charts.scatter(rows, layout)),
        "profiles": _charts(
            rows, lambda layout: charts.profile(rows, layout, list(ranked["implementation"]))
        ),
        "pairs": [(title, records(group)) for title, group in sentences.pairs(rows)],
        "failures": [(number, row) for number, row in found if row["status"] in statuses.FAILURES],
        "skipped": records(verdicts.skipped(rows)),
        "columns": [column for column in RECORD_COLUMNS if rows[column.name].notna().any()],
        "records": found[:MOST_RECORDS],
        "total_records": len(found),
        "data": [_filled(row) for row in _data(rows)],
        "sortable": _sortable,
    }


def _colors(rows: pd.DataFrame) -> dict[str, str]:
    """Return a colour class per library, first for those with times, then by number of implementations."""
    groups = rows.groupby("library")
    timed, members = groups["time_median_s"].count() > 0, groups["implementation"].nunique()
    names = sorted(timed.index, key=lambda library: (not timed[library], -members[library], library))
    return {str(library): f"lib-{place % COLORS}" for place, library in enumerate(names)}


def _data(rows: pd.DataFrame) -> list[Record]:
    stored = rows.drop(columns=["label", "precision"])
    return list(json.loads(stored.to_json(orient="records", double_precision=12)))


def _filled(record: Record) -> Record:
    """Return a record without what is empty."""
    return {key: value for key, value in record.items() if value is not None and value != []}


def _sortable(value: Any) -> str:
    """Return what a column is sorted by, or nothing."""
    return "" if numbers.is_missing(value) else f"{value:.6g}"


def _rankings(ranked: pd.DataFrame, baselines: comparisons.Baselines) -> list[dict[str, Any]]:
    return [
        {
            "title": sentences.layout_name(layout),
            "baseline": baselines.get(str(layout)),
            "timed": bool(part["timed"].any()),
            "rows": records(part),
        }
        for layout, part in ranked.groupby("layout", sort=False)
    ]


def _charts(rows: pd.DataFrame, draw: Callable[[str], Any]) -> list[tuple[str, Any]]:
    drawn = ((sentences.layout_name(layout), draw(layout)) for layout in cases.layouts(rows))
    return [(title, chart) for title, chart in drawn if chart is not None]
