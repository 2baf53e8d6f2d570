"""Kernels whose relative cost is known exactly: each repeats the same convolution a given number of times.

A kernel of 102 units takes 102/100 times as long as one of 100, on any machine. All are 1×1 convolutions,
since a unit then takes one line; a name that ends in `again` is a second copy of the same kernel.
"""

import numpy as np

from convharness import implementation

BASES = (20, 100)
SLOWDOWNS = (0.01, 0.02, 0.05, 0.10)


def _product(x, weight):
    n, c, *size = x.shape
    y = np.matmul(weight.reshape(-1, c), x.reshape(n, c, -1))  # (O, C) @ (N, C, HW) -> (N, O, HW)
    return y.reshape(n, -1, *size)


def _scaling(x, weight):
    return np.multiply(x, weight.reshape(-1, 1, 1))  # one channel in and out for each group


def _loops(x, weight):
    (pixels,), (((factor,),),) = x.reshape(1, -1).tolist(), weight.reshape(1, 1, 1).tolist()
    return np.array([pixel * factor for pixel in pixels], x.dtype).reshape(x.shape)


def _paced(unit, units):
    """Return a kernel that repeats the whole work `units` times, each time from the start."""

    def kernel(x, weight, groups):
        for _ in range(units):
            y = None  # so that every unit allocates where the one before did
            y = unit(x, weight)
        return y

    return kernel


def _depthwise(problem):
    is_one = problem.groups == problem.in_channels == problem.out_channels
    return None if is_one else "needs one channel per group"


KINDS = {
    "product": (_product, {"groups": 1}),
    "scaling": (_scaling, {"when": _depthwise}),
    "loops": (_loops, {"batch_size": 1, "in_channels": 1, "out_channels": 1}),
}


def names_of(kind, base):
    """Return the units of the kernels of a kind and a base, by name: the base twice, and each slow-down."""
    slower = {step: round(base * step) for step in SLOWDOWNS}
    shown = {step: extra for step, extra in slower.items() if extra and abs(extra - base * step) < 1e-9}
    return {
        f"{kind}_{base}": base,
        f"{kind}_{base}_again": base,
        **{f"{kind}_{base + extra}": base + extra for extra in shown.values()},
    }


for _kind, (_unit, _facts) in KINDS.items():
    for _base in BASES:
        for _name, _units in names_of(_kind, _base).items():
            globals()[_name] = implementation(kernel_size=1, name=f"paces.{_name}", **_facts)(
                _paced(_unit, _units)
            )
