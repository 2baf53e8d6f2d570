"""How many records have which status, what failed, and what was not judged."""

import pandas as pd

from ..statuses import FAILURES, SKIPPED, STATUSES
from .cases import implementations


def counts(rows: pd.DataFrame) -> dict[str, int]:
    """Return how many records have each status, in the order of `STATUSES`, without the zeros."""
    found = rows["status"].value_counts()
    return {status: int(found[status]) for status in STATUSES if status in found}


def failures(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the records that failed, with the reason, the place, and the command that reproduces it.

    The first failure of every implementation comes before the second of any.
    """
    columns = [
        *("suite", "label", "implementation", "status", "reason", "layer", "where", "error_u"),
        *("reproduce", "run"),
    ]
    failed = rows.loc[rows["status"].isin(FAILURES), columns]
    turn = failed.groupby("implementation").cumcount()
    return failed.loc[turn.sort_values(kind="stable").index]


INVARIANCES = ("batch_invariant", "thread_invariant")
"""The traits that say on what the bits of an output do not depend."""


def variant(rows: pd.DataFrame, trait: str) -> dict[str, int]:
    """Return in how many cases an implementation lacks an invariance, by name, where it lacks it in any."""
    if rows.empty:
        return {}
    lacks = [isinstance(traits, dict) and traits.get(trait) is False for traits in rows["traits"]]
    return {
        str(name): count for name, count in rows[lacks]["implementation"].value_counts(sort=False).items()
    }


def skipped(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what was not judged, one row per status and reason, most frequent first.

    Reasons that differ only in the value they got, or in the layer of a chain, have one cause.
    """
    left = rows[rows["status"].isin(SKIPPED)].fillna({"cause": "no reason given"})
    table = pd.DataFrame(
        [
            {
                "status": status,
                "reason": cause,
                "records": len(group),
                "implementations": implementations(group),
            }
            for (status, cause), group in left.groupby(["status", "cause"], sort=False)
        ],
        columns=["status", "reason", "records", "implementations"],
    )
    return table.sort_values(
        ["status", "records"], ascending=[False, False], kind="stable", ignore_index=True
    )
