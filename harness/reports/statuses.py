"""How a status is shown: its mark and its meaning, and whether it counts as a failure."""

from ..oracle import verdict

GLYPHS = {
    "passed": "✓",
    "imprecise": "≈",
    "wrong": "✗",
    "contract": "§",
    "error": "!",
    "crashed": "†",
    "timeout": "T",
    "memory": "M",
    "mistrusted": "?",
    "unsupported": "·",
    "unavailable": "∅",
}
MEANINGS = {
    "passed": "right, within its error bound",
    "imprecise": "the right algorithm in a lower precision than declared",
    "wrong": "outside its error bound",
    "contract": "broke the contract: shape, type, inputs changed, late results",
    "error": "raised an exception",
    "crashed": "its process died",
    "timeout": "took too long",
    "memory": "needed too much memory",
    "mistrusted": "the check proved nothing",
    "unsupported": "not meant for this problem",
    "unavailable": "its library is missing",
}
STATUSES = tuple(GLYPHS)
FAILURES = tuple(status for status in STATUSES if status in verdict.FAILURES)
SKIPPED = ("unsupported", "unavailable", "mistrusted")
