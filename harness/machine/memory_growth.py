"""How the memory of this process grows while something is done again and again."""

import gc
from collections.abc import Callable
from time import perf_counter

from .peak_memory import resident


def sizes_after(
    act: Callable[[int], object],
    rounds: int,
    each: int,
    *,
    enough_bytes: int,
    within_s: float,
    size: Callable[[], int] = lambda: resident("RssAnon"),
    clock: Callable[[], float] = perf_counter,
) -> list[int]:
    """Return the bytes that the process holds of its own at the beginning and after each round.

    A round is `each` calls of `act`, which is told how many there were before. What only the garbage
    collector frees is freed before memory is looked at. There are fewer rounds where memory has grown by
    `enough_bytes`, or the time is up; none at all where the system does not say what a process holds.
    """
    end = clock() + within_s
    try:
        gc.collect()
        sizes = [size()]
        for count in range(rounds):
            for number in range(count * each, (count + 1) * each):
                act(number)
            gc.collect()
            sizes.append(size())
            if sizes[-1] - sizes[0] >= enough_bytes or clock() > end:
                break
    except (OSError, ValueError):
        return []
    return sizes
