"""Writes suites/corner.toml: few problems in which every two unusual things meet.

    python tools/corner_suite.py

The dimensions of a convolution and the values of each at which kernels go wrong are declared below.
A greedy covering (Cohen, Dalal, Fredman and Patton, The AETG System, 1997) picks problems until
every pair of values of two dimensions that a problem can have occurs in one; cases that no table
gives are written by hand. They are ordered by what they kill: first the one that most kernels of
the zoo fail at, then the one at which most of the others do, and so on.
"""

import random
from itertools import combinations
from pathlib import Path

from convharness import Case, Problem, ProblemError
from convharness.oracle import Oracle
from convharness.zoo import WRONG

TABLE = {
    "channels": [(1, 1, 1), (3, 5, 1), (4, 6, 2), (6, 6, 6), (3, 9, 3), (17, 15, 1), (10, 15, 5)],
    "batch_size": [1, 2, 3],
    "input_size": [(7, 6), (5, 13), (11, 8), (16, 17)],
    "kernel_size": [(3, 3), (1, 1), (2, 3), (1, 5), (4, 1), (5, 2)],
    "stride": [(1, 1), (2, 1), (1, 3), (5, 4)],
    "padding": [0, (1, 2), ((0, 2), (1, 0)), ((2, -1), (1, -2)), ((2, 2), (0, 3))],
    "dilation": [(1, 1), (2, 1), (1, 3), (2, 2)],
    "padding_mode": ["zeros", "reflect", "replicate", "circular"],
    "bias": [False, True],
}

BY_HAND = {
    "one pixel": "n2c5h1w1-o7k1b-float32",
    "one pixel, padded": "n1c3h1w1-o2k3p1-float32",
    "kernel equal to the input": "n2c3h5w4-o6k5x4-float32",
    "kernel equal to the padded input": "n1c2h4w3-o3k6x7p1x2-float32",
    "stride larger than the kernel": "n2c3h11w13-o4k2s5x4-float32",
    "zero batch": "n0c3h6w6-o4k3p1b-float32",
    "padding wider than the kernel": "n1c2h5w4-o3k2x3p3x4-float32",
    "every parameter and every axis of its own": "n2c6h13w11-o9k3x2s2x3p2:1x0:3d1x2g3b-float32",
    "every parameter in three axes": "n2c4d5h7w6-o6k2x3x1s1x2x3p1x0x2:1d2x1x3g2b-float32",
    "every parameter in one axis": "n2c6w23-o9k4s3p2:1d2g3b-float32",
    "every parameter, reflected": "n1c4h9w8-o6k3x4s2x1p2:3x1:0d1x2g2b-reflect-float32",
    "every parameter, replicated": "n1c4h6w7-o2k2x3s1x2p4:2x3:5d2x1g2b-replicate-float32",
    "every parameter, round": "n2c4h7w6-o4k3x2s2x3p3:1x2:4d2x3g4b-circular-float32",
    "even kernel, dilated": "n1c2h12w10-o3k4x2p2:1x1:0d3x2-float32",
    "square, as many in as out": "n2c4h6w6-o4k3p1b-float32",
    "all sizes alike": "n4c4h4w4-o4k3p1b-float32",
    "depthwise, two for one": "n1c5h6w7-o10k3p1g5-float32",
    "groups of odd size": "n1c15h5w6-o21k2x3g3b-float32",
    "width one less than a vector": "n1c8h3w15-o16k3p1-float32",
    "width of a vector": "n1c16h3w16-o8k3p1-float32",
    "width one more than a vector": "n1c7h3w17-o9k3p1-float32",
    "two vectors less one": "n1c9h2w31-o31k1x3-float32",
    "two vectors and one": "n1c33h2w33-o17k1x2-float32",
    "four vectors and three": "n1c3h2w67-o5k1x3s1x2p0x1-float32",
    "primes": "n1c13h17w19-o11k3x5-float32",
    "one axis": "n2c3w17-o4k3p1b-float32",
    "one axis, strided and dilated": "n1c4w29-o6k4s3p3:1d2g2-float32",
    "one axis, reflected": "n1c2w9-o3k5p4:3-reflect-float32",
    "one axis, round": "n1c2w8-o3k3p5:2d2-circular-float32",
    "three axes": "n1c3d4h5w6-o4k2x3x3p0x1x1b-float32",
    "three axes, first alone": "n1c2d9h1w1-o3k3x1x1s2x1x1p1x0x0-float32",
    "three axes, last alone": "n1c2d1h1w9-o3k1x1x4p0x0x2:1d1x1x2-float32",
    "three axes, middle alone": "n1c4d1h9w1-o2k1x3x1g2b-float32",
    "three axes, reflected": "n1c2d4h3w5-o3k2p1x2:0x0:3-reflect-float32",
    "three axes, replicated": "n1c2d3h4w3-o2k3x2x1p2:-1x1x0:2d1x2x1-replicate-float32",
    "many rows and columns": "n1c2h70w90-o2k3-float32",
    "a long line": "n1c1w70003-o1k3-float32",
    "many channels in": "n1c300h4w4-o3k1b-float32",
    "many channels in a group": "n1c280h4w3-o4k2g2-float32",
    "many channels out": "n1c3h4w5-o140k2-float32",
    "many samples": "n9c3h5w4-o2k3p1-float32",
    "tall": "n1c2h130w3-o3k5x2-float32",
    "a volume": "n1c2d9h10w11-o3k3-float32",
    "float64": "n2c3h7w6-o4k3x2s1x2p1x0:2d1x2b-float64",
    "float64, many products": "n1c64h5w6-o3k3-float64",
    "float16": "n2c4h7w6-o6k3x2s1x2p1x0:2g2b-float16",
    "float16, many products": "n1c96h5w6-o3k3-float16",
    "bfloat16": "n2c4h7w6-o6k3x2s1x2p1x0:2g2b-bfloat16",
    "bfloat16, many products": "n1c96h5w6-o3k3-bfloat16",
    "float32, many products": "n1c200h6w5-o4k3-float32",
}

TRIES = 40
"""How many problems are drawn for each that is picked."""


def problem_of(row):
    """Return the problem of a row of the table, or None where there is none."""
    fields = dict(row)
    fields["in_channels"], fields["out_channels"], fields["groups"] = fields.pop("channels")
    try:
        problem = Problem(**fields)
    except ProblemError:
        return None
    # Without padding a mode says nothing, and such a row would not cover it.
    padded = any(max(pair) > 0 for pair in problem.pads)
    return problem if padded or fields["padding_mode"] == "zeros" else None


def pairs(row):
    """Return every two choices of a row."""
    return set(combinations(sorted(((name, repr(value)) for name, value in row.items())), 2))


def covering():
    """Return problems in which every pair of values occurs that can."""
    draw = random.Random(0)
    wanted, covered, chosen = set(), set(), []
    for (a, firsts), (b, seconds) in combinations(TABLE.items(), 2):
        wanted |= {tuple(sorted([(a, repr(x)), (b, repr(y))])) for x in firsts for y in seconds}
    idle = 0
    while wanted - covered and idle < 60:
        best, gain = None, 0
        missing = sorted(wanted - covered)
        for _ in range(TRIES):
            seed_pair = draw.choice(missing)
            row = {name: draw.choice(values) for name, values in TABLE.items()}
            for name, shown in seed_pair:
                row[name] = next(value for value in TABLE[name] if repr(value) == shown)
            new = len((pairs(row) & wanted) - covered)
            if new > gain and problem_of(row) is not None:
                best, gain = row, new
        idle = 0 if best else idle + 1
        if best:
            covered |= pairs(best)
            chosen.append(problem_of(best))
    return chosen, sorted(wanted - covered)


def ordered(problems):
    """Return labelled problems, those first that kill what the ones before them let live."""
    oracle = Oracle(level="quick")
    kills = {
        label: {str(m) for m in WRONG if oracle.judge(m.implementation, Case(label, (problem,))).failed}
        for label, problem in problems.items()
    }
    alive, order, rest = set().union(*kills.values()), [], dict(problems)
    while rest:
        label = max(rest, key=lambda one: (len(kills[one] & alive), len(kills[one]), -rest[one].dense_macs))
        alive -= kills[label]
        order.append((label, rest.pop(label), len(kills[label])))
    return order


def main():
    """Write the suite."""
    chosen, impossible = covering()
    problems = {f"pairs-{number:02}": problem for number, problem in enumerate(chosen, start=1)}
    problems |= {
        label.replace(", ", "-").replace(" ", "-"): Problem.parse(text) for label, text in BY_HAND.items()
    }
    lines = [
        "# Written by tools/corner_suite.py, which declares the dimensions and their values.",
        'description = "Where geometry goes wrong: every pair of unusual values, and the edges of each."',
    ]
    for label, problem, _ in ordered(problems):
        lines += ["", "[[case]]", f'label = "{label}"', f'problem = "{problem}"']
    path = Path(__file__).parents[1] / "suites" / "corner.toml"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    print(f"{len(problems)} cases, {len(chosen)} of them from the table; {len(impossible)} pairs cannot be")


if __name__ == "__main__":
    main()
