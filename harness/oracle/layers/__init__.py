"""The layers of the oracle: each module has one kind of check, and exports it as `LAYER`."""

from . import bound, contract, exact, layout, memory, nonfinite, precision, state, values

ORDER = (
    contract.LAYER,
    exact.LAYER,
    precision.LAYER,
    bound.LAYER,
    values.LAYER,
    nonfinite.LAYER,
    layout.LAYER,
    state.LAYER,
    memory.LAYER,
)
"""The layers, the cheapest first."""
