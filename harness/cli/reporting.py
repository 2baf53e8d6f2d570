"""The commands on results that are stored: report them, and merge folders of them."""

from collections.abc import Sequence
from pathlib import Path

import click

from ..api.reporting import with_history
from ..files.atomic import write_text
from ..reports.formats import FORMATS, render
from ..reports.report import Report
from ..runs import merging
from ..runs.store import find_run
from . import options, parameters
from .console import say, show
from .exit_codes import PASSED


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@options.format_of(*options.FORMATS, "comparison", "html")
@click.option(
    "-o",
    "--output",
    type=parameters.Output(),
    metavar="FILE",
    help="Write to a file instead of stdout.",
)
@options.baseline
@options.results
def report(
    runs: Sequence[str], format_name: str, output: Path | None, baseline: str | None, results: Path
) -> int:
    """Report stored runs, by id or folder; the latest by default."""
    shown = Report.of((find_run(name, results) for name in runs or ["latest"]), baseline)
    if format_name == "html":
        shown = with_history(shown, Path.cwd(), results)
    text = render(format_name, shown, FORMATS)
    if output is None:
        show(text)
    else:
        say(f"the report is {write_text(output, text)}")
    return PASSED


@click.command()
@click.argument(
    "sources", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@options.results
def merge(sources: Sequence[Path], results: Path) -> int:
    """Merge folders of results, from other machines or shards, into --results: without loss, once each."""
    say(f"{results}: {merging.merge(sources, results)}")
    return PASSED
