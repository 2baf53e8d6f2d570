"""Verdicts as JUnit XML, which every continuous integration service can show."""

import re
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd

from ..report import Report
from ..statuses import FAILURES, SKIPPED
from ..views.frames import records

_FAULTS = ("error", "crashed", "timeout", "memory")  # did not answer at all, as opposed to a wrong answer
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: Report) -> str:
    """Return one test suite per suite and one test case per record."""
    rows = report.frame
    root = ET.Element("testsuites", {"name": "convharness", **_counters(rows)})
    for name, part in rows.groupby(rows["suite"].fillna("problems"), sort=False):
        suite = ET.SubElement(root, "testsuite", {"name": _clean(name), **_counters(part)})
        for record in records(part):
            suite.append(_testcase(record))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _counters(rows: pd.DataFrame) -> dict[str, str]:
    statuses = rows["status"]
    faults, skipped = int(statuses.isin(_FAULTS).sum()), int(statuses.isin(SKIPPED).sum())
    failures = int(statuses.isin(FAILURES).sum()) - faults
    counters = {"tests": len(rows), "failures": failures, "errors": faults, "skipped": skipped}
    return {key: str(value) for key, value in counters.items()}


def _testcase(record: dict[str, Any]) -> ET.Element:
    identity = {"name": _clean(record["label"]), "classname": _clean(record["implementation"])}
    if record["time_median_s"] is not None:
        identity["time"] = f"{record['time_median_s']:.9f}"
    testcase = ET.Element("testcase", identity)
    outcome = _outcome(record["status"])
    if outcome:
        message = {"message": _clean(record["reason"] or record["status"]), "type": _clean(record["status"])}
        ET.SubElement(testcase, outcome, message).text = _account(record)
    return testcase


def _outcome(status: str) -> str | None:
    if status in SKIPPED:
        return "skipped"
    if status in _FAULTS:
        return "error"
    return "failure" if status in FAILURES else None


def _account(record: dict[str, Any]) -> str:
    keys = ("reason", "layer", "where", "problem", "reproduce")
    return "\n".join(_clean(f"{key}: {record[key]}") for key in keys if record[key] is not None)


def _clean(value: Any) -> str:
    """Return text without the characters that XML cannot hold."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", str(value))
