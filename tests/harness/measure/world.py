"""A simulated clock that only calls advance, and rivals on it."""

from collections.abc import Callable
from typing import Any

from convharness.measure.stopwatch import Clock, Stopwatch


class World:
    """A clock and a diary: each call advances the clock by a given time and is written into the diary."""

    def __init__(self) -> None:
        self.now = 0.0
        self.diary: list[str] = []

    def clock(self) -> float:
        """Return the time in seconds; reading it takes none."""
        return self.now

    def rival(
        self,
        name: str,
        call_s: float,
        act: Callable[[int], Any] = lambda count: None,
        clock: Clock | None = None,
        **how: Any,
    ) -> Stopwatch:
        """Return a rival whose calls take `call_s` seconds; `act` gets the number of calls so far."""
        count = 0

        def call() -> Any:
            nonlocal count
            count += 1
            self.now += call_s
            self.diary.append(name)
            return act(count)

        return Stopwatch(name, call, clock=clock or self.clock, **how)

    def act(self, word: str, seconds: float = 0.0) -> Callable[..., Any]:
        """Return a function that takes some seconds, is written down, and returns the diary's length."""

        def do(*_: object) -> int:
            self.now += seconds
            self.diary.append(word)
            return len(self.diary)

        return do
