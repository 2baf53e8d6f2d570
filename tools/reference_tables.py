"""Write the tables of columns in docs/reference.md again, from where the columns are declared.

    .venv/bin/python tools/reference_tables.py

A table stands between `<!-- columns: NAME -->` and `<!-- end -->`; tests compare it with the declarations.
"""

import re
import sys
from itertools import groupby
from pathlib import Path

from convharness.commits import history
from convharness.runs import row

REFERENCE = Path(__file__).parents[1] / "docs" / "reference.md"
TABLES = {
    "record": [column for column in row.TABLE if column.kind != "nested"],
    "nested": [column for column in row.TABLE if column.kind == "nested"],
    "history": history.TABLE,
}
MARKED = re.compile(r"(<!-- columns: (\w+) -->\n\n).*?(\n\n<!-- end -->)", re.DOTALL)


def table(columns):
    """Return columns as a table of Markdown; the group is named where it begins."""
    lines = ["| | column | holds | |", "| --- | --- | --- | --- |"]
    for group, members in groupby(columns, key=lambda column: column.group):
        for place, column in enumerate(members):
            about = column.about.replace("|", "\\|")
            lines.append(f"| {group if place == 0 else ''} | `{column.name}` | {holds(column)} | {about} |")
    return "\n".join(lines)


def holds(column):
    """Return the kind of a column's cells, and their unit."""
    kind = "JSON" if column.kind == "nested" else column.kind
    return f"{kind}, {column.unit}" if column.unit else kind


def filled(text):
    """Return a page with its tables as they are declared."""
    return MARKED.sub(lambda found: f"{found[1]}{table(TABLES[found[2]])}{found[3]}", text)


if __name__ == "__main__":
    page = REFERENCE.read_text("utf-8")
    if "--check" not in sys.argv:
        REFERENCE.write_text(filled(page), "utf-8")
    elif page != filled(page):
        sys.exit(
            "docs/reference.md has other columns than are declared; run: python tools/reference_tables.py"
        )
