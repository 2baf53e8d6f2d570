"""Implementations in processes of their own, which never hold an expected value.

The parent owns data, seeds, expected values, verdicts and files. A worker holds one implementation
and its library: `process` starts and ends it and speaks with it, through the `channel` in words and
through the `arena` in arrays; `child` is what runs there, and `template` what is copied to be timed;
`remote` is the host that the judge and the stopwatch see, and `staff` all workers of a run.
"""

from .declaration import read_facts, written_facts
from .process import Limits, die_with_parent, end_marked
from .staff import Staff, ceilings_of, examined

__all__ = [
    "Limits",
    "Staff",
    "ceilings_of",
    "die_with_parent",
    "end_marked",
    "examined",
    "read_facts",
    "written_facts",
]
