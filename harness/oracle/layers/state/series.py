"""A long series of equal calls, whose outputs live on."""

from collections.abc import Iterator

from ....numerics.operands import reals
from ...output import BreachError
from ...probe_data import Probe
from ...trial import Trial
from ...verdict import Verdict

_CALLS = {"standard": 70, "thorough": 300}
"""A ring of fewer buffers than this is found: the largest power of two in it is a number that is kept."""

_SECONDS = {"standard": 0.1, "thorough": 0.4}
"""After this a slow kernel is not called again."""

_REALS = Probe(reals)


def in_series(trial: Trial) -> Iterator[Verdict]:
    """Call on the same operands again and again: each output has memory of its own, and stays as it is."""
    operands, true = trial.data_of(_REALS)
    bound = trial.bound(operands)
    seen = trial.host.in_series(bound, _CALLS[trial.level], _SECONDS[trial.level])
    if seen.overlap:
        earlier, later = seen.overlap
        raise BreachError(
            f"returned in call {later} memory of the output of call {earlier}, which is in use; "
            "want a new one every call"
        )
    for index, output in enumerate(seen.outputs):
        y = trial.checked(bound, output, operands)
        yield trial.compared(y, true, exact=False, given=f"{2**index - 1} equal calls before")
    if seen.other and trial.implementation.deterministic:
        reason = f"gave another result in call {seen.other} than in the first of equal calls"
        yield trial.failure("wrong", f"{reason}; if it may, declare deterministic=False")
