"""How long a process waited for a CPU."""

import os

from convharness.machine.run_delay import RunDelay


def test_it_grows_and_is_never_negative() -> None:
    """It is counted from the start of the process."""
    delay = RunDelay(os.getpid())
    first, second = delay.seconds(), delay.seconds()

    assert 0.0 <= first <= second


def test_it_is_nothing_for_a_process_that_is_not_there() -> None:
    """As on systems that do not count it."""
    assert 0.0 == RunDelay(2**22).seconds()
