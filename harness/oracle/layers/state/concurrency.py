"""Calls from several threads at once."""

from collections.abc import Iterator

from ...trial import Trial
from ...verdict import Verdict

_CALLS_AT_ONCE = 6


def at_once(trial: Trial) -> Iterator[Verdict]:
    """Call from several threads at once, each with content of its own."""
    contents = [trial.data_of(trial.sharp, draw) for draw in range(3)]
    contents.append(contents[0])
    held = [trial.bound(operands) for operands, _ in contents]
    for bound, (operands, true), outputs in zip(
        held, contents, trial.host.at_once(held, _CALLS_AT_ONCE), strict=True
    ):
        for output in outputs:
            y = trial.checked(bound, output, operands)
            yield trial.compared(y, true, exact=True, given=f"{len(held)} threads at once")
