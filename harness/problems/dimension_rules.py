"""What the dimensions of random problems are drawn from: one rule for each, with the sizes that matter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from random import Random
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Rule:
    """What a dimension is drawn from: half of the time at, just below or just above a threshold.

    Otherwise it is a multiple of a width, for a dimension that has them, or log-uniform.
    """

    least: int
    most: int
    thresholds: tuple[int, ...]
    widths: tuple[int, ...] = ()

    def draw(self, random: Random) -> int:
        """Return a value from `least` to `most`."""
        if random.random() < 0.5:
            value = one_of(random, self.thresholds) + one_of(random, (-1, 0, 1))
        elif self.widths and random.random() < 0.5:
            value = one_of(random, self.widths) * log_uniform(random, 1, 8)
        else:
            value = log_uniform(random, self.least, self.most)
        return min(max(value, self.least), self.most)


_WIDTHS = (4, 8, 16, 32)

RULES: Mapping[str, Rule] = {
    "batch_size": Rule(2, 70, (4, 8, 16, 32, 64)),
    "in_channels": Rule(1, 1100, (4, 8, 16, 32, 64, 128, 256, 512, 1024), _WIDTHS),
    "out_channels": Rule(1, 1100, (4, 8, 16, 32, 64, 128, 256, 512, 1024), _WIDTHS),
    "groups": Rule(2, 40, (3, 4, 7, 8, 16, 32)),
    "group_in": Rule(1, 40, (2, 4, 8, 16, 32), (4, 8)),
    "group_out": Rule(1, 40, (2, 4, 8, 16, 32), (4, 8)),
    "input_size": Rule(1, 80, (8, 16, 32)),
    "row": Rule(1, 5000, (4, 8, 16, 32, 64, 128, 256, 1024, 4096)),
    "kernel_size": Rule(1, 17, (2, 5, 7, 8, 12, 16)),
    "stride": Rule(2, 8, (3, 5, 6)),
    "dilation": Rule(2, 16, (2, 4, 5, 8)),
    "padding": Rule(1, 33, (2, 4, 8, 16, 32)),
}
"""By dimension: `group_in` and `group_out` are channels of a group, `row` the last axis of a wide image."""


def log_uniform(random: Random, least: int, most: int) -> int:
    """Return a whole number from `least` to `most`, each decade as likely as the next."""
    return min(most, int(exp(log(least) + random.random() * (log(most + 1) - log(least)))))


def one_of(random: Random, values: Sequence[T]) -> T:
    """Return one of the values, each as likely as the next."""
    return values[int(random.random() * len(values))]
