"""Memory that is looked at round by round."""

from convharness.machine.memory_growth import sizes_after


class Process:
    """A process whose memory grows by what it is told, and whose clock moves by one second a call."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.calls: list[int] = []

    def act(self, number: int) -> None:
        """Grow."""
        self.calls.append(number)

    def size(self) -> int:
        """Return what it holds."""
        return 1000 + self.step * len(self.calls)

    def now(self) -> float:
        """Return the time."""
        return float(len(self.calls))


def sizes_of(process: Process, enough: int = 10**9, within_s: float = 100.0) -> list[int]:
    """Return what three rounds of two calls find."""
    return sizes_after(
        process.act, 3, 2, enough_bytes=enough, within_s=within_s, size=process.size, clock=process.now
    )


def test_memory_is_looked_at_before_and_after_each_round() -> None:
    """Calls are numbered through."""
    process = Process(5)

    assert [1000, 1010, 1020, 1030] == sizes_of(process)
    assert [0, 1, 2, 3, 4, 5] == process.calls


def test_no_round_begins_where_growth_is_enough_or_the_time_is_up() -> None:
    """The round that has begun is ended."""
    assert [1000, 1010] == sizes_of(Process(5), enough=10)
    assert [1000, 1010, 1020] == sizes_of(Process(5), within_s=2.5)


def test_a_system_that_does_not_say_is_no_error() -> None:
    """There is nothing to be seen then."""

    def unknown() -> int:
        raise ValueError("no such line")

    assert [] == sizes_after(len, 3, 2, enough_bytes=1, within_s=1.0, size=unknown)  # type: ignore[arg-type]


def test_what_this_process_keeps_is_seen() -> None:
    """By the page."""
    kept = []
    size = 2**26  # more than the C library ever gives from memory that was freed
    sizes = sizes_after(lambda _: kept.append(bytearray(size)), 2, 2, enough_bytes=2**40, within_s=10.0)

    assert sizes == [] or sizes[-1] - sizes[0] > 3 * size
