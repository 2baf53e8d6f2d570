"""The layers of the oracle: each module has one kind of check, and exports it as `LAYER`."""

from . import bound, contract, exact, full_size, layout, memory, nonfinite, precision, state, threads, values

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
    full_size.LAYER,
    threads.LAYER,
)
"""The layers, the cheapest first."""
